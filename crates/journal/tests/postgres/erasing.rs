//! What was erased leaves the tables' files. (What PostgreSQL keeps besides is said in the
//! documentation.)

use std::time::{Duration, Instant};

use kasse_core::Personal;
use kasse_core::journal::{Batch, Journal, Write};
use kasse_journal::testing::Cluster;

use crate::common::{batch, id, insert};
use crate::support::{connect, item};

#[tokio::test]
async fn erased_rows_are_vacuumed_soon_after() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let url = cluster.database();
    let journal = connect(&url).await;
    for number in 0..20 {
        let reference = format!("acme-{}", 1000 + number);
        let personal = Personal {
            user_id: Some(format!("user-{number}")),
            first_name: Some("Ada".into()),
            ..Personal::default()
        };
        journal
            .write(batch([
                insert(&reference),
                Write::Personal(id(&reference), personal),
                item(&reference, "a body that names Ada"),
            ]))
            .await
            .unwrap();
    }
    let mut erase = Batch::default();
    for number in 0..19 {
        erase.push(Write::Erase(id(&format!("acme-{}", 1000 + number))));
    }
    journal.write(erase).await.unwrap();
    // Rows that are dead and not removed yet are counted by the extension that comes with
    // PostgreSQL; a vacuum removes them, and the index's entries with them.
    cluster.sql(&url, "CREATE EXTENSION IF NOT EXISTS pgstattuple");
    let dead = "SELECT sum(dead_tuple_count) FROM
        unnest('{kasse.personal,kasse.inbox}'::text[]) AS name, pgstattuple(name)";
    let patience = Instant::now() + Duration::from_secs(30);
    while cluster.sql(&url, dead) != "0" {
        assert!(
            Instant::now() < patience,
            "nobody vacuumed: {}",
            cluster.sql(&url, dead)
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let left = journal.personal(&id("acme-1019")).await.unwrap();
    assert_eq!(left.unwrap().user_id.as_deref(), Some("user-19"));
    assert_eq!(
        cluster.sql(&url, "SELECT count(*) FROM kasse.personal"),
        "1"
    );
    assert_eq!(
        cluster.sql(
            &url,
            "SELECT count(*) FROM kasse.inbox WHERE body IS NOT NULL"
        ),
        "1"
    );
}
