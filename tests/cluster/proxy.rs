//! A proxy that breaks things: between the servers and their database, Vipps, the shop, and those who
//! call them. It knows nothing of what is said; it carries bytes, or does not.
//!
//! Each connection gets a fate by the weather at its beginning. Besides, all connections can be cut
//! or frozen at any moment. To several upstreams it goes round in turn, and past those that are dead.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::dice::Dice;

/// How likely it is that a connection meets with something, in thousandths; and what.
#[derive(Debug, Clone, Default)]
pub struct Weather {
    /// It breaks after some bytes, one way or the other.
    pub cuts: u64,
    /// It stands still after some bytes for a while, and goes on.
    pub stalls: u64,
    /// What is sent is swallowed, and nothing comes back.
    pub swallows: u64,
    /// After how many bytes.
    pub after: Range<usize>,
    /// How long something stands still, in milliseconds.
    pub holds: Range<usize>,
    /// Each piece is late by so many milliseconds.
    pub delays: Range<usize>,
}

/// What happened.
#[derive(Debug, Default)]
pub struct Counts {
    pub connections: AtomicUsize,
    /// Connections that broke in the midst, by their fate or by [`Proxy::cut`].
    pub cut: AtomicUsize,
    pub stalled: AtomicUsize,
    pub swallowed: AtomicUsize,
}

impl Counts {
    fn count(which: &AtomicUsize) {
        which.fetch_add(1, Ordering::Relaxed);
    }
}

/// What becomes of one connection.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Whole,
    /// It breaks where the next byte after these comes this way.
    Cut(Way, usize),
    Stall(Way, usize, Duration),
    Swallow(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Up,
    Down,
}

/// It is not carried on.
#[derive(Debug)]
struct Broken;

#[derive(Debug)]
struct Shared {
    upstreams: Vec<SocketAddr>,
    next: AtomicUsize,
    weather: Mutex<Weather>,
    dice: Dice,
    /// Changes where all connections are to be cut.
    cuts: watch::Sender<()>,
    frozen: watch::Sender<bool>,
    counts: Counts,
}

