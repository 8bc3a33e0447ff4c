//! Where the database is, and how we come there.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::{Config, Host, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::PostgresError;
use crate::error::OpenError;

/// How long one attempt to connect may take, for each of a host's addresses.
const CONNECT: Duration = Duration::from_secs(5);
/// How long what was sent may stay unacknowledged by the other machine.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// How the database is reached.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:5432/database`, as PostgreSQL's own programs take it. Several
    /// hosts (`host1,host2`) are tried in turn, for the one that takes writes. What may follow `?`:
    /// - `sslmode`: `disable` or `require`. With `require` the server's certificate has to be valid
    ///   for its name, which PostgreSQL calls `verify-full` (that word is taken too). Where it is
    ///   left out: `require`, but for an address of this machine and a Unix socket.
    /// - `sslrootcert`: a file with the certificates (PEM) of those who may vouch for the server's.
    ///   Left out: Mozilla's list.
    /// - what tokio-postgres knows besides: `options`, `connect_timeout`, `keepalives_idle`, …
    pub url: SecretString,
    /// So many connections at the most, for each kasse.
    pub connections: usize,
}

impl PostgresOptions {
    /// With this address, and otherwise as it is good for most: eight connections.
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            connections: 8,
        }
    }

    /// Can the address be read, and what it names?
    ///
    /// # Errors
    /// What is wrong with it; nothing of what stands there.
    pub fn check(&self) -> Result<(), OpenError> {
        Way::new(self).map(drop).map_err(OpenError::from)
    }

    /// Where it is, for messages and logs: host, port and database, nothing else of the address.
    pub fn place(&self) -> String {
        match read(self.url.expose_secret()) {
            Ok((config, _)) => place(&config),
            Err(_) => "an address that cannot be read".to_owned(),
        }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("url", &self.place())
            .field("connections", &self.connections)
            .finish()
    }
}

/// An address that was read.
pub(crate) struct Way {
    pub(crate) config: Config,
    pub(crate) tls: MakeRustlsConnect,
    /// For messages.
    pub(crate) place: String,
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Way {
    pub(crate) fn new(options: &PostgresOptions) -> Result<Self, PostgresError> {
        let (mut config, roots) = read(options.url.expose_secret())?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(UNACKNOWLEDGED);
        }
        config.keepalives_idle(UNACKNOWLEDGED);
        config.keepalives_interval(Duration::from_secs(3));
        config.keepalives_retries(3);
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("kasse");
        }
        Ok(Self {
            place: place(&config),
            tls: tls(roots.as_deref())?,
            config,
        })
    }
}

/// Reads an address. Its error says nothing of what stands in it.
fn read(url: &str) -> Result<(Config, Option<PathBuf>), PostgresError> {
    let wrong = |why: &str| PostgresError::Address(why.to_owned());
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return Err(wrong(
            "it has to begin with postgres://, such as postgres://user:password@host/database",
        ));
    }
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut mode = None;
    let mut roots = None;
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => {
                mode = Some(match value {
                    "disable" => SslMode::Disable,
                    "require" | "verify-ca" | "verify-full" => SslMode::Require,
                    "allow" | "prefer" => {
                        return Err(wrong(
                            "with sslmode=allow or prefer anybody on the way can switch encryption off: say require, or disable",
                        ));
                    }
                    _ => return Err(wrong("its sslmode is neither disable nor require")),
                });
            }
            Some(("sslrootcert", file)) => {
                let file = percent(file).ok_or_else(|| wrong("its sslrootcert is no text"))?;
                roots = Some(PathBuf::from(file));
            }
            _ => rest.push(pair),
        }
    }
    let plain = if rest.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", rest.join("&"))
    };
    // Its own error may quote the address.
    let mut config: Config = plain
        .parse()
        .map_err(|_| wrong("it cannot be read: is a special character in the password not percent-encoded, or is an option after ? unknown?"))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(wrong("it names no host"));
    }
    if config.get_dbname().is_none_or(str::is_empty) {
        return Err(wrong("it names no database"));
    }
    let here = config.get_hosts().iter().all(is_here) && config.get_hostaddrs().is_empty();
    config.ssl_mode(mode.unwrap_or(if here {
        SslMode::Disable
    } else {
        SslMode::Require
    }));
    Ok((config, roots))
}

