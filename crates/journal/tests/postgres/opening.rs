//! Databases that are no journal, not ours to use, or of another version.

use futures_util::future::join_all;
use kasse_core::PaymentId;
use kasse_core::journal::{Batch, InboxItem, Journal, Quote, Write};
use kasse_journal::testing::Cluster;
use kasse_journal::{
    OpenError, PostgresError, PostgresJournal, inspect_postgres, migrate_postgres,
};

use crate::common::{batch, begin, id, payment};
use crate::support::{connect, is_whole, options, whole};

async fn refused(url: &str) -> OpenError {
    PostgresJournal::connect(options(url)).await.unwrap_err()
}

#[tokio::test]
async fn of_many_that_come_first_one_makes_the_tables() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let url = cluster.database();
    assert_eq!(inspect_postgres(&options(&url)).await.unwrap(), None);
    let migrations = (0..5).map(|_| {
        let options = options(&url);
        async move { migrate_postgres(&options).await.unwrap() }
    });
    let migrations = join_all(migrations).await;
    let newest = migrations[0].to;
    assert!(migrations.iter().all(|migrated| migrated.to == newest));
    assert_eq!(
        migrations
            .iter()
            .filter(|migrated| migrated.from == 0)
            .count(),
        1
    );
    connect(&url).await.write(whole("acme-1001")).await.unwrap();
    let found = inspect_postgres(&options(&url)).await.unwrap().unwrap();
    assert_eq!((found.version, found.payments), (newest, 1));
    assert!(found.bytes > 0);
}

#[tokio::test]
async fn a_newer_journal_and_another_programs_tables_are_refused_and_left_alone() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let url = cluster.database();
    connect(&url).await.close().await;
    cluster.sql(&url, "UPDATE kasse.meta SET value = 99");
    let error = refused(&url).await;
    assert!(error.to_string().contains("version 99"), "{error}");
    assert!(inspect_postgres(&options(&url)).await.is_err());
    assert_eq!(cluster.sql(&url, "SELECT value FROM kasse.meta"), "99");

    let url = cluster.database();
    cluster.sql(&url, "CREATE SCHEMA kasse; CREATE TABLE kasse.theirs ()");
    let error = refused(&url).await;
    assert!(
        matches!(error, OpenError::Postgres(PostgresError::NotAJournal(_))),
        "{error}"
    );
    // Tables beside ours are nobody's worry.
    let url = cluster.database();
    cluster.sql(&url, "CREATE TABLE payments (theirs TEXT)");
    connect(&url).await.write(whole("acme-1001")).await.unwrap();
}

#[tokio::test]
async fn what_a_role_may_not_do_is_named() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let url = cluster.database();
    let name = url.rsplit('/').next().unwrap().to_owned();
    let role = |kind: &str| format!("{kind}_{name}");
    let as_role = |kind: &str| url.replace("kasse@", &format!("{}:canary@", role(kind)));
    for kind in ["stranger", "reader", "user", "owner"] {
        cluster.sql(&url, &format!("CREATE ROLE {} LOGIN", role(kind)));
    }
    // Who may make nothing there.
    let error = refused(&as_role("stranger")).await;
    assert!(
        matches!(error, OpenError::Postgres(PostgresError::Rights { .. })),
        "{error}"
    );
    // Who has a schema of their own needs nothing else.
    cluster.sql(
        &url,
        &format!("CREATE SCHEMA kasse AUTHORIZATION {}", role("owner")),
    );
    let owner = connect(&as_role("owner")).await;
    owner.write(whole("acme-1001")).await.unwrap();

    let reader = role("reader");
    cluster.sql(
        &url,
        &format!(
            "GRANT USAGE ON SCHEMA kasse TO {reader};
             GRANT SELECT ON ALL TABLES IN SCHEMA kasse TO {reader}"
        ),
    );
    let error = refused(&as_role("reader")).await;
    let said = error.to_string();
    assert!(said.contains("INSERT on payments"), "{said}");
    assert!(
        said.contains(&reader) && said.contains("USAGE on epochs"),
        "{said}"
    );
    assert!(!said.contains("canary"), "{said}");
    // Who may change rows may be a server where there is nothing to migrate.
    let user = role("user");
    cluster.sql(
        &url,
        &format!(
            "GRANT USAGE ON SCHEMA kasse TO {user};
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA kasse TO {user};
             GRANT USAGE ON ALL SEQUENCES IN SCHEMA kasse TO {user}"
        ),
    );
    let journal = connect(&as_role("user")).await;
    journal.write(whole("acme-1002")).await.unwrap();
    journal
        .write(batch([Write::Erase(id("acme-1002"))]))
        .await
        .unwrap();
    assert!(is_whole(&owner, "acme-1002").await);
}

