//! The journal's files: who may read them, who may open them, what is left in them, and what
//! happens where they are not what they should be.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is a test: what does not fit has to fail, in helpers too"
)]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{batch, begin, folder, id, insert, payment};
use kasse_core::journal::{InboxItem, Journal, JournalError, LeaseKey, Write};
use kasse_core::{Address, InboxId, Personal};
use kasse_journal::{OpenError, SqliteJournal};

/// Does any of the files hold this text?
fn files_hold(folder: &Path, text: &str) -> bool {
    let mut files = 0;
    let mut found = false;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        found |= bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes());
        files += 1;
    }
    assert!(files > 0);
    found
}

/// The numbers `n` of all `Navn<n>` that the files hold, each once.
fn names_in_files(folder: &Path) -> Vec<usize> {
    let mut numbers = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let after = text.split("Navn<").skip(1);
        numbers.extend(after.filter_map(|rest| rest.split('>').next()?.parse::<usize>().ok()));
    }
    numbers.into_iter().collect()
}

fn personal(name: &str, filler: usize) -> Personal {
    Personal {
        user_id: Some(format!("user-{name}")),
        last_name: Some(name.into()),
        address: Some(Address {
            line1: format!("{name} {}", "Storgata 1 ".repeat(filler)),
            line2: String::new(),
            post_code: "0154".into(),
            city: "OSLO".into(),
            country: "NO".into(),
        }),
        ..Personal::default()
    }
}

#[cfg(unix)]
#[tokio::test]
async fn folder_and_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder("modes");
    let path = folder.path().join("a").join("journal");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let journal = SqliteJournal::open(&path).unwrap();
    journal.write(batch([insert("acme-1001")])).await.unwrap();
    assert_eq!(mode(&path), 0o700);
    let check = || {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&path).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(mode(&entry.path()), 0o600, "{entry:?}");
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        names
    };
    assert_eq!(
        check(),
        [
            "journal.lock",
            "journal.sqlite3",
            "journal.sqlite3-shm",
            "journal.sqlite3-wal"
        ]
    );
    journal.close().await;
    // A copy that was put back, readable for all.
    let open = PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(path.join("journal.sqlite3"), open).unwrap();
    let journal = SqliteJournal::open(&path).unwrap();
    journal.write(batch([insert("acme-1002")])).await.unwrap();
    check();
}

#[tokio::test]
async fn a_second_opening_is_refused_at_once_and_says_whom_to_ask() {
    let folder = folder("lock");
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let error = SqliteJournal::open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("ask the running server"), "{text}");
    assert!(
        text.contains(&folder.path().display().to_string()),
        "{text}"
    );
    if cfg!(unix) {
        assert!(
            text.contains(&format!("process {}", std::process::id())),
            "{text}"
        );
    }
    // The one that has it was not disturbed.
    journal.write(batch([insert("acme-1001")])).await.unwrap();
    journal.close().await;
    let journal = SqliteJournal::open(folder.path()).unwrap();
    assert!(journal.payment(&id("acme-1001")).await.unwrap().is_some());
    // Dropped is closed, too.
    drop(journal);
    SqliteJournal::open(folder.path()).unwrap();
}

#[tokio::test]
async fn a_lease_of_before_is_not_one_of_now() {
    let folder = folder("epochs");
    let key = LeaseKey::payment(&id("acme-1001"));
    let until = begin() + jiff::SignedDuration::from_secs(60);
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let before = journal
        .acquire(&key, begin(), until)
        .await
        .unwrap()
        .unwrap();
    journal.close().await;
    let journal = SqliteJournal::open(folder.path()).unwrap();
    // Nobody has to wait for the lease of a process that has ended.
    let now = journal
        .acquire(&key, begin(), until)
        .await
        .unwrap()
        .unwrap();
    assert!(now.epoch > before.epoch, "{now:?} {before:?}");
    let late = kasse_core::journal::Batch::under(&before).with(insert("acme-1001"));
    assert_eq!(journal.write(late).await, Err(JournalError::LeaseLost(key)));
}

