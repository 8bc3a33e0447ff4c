//! How the merchant's hosts are reached: over sockets, or within the process.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::options::{Resolve, target};

/// The bytes of one connection, both ways: a socket, a [`tokio::io::DuplexStream`], ….
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// A connection of whatever kind.
pub type Pipe = Box<dyn Connection>;

/// A connection that is being made. An error is recorded as a failed connection.
pub type Dialling = Pin<Box<dyn Future<Output = io::Result<Pipe>> + Send>>;

/// Connects the calls of a simulator [within the process](crate::Simulator::within) to the
/// merchant.
pub trait Dial: fmt::Debug + Send + Sync {
    /// Connects to a host of the merchant's, as it stands in the URL, without its port. What goes
    /// over the connection is plain HTTP/1.1, one call each. `None`: the host is not known; the
    /// call is not made, and the record says so.
    fn dial(&self, host: &str) -> Option<Dialling>;
}

/// The merchant's hosts.
#[derive(Debug)]
pub(crate) enum Hosts {
    Sockets(Vec<Resolve>),
    Within(Arc<dyn Dial>),
}

impl Hosts {
    pub(crate) fn dial(&self, host: &str) -> Option<Dialling> {
        match self {
            Self::Sockets(_) => {
                let address = self.address(host)?;
                Some(Box::pin(async move {
                    let stream = TcpStream::connect(address).await?;
                    Ok(Box::new(stream) as Pipe)
                }))
            }
            Self::Within(dial) => dial.dial(host),
        }
    }

    /// The address of a host, if it has one.
    pub(crate) fn address(&self, host: &str) -> Option<SocketAddr> {
        match self {
            Self::Sockets(table) => target(table, host),
            Self::Within(_) => None,
        }
    }
}
