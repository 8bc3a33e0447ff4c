//! `admin.json`: how the command line finds the running server.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

const NAME: &str = "admin.json";

/// What stands in the file.
#[derive(Serialize, Deserialize)]
pub(super) struct Contents {
    pub(super) url: String,
    pub(super) token: String,
}

/// The file, from its making until the server ends. Only the user that runs the server can read
/// it.
#[derive(Debug)]
pub(crate) struct AdminFile {
    path: PathBuf,
    url: String,
    token: SecretString,
}

impl AdminFile {
    /// Makes a token and writes it down.
    ///
    /// The folder belongs to one process (its lock), so what is there is left over from
    /// one that was killed, and is replaced.
    pub(crate) fn write(folder: &Path, addr: SocketAddr) -> io::Result<Self> {
        let token = new_token()?;
        let url = format!("http://{addr}");
        let contents = Contents {
            url: url.clone(),
            token: token.expose_secret().to_owned(),
        };
        let path = folder.join(NAME);
        let half = folder.join(format!("{NAME}.new"));
        match fs::remove_file(&half) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&half)?;
        file.write_all(&serde_json::to_vec(&contents)?)?;
        drop(file);
        fs::rename(&half, &path)?;
        Ok(Self { path, url, token })
    }

    /// Reads it. `None`: there is none.
    pub(super) fn read(folder: &Path) -> io::Result<Option<Contents>> {
        let file = match fs::File::open(folder.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(4096).read_to_end(&mut bytes)?;
        Ok(Some(serde_json::from_slice(&bytes)?))
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn token(&self) -> &SecretString {
        &self.token
    }
}

impl Drop for AdminFile {
    fn drop(&mut self) {
        // Nothing can be done where it fails; a client sees that nobody listens.
        let _ = fs::remove_file(&self.path);
    }
}

/// 32 random bytes, in hexadecimal digits.
fn new_token() -> io::Result<SecretString> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(SecretString::from(text))
}