#[tokio::test]
async fn erased_data_is_in_no_file() {
    let folder = folder("erase");
    let journal = Arc::new(SqliteJournal::open(folder.path()).unwrap());
    let name = "Nedstrand-Ueland";
    let body = format!(r#"{{"userDetails":{{"lastName":"{name}"}}}}"#);
    let item = |reference: &str| InboxItem {
        id: InboxId::new(format!("i-{reference}")).unwrap(),
        payment: id(reference),
        at: begin(),
        odd: None,
        event: None,
        body: Some(body.clone().into()),
    };
    let write = async |writes| journal.write(batch::<1>(writes)).await.unwrap();
    journal
        .write(batch([insert("acme-1001"), insert("acme-1002")]))
        .await
        .unwrap();
    write([Write::Personal(id("acme-1001"), personal(name, 3))]).await;
    // Written over, read and unread: none of it may stay.
    write([Write::Personal(id("acme-1001"), personal(name, 900))]).await;
    write([Write::Personal(id("acme-1001"), personal(name, 1))]).await;
    journal
        .write(batch([
            Write::Receive(item("acme-1001")),
            Write::Receive(item("acme-1002")),
        ]))
        .await
        .unwrap();
    write([Write::Read(item("acme-1002").id)]).await;
    assert!(
        files_hold(folder.path(), name),
        "the test can see what is there"
    );
    write([Write::Erase(id("acme-1001"))]).await;
    assert!(!files_hold(folder.path(), name));
    assert!(!files_hold(folder.path(), "user-Nedstrand"));
    // Nothing comes back from the log.
    Arc::into_inner(journal).unwrap().close().await;
    assert!(!files_hold(folder.path(), name));
    let journal = SqliteJournal::open(folder.path()).unwrap();
    assert!(journal.payment(&id("acme-1001")).await.unwrap().is_some());
    assert_eq!(journal.personal(&id("acme-1001")).await.unwrap(), None);
}

#[tokio::test]
async fn of_many_each_erased_one_is_gone_while_others_are_read() {
    let folder = folder("erase-many");
    let journal = Arc::new(SqliteJournal::open(folder.path()).unwrap());
    let reference = |number: usize| format!("acme-{:05}", number * 7919 % 10_007);
    let name = |number: usize| format!("Navn<{number}>");
    let count = 240;
    for number in 0..count {
        let filler = [1, 40, 5, 700, 12][number % 5];
        let writes = batch([
            insert(&reference(number)),
            Write::Personal(id(&reference(number)), personal(&name(number), filler)),
        ]);
        journal.write(writes).await.unwrap();
    }
    // Somebody reads all the while: the log can be emptied all the same.
    let reading = {
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            loop {
                journal
                    .list(&kasse_core::journal::Filter::default())
                    .await
                    .unwrap();
                tokio::task::yield_now().await;
            }
        })
    };
    let order: Vec<usize> = (0..count).map(|number| number * 101 % count).collect();
    for (done, number) in order.iter().enumerate() {
        journal
            .write(batch([Write::Erase(id(&reference(*number)))]))
            .await
            .unwrap();
        if done % 40 == 39 {
            let mut kept: Vec<usize> = order[done + 1..].to_vec();
            kept.sort_unstable();
            assert_eq!(names_in_files(folder.path()), kept);
        }
    }
    reading.abort();
    assert!(reading.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn what_cannot_be_read_is_named_by_table_and_key() {
    let folder = folder("corrupt");
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let writes = batch([
        insert("acme-1001"),
        insert("acme-1002"),
        Write::Personal(id("acme-1001"), personal("Låmann", 1)),
    ]);
    journal.write(writes).await.unwrap();
    journal.close().await;
    let file = rusqlite::Connection::open(folder.path().join("journal.sqlite3")).unwrap();
    file.execute_batch(
        "UPDATE payments SET doc = '{\"id\": 1}' WHERE reference = 'acme-1001';
         UPDATE personal SET doc = '\"Låmann\"';",
    )
    .unwrap();
    drop(file);
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let error = journal.payment(&id("acme-1001")).await.unwrap_err();
    assert!(matches!(error, JournalError::Corrupt(_)), "{error}");
    assert!(
        error.to_string().contains("payment main/acme-1001"),
        "{error}"
    );
    let error = journal.personal(&id("acme-1001")).await.unwrap_err();
    assert!(
        error.to_string().contains("personal main/acme-1001"),
        "{error}"
    );
    assert!(!error.to_string().contains("Låmann"), "{error}");
    // The others can be read, and the one can be written anew.
    assert!(journal.payment(&id("acme-1002")).await.unwrap().is_some());
    let update = Write::Update(Box::new(payment("acme-1001")));
    journal.write(batch([update])).await.unwrap();
    assert_eq!(
        journal.payment(&id("acme-1001")).await.unwrap(),
        Some(payment("acme-1001"))
    );
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_refused_and_left_as_it_is() {
    let folder = folder("foreign");
    let path = folder.path().join("journal.sqlite3");
    std::fs::write(
        &path,
        "this is a text file, and long enough to be looked at ".repeat(40),
    )
    .unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = SqliteJournal::open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Sqlite(_)), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::remove_file(&path).unwrap();
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(file);
    let error = SqliteJournal::open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::NotAJournal(_)), "{error}");
}