#[tokio::test]
async fn a_database_that_will_not_do_says_why() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    // Nobody listens there.
    let error = refused("postgres://someone:canary@127.0.0.1:1/nowhere").await;
    let said = error.to_string();
    assert!(said.contains("127.0.0.1:1/nowhere"), "{said}");
    assert!(
        !said.contains("canary") && !said.contains("someone"),
        "{said}"
    );
    // There is no such database.
    let error = refused(&cluster.url("nowhere")).await;
    assert!(error.to_string().contains("does not exist"), "{error}");
    // Its texts are not Unicode.
    let latin = cluster.database_as("TEMPLATE template0 ENCODING LATIN1 LOCALE 'C'");
    let error = refused(&latin).await;
    assert!(
        matches!(error, OpenError::Postgres(PostgresError::Encoding { .. })),
        "{error}"
    );
    // It takes no writes.
    let url = cluster.database();
    let name = url.rsplit('/').next().unwrap();
    let sql = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    cluster.sql("postgres", &sql);
    let error = refused(&url).await;
    assert!(
        matches!(
            error,
            OpenError::Postgres(PostgresError::Unreachable { .. })
        ),
        "{error}"
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_named_and_not_quoted() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let url = cluster.database();
    let journal = connect(&url).await;
    journal.write(whole("acme-1001")).await.unwrap();
    journal.write(whole("acme-1002")).await.unwrap();
    cluster.sql(
        &url,
        "UPDATE kasse.payments SET doc = '{\"canary\"' WHERE reference = 'acme-1002';
         UPDATE kasse.places SET last = 1",
    );
    let error = journal.payment(&id("acme-1002")).await.unwrap_err();
    assert!(error.to_string().contains("main/acme-1002"), "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
    let found = inspect_postgres(&options(&url)).await.unwrap().unwrap();
    let said = found.broken.join("\n");
    assert!(said.contains("payments main/acme-1002"), "{said}");
    assert!(said.contains("the places of shop shop"), "{said}");
    assert!(!said.contains("canary"), "{said}");
}

#[tokio::test]
async fn texts_with_a_zero_in_them_come_back() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let journal = connect(&cluster.database()).await;
    let odd = "a\0b\\0\\";
    let kept = kasse_core::Payment {
        cart: odd.into(),
        ..payment("acme-1001")
    };
    let of: PaymentId = kept.id.clone();
    let item = InboxItem {
        id: "i1".parse().unwrap(),
        payment: of.clone(),
        at: begin(),
        odd: Some(odd.to_owned()),
        event: Some(odd.to_owned()),
        body: Some(vec![0, 1, 0].into()),
    };
    let quote = Quote {
        payment: of.clone(),
        number: 1,
        key: odd.into(),
        at: begin(),
        options: Vec::new(),
        fresh: true,
    };
    let personal = kasse_core::Personal {
        user_id: Some(odd.into()),
        ..kasse_core::Personal::default()
    };
    let batch = Batch::default()
        .with(Write::Insert(Box::new(kept.clone())))
        .with(Write::Receive(item.clone()))
        .with(Write::Quote(quote.clone()))
        .with(Write::Personal(of.clone(), personal.clone()));
    journal.write(batch).await.unwrap();
    assert_eq!(journal.payment(&of).await.unwrap(), Some(kept.clone()));
    assert_eq!(journal.unread(&of).await.unwrap(), [item]);
    assert_eq!(journal.last_quote(odd).await.unwrap(), Some(quote));
    assert_eq!(journal.personal(&of).await.unwrap(), Some(personal));
    let users = journal
        .payments_of_user(&kept.order.shop, odd)
        .await
        .unwrap();
    assert_eq!(users, [of]);
    // What only looks like it is another.
    assert_eq!(journal.last_quote("a\\0b\\0\\").await.unwrap(), None);
}
