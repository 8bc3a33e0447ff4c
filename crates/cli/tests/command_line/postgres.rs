//! A journal on PostgreSQL: how it comes there, and several kasse with it. Where there is no
//! PostgreSQL this is left out, and says so.

use std::path::Path;
use std::process::Output;

use kasse_journal::testing::Cluster;
use serde_json::Value;

use crate::running::{Folder, Running, kasse, run, said};
use crate::serve::House;

/// Stands in the database's address, and must never be shown.
const CANARY: &str = "canary-of-the-database";

/// An address with a password (which the test's database does not ask for).
fn with_a_password(url: &str) -> String {
    url.replacen("kasse@", &format!("kasse:{CANARY}@"), 1)
}

/// The command, with the journal in this database.
fn on(url: &str, folder: &Path, args: &[&str]) -> Output {
    let mut command = kasse(folder);
    command.env("KASSE_SERVER__JOURNAL", url).args(args);
    command.output().unwrap()
}

/// It does what it should.
fn done(output: &Output) -> String {
    let (code, out, err) = said(output);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(!format!("{out}{err}").contains(CANARY), "{out}{err}");
    out
}

/// It says no, and why.
fn refused(output: &Output, why: &str) {
    let (code, out, err) = said(output);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(err.contains(why), "{why}: {err}");
    assert!(!format!("{out}{err}").contains(CANARY), "{out}{err}");
}

fn serve(url: &str, folder: &Path, data: &str) -> Running {
    let mut command = kasse(folder);
    command
        .env("KASSE_SERVER__JOURNAL", url)
        .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"])
        .args(["--data", data]);
    let mut kasse = Running::of(command);
    kasse.after("listens on ");
    kasse
}

#[cfg(unix)]
#[tokio::test]
async fn a_journal_goes_to_postgresql_and_two_kasse_go_on_with_it() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let url = with_a_password(&cluster.database());
    assert!(url.contains(CANARY), "{url}");
    let house = House::start("to-postgres");
    let reference = house.approved().await;
    let (code, _, err) = house.payments(&["capture", &reference, "100.00"]);
    assert_eq!(code, Some(0), "{err}");
    let House {
        folder,
        kasse,
        // It goes on while the others take over.
        _simulator,
        ..
    } = house;
    let folder = &folder.0;

    // A journal that is in use is written to a file, and not taken over.
    let exported = done(&run(folder, &["journal", "export", "--to", "before.jsonl"]));
    assert!(exported.contains("1 payments"), "{exported}");
    refused(
        &run(folder, &["journal", "export", "--to", "before.jsonl"]),
        "before.jsonl",
    );
    let import = ["journal", "import", "--from", "data"];
    refused(&on(&url, folder, &import), "is in use");
    assert!(kasse.terminate().success());
    refused(&on(&url, folder, &["journal", "check"]), "has no journal");
    let made = done(&on(&url, folder, &["journal", "migrate"]));
    assert!(made.contains("made, version"), "{made}");
    let imported = done(&on(&url, folder, &import));
    assert!(imported.contains("found to be the same"), "{imported}");
    // Not twice.
    refused(&on(&url, folder, &import), "1 payments already");
    let whole = done(&on(&url, folder, &["journal", "check"]));
    assert!(whole.contains("whole, 1 payments"), "{whole}");
    refused(
        &on(&url, folder, &["journal", "backup", "copy"]),
        "PostgreSQL's own means",
    );

    // Two kasse with it, each with a data folder of its own, and one folder is not for two.
    let first = serve(&url, folder, "data");
    let second = serve(&url, folder, "other");
    refused(
        &on(&url, folder, &["serve", "--listen", "127.0.0.1:0"]),
        "another kasse runs with the data folder",
    );
    let shown = |data: &str| -> Value {
        let args = ["payments", "show", &reference, "--json", "--data", data];
        serde_json::from_str(&done(&run(folder, &args))).unwrap()
    };
    for data in ["data", "other"] {
        assert_eq!(shown(data)["payment"]["captured"]["value"], 10_000);
    }
    let capture = |data: &str, amount: &str| {
        run(
            folder,
            &["payments", "capture", &reference, amount, "--data", data],
        )
    };
    done(&capture("other", "30.00"));
    assert_eq!(shown("data")["payment"]["captured"]["value"], 13_000);
    drop(second);
    // One is killed: the other goes on.
    done(&capture("data", "20.00"));
    let doctor = done(&on(&url, folder, &["doctor"]));
    for part in [
        "journal on PostgreSQL (127.0.0.1:",
        "whole: 1 payments",
        "its clock is 0 s",
    ] {
        assert!(doctor.contains(part), "{part}: {doctor}");
    }

    // And back, from the file that is written while they run.
    done(&on(
        &url,
        folder,
        &["journal", "export", "--to", "after.jsonl"],
    ));
    assert!(first.terminate().success());
    let back = Folder::new("from-postgres");
    let (file, data) = (folder.join("after.jsonl"), back.0.join("data"));
    let (file, data) = (file.to_str().unwrap(), data.to_str().unwrap());
    done(&run(
        &back.0,
        &["journal", "import", "--from", file, "--data", data],
    ));
    let whole = done(&run(&back.0, &["journal", "check", "--data", data]));
    assert!(whole.contains("whole, 1 payments"), "{whole}");
}

#[test]
fn a_database_that_cannot_be_had_is_said_without_its_password() {
    let folder = Folder::new("no-database");
    folder.write("kasse.toml", include_str!("../../kasse.example.toml"));
    // Nobody listens on port 1.
    let url = format!("postgres://kasse:{CANARY}@127.0.0.1:1/kasse");
    for args in [
        &["serve"][..],
        &["doctor"],
        &["journal", "check"],
        &["journal", "migrate"],
        &["journal", "export", "--to", "x"],
    ] {
        let output = on(&url, &folder.0, args);
        let (code, out, err) = said(&output);
        assert_eq!(code, Some(1), "{args:?}: {out}{err}");
        let all = format!("{out}{err}");
        assert!(all.contains("127.0.0.1:1/kasse"), "{args:?}: {all}");
        assert!(!all.contains(CANARY), "{args:?}: {all}");
    }
    for wrong in [
        format!("mysql://kasse:{CANARY}@db/kasse"),
        format!("postgres://kasse:{CANARY}@db:{CANARY}/kasse"),
        format!("postgres://kasse:{CANARY}@db/kasse?sslmode={CANARY}"),
        format!("postgres://kasse:{CANARY}@db"),
    ] {
        let output = on(&wrong, &folder.0, &["config", "check"]);
        let (code, out, err) = said(&output);
        assert_eq!(code, Some(1), "{out}{err}");
        assert!(
            out.contains("server.journal (KASSE_SERVER__JOURNAL)"),
            "{out}"
        );
        assert!(!format!("{out}{err}").contains(CANARY), "{out}{err}");
    }
}