#[tokio::test]
async fn a_newer_journal_is_refused() {
    let folder = folder("newer");
    SqliteJournal::open(folder.path()).unwrap().close().await;
    let file = rusqlite::Connection::open(folder.path().join("journal.sqlite3")).unwrap();
    file.pragma_update(None, "user_version", 4711).unwrap();
    drop(file);
    let error = kasse_core::Error::from(SqliteJournal::open(folder.path()).unwrap_err());
    assert!(error.why.contains("version 4711"), "{error}");
    assert!(error.advice.contains("newer kasse"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = folder("no-folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = SqliteJournal::open(&file.join("journal")).unwrap_err();
    assert!(matches!(error, OpenError::Files { .. }), "{error}");
    assert!(error.to_string().contains("journal"), "{error}");
}

#[tokio::test]
async fn many_writes_at_once_share_their_commits() {
    let folder = folder("grouped");
    let journal = SqliteJournal::open(folder.path()).unwrap();
    let writes: Vec<String> = (0..200)
        .map(|number| format!("acme-{:05}", 10_000 + number))
        .collect();
    let results = futures_util::future::join_all(
        writes
            .iter()
            .map(|reference| journal.write(batch([insert(reference)]))),
    )
    .await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert!(journal.commits() <= 50, "{} commits", journal.commits());
    for reference in &writes {
        assert!(journal.payment(&id(reference)).await.unwrap().is_some());
    }
    // One alone has one of its own.
    let before = journal.commits();
    journal.write(batch([insert("acme-alone")])).await.unwrap();
    assert_eq!(journal.commits(), before + 1);
}

#[tokio::test]
async fn a_journal_is_copied_and_looked_through_while_it_is_used() {
    let folder = folder("copied");
    let journal = SqliteJournal::open(folder.path()).unwrap();
    journal.write(batch([insert("acme-1001")])).await.unwrap();
    let named = Write::Personal(id("acme-1001"), personal("Erasmus", 1));
    journal.write(batch([named])).await.unwrap();
    journal
        .write(batch([Write::Erase(id("acme-1001"))]))
        .await
        .unwrap();

    let copies = folder.path().join("copies");
    let copy = kasse_journal::backup(folder.path(), &copies).unwrap();
    assert!(!files_hold(&copies, "Erasmus"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&copies), mode(&copy)), (0o700, 0o600));
    }
    // What came after it is not in it; the journal goes on.
    journal.write(batch([insert("acme-1002")])).await.unwrap();
    let payments = |folder: &Path| kasse_journal::inspect(folder).unwrap().unwrap().payments;
    assert_eq!((payments(folder.path()), payments(&copies)), (2, 1));
    let restored = SqliteJournal::open(&copies).unwrap();
    let found = restored.payment(&id("acme-1001")).await.unwrap();
    assert_eq!(found, Some(payment("acme-1001")));
    journal.close().await;
}

#[tokio::test]
async fn damage_is_found() {
    let folder = folder("damaged");
    let journal = SqliteJournal::open(folder.path()).unwrap();
    for number in 0..200 {
        let insert = insert(&format!("acme-{number:04}"));
        journal.write(batch([insert])).await.unwrap();
    }
    journal.close().await;
    let whole = kasse_journal::inspect(folder.path()).unwrap().unwrap();
    assert!(whole.broken.is_empty(), "{whole:?}");
    assert_eq!(whole.payments, 200);
    let file = folder.path().join("journal.sqlite3");
    let mut bytes = std::fs::read(&file).unwrap();
    // The pages of the index of all payments, as a bad disk leaves them.
    let at = bytes
        .windows(9)
        .rposition(|window| window == b"acme-0150")
        .unwrap();
    let page = at / 4096 * 4096;
    bytes[page..page + 512].fill(0x5a);
    std::fs::write(&file, bytes).unwrap();
    match kasse_journal::inspect(folder.path()) {
        Ok(Some(found)) => assert!(!found.broken.is_empty(), "{found:?}"),
        Ok(None) => panic!("there is one"),
        Err(error) => assert!(matches!(error, OpenError::Sqlite(_)), "{error}"),
    }
}
