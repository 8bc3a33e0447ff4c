//! How the merchant's hosts are reached: over sockets, or within the process.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
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

/// A call to the merchant that is being made. An error is recorded as a failed connection.
pub type Calling = Pin<Box<dyn Future<Output = io::Result<Response<Bytes>>> + Send>>;

/// Something that the simulator does beside its callers.
pub type Errand = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The merchant of a simulator [without connections](crate::Direct).
pub trait Merchant: fmt::Debug + Send + Sync {
    /// Calls a host of the merchant's, as it stands in the URL, without its port. The request is as
    /// it would arrive there: its URI is path and query, `Host` and `X-Forwarded-Proto` are among
    /// the headers. `None`: the host is not known; the call is not made, and the record says so.
    fn call(&self, host: &str, request: Request<Bytes>) -> Option<Calling>;

    /// Runs it, beside whoever called.
    fn run(&self, errand: Errand);
}

/// The merchant's hosts.
#[derive(Debug)]
pub(crate) enum Hosts {
    Sockets(Vec<Resolve>),
    Within(Arc<dyn Dial>),
    Direct(Arc<dyn Merchant>),
}

/// The way to one of them.
pub(crate) enum Way {
    Connection(Dialling),
    Direct(Arc<dyn Merchant>),
}

impl Hosts {
    /// `None`: the host is known to have none.
    pub(crate) fn way(&self, host: &str) -> Option<Way> {
        match self {
            Self::Sockets(_) => {
                let address = self.address(host)?;
                Some(Way::Connection(Box::pin(async move {
                    let stream = TcpStream::connect(address).await?;
                    Ok(Box::new(stream) as Pipe)
                })))
            }
            Self::Within(dial) => dial.dial(host).map(Way::Connection),
            Self::Direct(merchant) => Some(Way::Direct(Arc::clone(merchant))),
        }
    }

    /// The address of a host, if it has one.
    pub(crate) fn address(&self, host: &str) -> Option<SocketAddr> {
        match self {
            Self::Sockets(table) => target(table, host),
            Self::Within(_) | Self::Direct(_) => None,
        }
    }
}