/// On this machine, so that nobody is on the way?
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            let address = name.trim_start_matches('[').trim_end_matches(']');
            name == "localhost"
                || address
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let names = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.display().to_string(),
    });
    let mut names: Vec<String> = names.collect();
    if names.is_empty() {
        names.extend(config.get_hostaddrs().iter().map(ToString::to_string));
    }
    let hosts: Vec<String> = (0..)
        .zip(names)
        .map(|(number, name)| {
            let port = ports.get(number).or_else(|| ports.first()).unwrap_or(&5432);
            format!("{name}:{port}")
        })
        .collect();
    format!(
        "{}/{}",
        hosts.join(","),
        config.get_dbname().unwrap_or_default()
    )
}

/// A text with `%2F` and the like.
fn percent(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn tls(roots: Option<&Path>) -> Result<MakeRustlsConnect, PostgresError> {
    let failed = |why: String| PostgresError::Certificates(why);
    let mut store = rustls::RootCertStore::empty();
    match roots {
        None => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let name = file.display();
            let certificates = CertificateDer::pem_file_iter(file)
                .map_err(|error| failed(format!("{name}: {error}")))?;
            for certificate in certificates {
                let added = certificate
                    .map_err(|error| error.to_string())
                    .and_then(|der| store.add(der).map_err(|error| error.to_string()));
                added.map_err(|error| failed(format!("{name}: {error}")))?;
            }
            if store.is_empty() {
                return Err(failed(format!("{name} holds no certificate")));
            }
        }
    }
    // Given to these connections, and not installed for the process.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> PostgresOptions {
        PostgresOptions::new(url.to_owned().into())
    }

    #[test]
    fn only_host_port_and_database_are_shown() {
        for (url, place) in [
            (
                "postgres://u:canary@db.example/kasse",
                "db.example:5432/kasse",
            ),
            (
                "postgresql://u:canary@a.example:1,b.example:2/k?sslmode=require",
                "a.example:1,b.example:2/k",
            ),
            ("postgres://u:canary@%2Frun%2Fpg/k", "/run/pg:5432/k"),
            (
                "postgres://u:canary@h/k?sslmode=canary",
                "an address that cannot be read",
            ),
            (
                "postgres://u:can@ary@h:x/k",
                "an address that cannot be read",
            ),
            ("canary", "an address that cannot be read"),
        ] {
            let options = options(url);
            assert_eq!(options.place(), place);
            let shown = format!("{options:?}{:?}", Way::new(&options));
            assert!(
                !shown.contains("canary") && !shown.contains("ary@"),
                "{shown}"
            );
        }
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_it_is_said_otherwise() {
        for (url, mode) in [
            ("postgres://u@db.example/k", SslMode::Require),
            (
                "postgres://u@db.example/k?sslmode=disable",
                SslMode::Disable,
            ),
            (
                "postgres://u@db.example/k?sslmode=verify-full",
                SslMode::Require,
            ),
            ("postgres://u@localhost,db.example/k", SslMode::Require),
            ("postgres://u@localhost/k", SslMode::Disable),
            ("postgres://u@127.0.0.2/k", SslMode::Disable),
            ("postgres://u@%2Frun%2Fpg/k", SslMode::Disable),
            ("postgres://u@localhost/k?sslmode=require", SslMode::Require),
        ] {
            let way = Way::new(&options(url)).unwrap();
            assert_eq!(way.config.get_ssl_mode(), mode, "{url}");
        }
        for url in [
            "postgres://u@h/k?sslmode=prefer",
            "postgres://u@h/k?sslmode=no",
            "postgres://u@h/k?sslrootcert=/no/such/file",
            "postgres://u@h/k?unknown=1",
            "postgres://u@h",
            "postgres:///k",
            "mysql://u@h/k",
        ] {
            Way::new(&options(url)).unwrap_err();
        }
    }
}