/// A running proxy; its connections end with it.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Listens on a free port of this machine. The weather is calm.
    pub async fn start(upstreams: Vec<SocketAddr>, dice: Dice) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstreams,
            next: AtomicUsize::new(0),
            weather: Mutex::default(),
            dice,
            cuts: watch::channel(()).0,
            frozen: watch::channel(false).0,
            counts: Counts::default(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Self { addr, shared, task }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// For connections that begin from now on.
    pub fn set(&self, weather: Weather) {
        *self.shared.weather.lock().unwrap() = weather;
    }

    /// Cuts every connection that there is.
    pub fn cut(&self) {
        self.shared.cuts.send_replace(());
    }

    /// Nothing is carried, on no connection, until it thaws. What was sent is not lost.
    pub fn freeze(&self, frozen: bool) {
        self.shared.frozen.send_replace(frozen);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // They end with this task.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((client, _)) = accepted {
                    connections.spawn(carry(Arc::clone(&shared), client));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(shared: Arc<Shared>, mut client: TcpStream) {
    Counts::count(&shared.counts.connections);
    let mut cuts = shared.cuts.subscribe();
    let fate = shared.fate();
    let Some(mut server) = shared.connect().await else {
        return reset(&client);
    };
    // Late by what the weather says, and not by the system's wish for larger pieces.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let broke = tokio::select! {
        ended = shared.between(&mut client, &mut server, fate) => ended.is_err(),
        _ = cuts.changed() => true,
    };
    if broke {
        Counts::count(&shared.counts.cut);
        // Some as a machine that died, some as one that hung up.
        if shared.dice.of_thousand(500) {
            reset(&client);
            reset(&server);
        }
    }
}

/// The other side is told that the connection is gone, and what was on its way is.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

impl Shared {
    fn fate(&self) -> Fate {
        let weather = self.weather.lock().unwrap().clone();
        let way = if self.dice.of_thousand(500) {
            Way::Up
        } else {
            Way::Down
        };
        let after = self.dice.within(weather.after.clone());
        let hold = self.dice.millis(weather.holds.clone());
        if self.dice.of_thousand(weather.cuts) {
            Fate::Cut(way, after)
        } else if self.dice.of_thousand(weather.stalls) {
            Fate::Stall(way, after, hold)
        } else if self.dice.of_thousand(weather.swallows) {
            Fate::Swallow(hold)
        } else {
            Fate::Whole
        }
    }

    /// To the next one in turn that lives.
    async fn connect(&self) -> Option<TcpStream> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for turn in 0..self.upstreams.len() {
            let upstream = self.upstreams[(first + turn) % self.upstreams.len()];
            if let Ok(stream) = TcpStream::connect(upstream).await {
                return Some(stream);
            }
        }
        None
    }

    /// Carries both ways until both sides have said all, or one is gone.
    async fn between(
        &self,
        client: &mut TcpStream,
        server: &mut TcpStream,
        fate: Fate,
    ) -> Result<(), Broken> {
        if let Fate::Swallow(hold) = fate {
            Counts::count(&self.counts.swallowed);
            let mut swallowed = [0; 4096];
            let swallow = async { while client.read(&mut swallowed).await.is_ok_and(|n| n > 0) {} };
            let _ = tokio::time::timeout(hold, swallow).await;
            return Err(Broken);
        }
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let up = self.pump(from_client, to_server, Way::Up, fate);
        let down = self.pump(from_server, to_client, Way::Down, fate);
        tokio::try_join!(up, down).map(|_| ())
    }

    async fn pump(
        &self,
        mut from: ReadHalf<'_>,
        mut to: WriteHalf<'_>,
        way: Way,
        fate: Fate,
    ) -> Result<(), Broken> {
        let mut frozen = self.frozen.subscribe();
        // The bytes that pass before something happens.
        let mut left = match fate {
            Fate::Cut(this, after) | Fate::Stall(this, after, _) if this == way => Some(after),
            _ => None,
        };
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = from.read(&mut buffer).await.map_err(|_| Broken)?;
            let delays = self.weather.lock().unwrap().delays.clone();
            if !delays.is_empty() {
                tokio::time::sleep(self.dice.millis(delays)).await;
            }
            // The sender is there as long as `self` is.
            let _ = frozen.wait_for(|frozen| !frozen).await;
            if read == 0 {
                // It has said all; the other may have more to say.
                return to.shutdown().await.map_err(|_| Broken);
            }
            let mut rest = &buffer[..read];
            if let Some(before) = left
                && before < rest.len()
            {
                to.write_all(&rest[..before]).await.map_err(|_| Broken)?;
                rest = &rest[before..];
                match fate {
                    Fate::Stall(_, _, hold) => {
                        Counts::count(&self.counts.stalled);
                        tokio::time::sleep(hold).await;
                        left = None;
                    }
                    _ => return Err(Broken),
                }
            }
            to.write_all(rest).await.map_err(|_| Broken)?;
            left = left.map(|left| left.saturating_sub(rest.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;
    use tokio::time::Instant;

    use super::*;

    /// A server that hears one connection out and then answers with what it heard, and its name.
    async fn upstream(name: &'static str) -> (SocketAddr, JoinHandle<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let heard = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            // It may break; what came before counts.
            let _ = stream.read_to_end(&mut heard).await;
            let _ = stream.write_all(name.as_bytes()).await;
            let _ = stream.write_all(&heard).await;
            heard
        });
        (addr, heard)
    }

    /// Says something and hears the answer, or what of it came.
    async fn say(proxy: &Proxy, what: &[u8]) -> (Vec<u8>, bool) {
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        let _ = stream.write_all(what).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let whole = stream.read_to_end(&mut answer).await.is_ok();
        (answer, whole)
    }

    async fn proxy(upstreams: Vec<SocketAddr>, weather: Weather) -> Proxy {
        let proxy = Proxy::start(upstreams, Dice::new(1)).await;
        proxy.set(weather);
        proxy
    }

    fn count(count: &AtomicUsize) -> usize {
        count.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn in_calm_weather_every_byte_arrives_both_ways() {
        let (addr, heard) = upstream("").await;
        let proxy = proxy(vec![addr], Weather::default()).await;
        let much: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).collect();
        let (answer, whole) = say(&proxy, &much).await;
        assert!(whole && answer == much);
        assert!(heard.await.unwrap() == much);
        assert_eq!(count(&proxy.counts().connections), 1);
        assert_eq!(count(&proxy.counts().cut), 0);
    }

    #[tokio::test]
    async fn a_cut_ends_it_after_exactly_so_many_bytes_one_way() {
        let (mut up, mut down) = (0, 0);
        for seed in 0..20 {
            let (addr, heard) = upstream("").await;
            let proxy = Proxy::start(vec![addr], Dice::new(seed)).await;
            proxy.set(Weather {
                cuts: 1000,
                after: 7..8,
                ..Weather::default()
            });
            let (answer, whole) = say(&proxy, b"twelve bytes").await;
            let heard = heard.await.unwrap();
            if heard == b"twelve bytes" {
                // What is reset takes along what was on its way.
                assert!(b"twelve ".starts_with(&answer), "{answer:?}");
                assert!(!whole || answer == b"twelve ");
                down += 1;
            } else {
                assert!(b"twelve ".starts_with(&heard), "{heard:?}");
                assert!(answer.is_empty());
                up += 1;
            }
            assert_eq!(count(&proxy.counts().cut), 1);
        }
        assert!(up > 0 && down > 0, "{up} up, {down} down");
    }

    #[tokio::test]
    async fn what_stalls_goes_on_and_is_whole() {
        let (addr, heard) = upstream("").await;
        let weather = Weather {
            stalls: 1000,
            after: 3..4,
            holds: 50..51,
            ..Weather::default()
        };
        let proxy = proxy(vec![addr], weather).await;
        let begun = Instant::now();
        let (answer, whole) = say(&proxy, b"twelve bytes").await;
        assert!(whole && answer == b"twelve bytes");
        assert!(begun.elapsed() >= Duration::from_millis(50));
        assert_eq!(heard.await.unwrap(), b"twelve bytes");
        assert_eq!(count(&proxy.counts().stalled), 1);
    }

    #[tokio::test]
    async fn what_is_swallowed_never_arrives() {
        let (addr, heard) = upstream("").await;
        let weather = Weather {
            swallows: 1000,
            holds: 10_000..10_001,
            ..Weather::default()
        };
        let proxy = proxy(vec![addr], weather).await;
        let (answer, _) = say(&proxy, b"twelve bytes").await;
        assert!(answer.is_empty());
        assert!(heard.await.unwrap().is_empty());
        assert_eq!(count(&proxy.counts().swallowed), 1);
    }

    #[tokio::test]
    async fn who_is_cut_hears_no_more_and_who_comes_after_it_is_served() {
        let (addr, heard) = upstream("").await;
        let proxy = proxy(vec![addr], Weather::default()).await;
        let mut stream = TcpStream::connect(proxy.addr()).await.unwrap();
        stream.write_all(b"half").await.unwrap();
        // Until it is carried: one that is not yet there cannot be cut.
        while count(&proxy.counts().connections) == 0 {
            tokio::task::yield_now().await;
        }
        proxy.cut();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty() || answer == b"half");
        heard.await.unwrap();
        assert_eq!(count(&proxy.counts().cut), 1);

        let (addr, _) = upstream("").await;
        let proxy = Proxy::start(vec![addr], Dice::new(1)).await;
        proxy.cut();
        assert_eq!(say(&proxy, b"whole").await, (b"whole".to_vec(), true));
    }

    #[tokio::test]
    async fn the_frozen_is_carried_when_it_thaws() {
        let (addr, heard) = upstream("").await;
        let proxy = Arc::new(proxy(vec![addr], Weather::default()).await);
        proxy.freeze(true);
        let saying = Arc::clone(&proxy);
        let said = tokio::spawn(async move { say(&saying, b"cold").await });
        while count(&proxy.counts().connections) == 0 {
            tokio::task::yield_now().await;
        }
        assert!(!said.is_finished() && !heard.is_finished());
        proxy.freeze(false);
        assert_eq!(said.await.unwrap(), (b"cold".to_vec(), true));
    }

    #[tokio::test]
    async fn several_take_turns_and_the_dead_are_passed_over() {
        let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (one, _) = upstream("one ").await;
        let (other, _) = upstream("other ").await;
        let upstreams = vec![one, dead.local_addr().unwrap(), other];
        drop(dead);
        let proxy = proxy(upstreams, Weather::default()).await;
        assert_eq!(say(&proxy, b"?").await.0, b"one ?");
        assert_eq!(say(&proxy, b"?").await.0, b"other ?");
        // Nobody is left: the caller is not kept waiting.
        assert_eq!(say(&proxy, b"?").await.0, b"");
    }
}
