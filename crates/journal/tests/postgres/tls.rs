//! A database whose certificate does not prove who it is, is not talked to.

use std::path::Path;
use std::process::Command;

use kasse_core::journal::Journal;
use kasse_journal::testing::{Cluster, Stop};
use kasse_journal::{OpenError, PostgresJournal};

use crate::support::{options, whole};

/// Makes a key and a certificate for `localhost` in the cluster's folder, readable for its server.
fn certify(folder: &Path) -> bool {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args(["-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join("server.key"))
        .arg("-out")
        .arg(folder.join("server.crt"))
        .output();
    match made {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "openssl: {said}");
        }
        Err(error) => {
            eprintln!("LEFT OUT: the test of certificates: openssl cannot be run: {error}");
            return false;
        }
    }
    // The server wants its key for itself.
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(folder).unwrap());
    for name in ["server.key", "server.crt"] {
        let file = folder.join(name);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, mode).unwrap();
        std::os::unix::fs::chown(&file, Some(owner), None).unwrap();
    }
    true
}

#[tokio::test]
async fn the_databases_certificate_has_to_be_right() {
    let Some(cluster) = Cluster::of_its_own() else {
        return;
    };
    if !certify(&cluster.data()) {
        return;
    }
    let url = cluster.database();
    cluster.sql(&url, "ALTER SYSTEM SET ssl = on");
    cluster.restart(Stop::Fast).unwrap();
    let named = url.replace("127.0.0.1", "localhost");
    let trusted = cluster.data().join("server.crt");
    let trusting = |url: &str| {
        let file = trusted.to_string_lossy().replace('/', "%2F");
        options(&format!("{url}?sslmode=verify-full&sslrootcert={file}"))
    };
    let journal = PostgresJournal::connect(trusting(&named)).await.unwrap();
    journal.write(whole("acme-1001")).await.unwrap();
    let sql = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE ssl AND datname = current_database()";
    assert_ne!(cluster.sql(&url, sql), "0");
    // Nobody vouches for it; and it is another's.
    for options in [options(&format!("{named}?sslmode=require")), trusting(&url)] {
        let error = PostgresJournal::connect(options).await.unwrap_err();
        assert!(matches!(error, OpenError::Postgres(_)), "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    // Not encrypted where that is wanted: one that cannot encrypt is not talked to either.
    cluster.sql(&url, "ALTER SYSTEM SET ssl = off");
    cluster.restart(Stop::Fast).unwrap();
    PostgresJournal::connect(trusting(&named))
        .await
        .unwrap_err();
}
