//! What stands between a journal and its database, and does to commits what a network can do.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Passes,
    /// It is done, and the answer never comes.
    AnswerLost,
    /// The connection ends before it.
    NeverSent,
    /// The connection ends in the midst of it.
    HalfSent,
    /// The connection ends for the one who asked, and it is done only after that one has begun to
    /// look for what became of it.
    Late,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    database: SocketAddr,
    fate: Mutex<Box<dyn FnMut() -> Fate + Send>>,
    /// Waits until somebody looks.
    looked_for: Box<dyn Fn() + Send + Sync>,
    /// Nobody gets through any more.
    closed: AtomicBool,
    commits: AtomicUsize,
}

impl Proxy {
    pub(crate) fn start(
        database: SocketAddr,
        fate: impl FnMut() -> Fate + Send + 'static,
        looked_for: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            database,
            fate: Mutex::new(Box::new(fate)),
            looked_for: Box::new(looked_for),
            closed: AtomicBool::new(false),
            commits: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                if !shared.closed.load(Ordering::SeqCst) {
                    let state = Arc::clone(&shared);
                    std::thread::spawn(move || carry(&state, &client));
                }
            }
        });
        Self { address, state }
    }

    /// The same database, by way of the proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replace(&self.state.database.to_string(), &self.address.to_string())
    }

    pub(crate) fn close(&self) {
        self.state.closed.store(true, Ordering::SeqCst);
    }

    /// How many commits it has seen.
    pub(crate) fn commits(&self) -> usize {
        self.state.commits.load(Ordering::SeqCst)
    }
}

fn carry(state: &State, client: &TcpStream) {
    let server = TcpStream::connect(state.database).unwrap();
    let deaf = AtomicBool::new(false);
    let (hears, heard) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let (server, deaf) = (&server, &deaf);
        scope.spawn(move || {
            // Dropped when the database has said something that is not passed on.
            let _hears = hears;
            let mut buffer = [0; 16384];
            while let Ok(count @ 1..) = (&mut &*server).read(&mut buffer) {
                let said = &buffer[..count];
                if deaf.load(Ordering::SeqCst) || (&mut &*client).write_all(said).is_err() {
                    break;
                }
            }
            end(client, server);
        });
        // What fails on the way ends both: that is what it is for.
        let _ = ask(state, client, server, deaf, &heard);
        end(client, server);
    });
}

fn end(client: &TcpStream, server: &TcpStream) {
    let _ = client.shutdown(Shutdown::Both);
    let _ = server.shutdown(Shutdown::Both);
}

/// Carries what the client asks, message by message, until a commit meets its fate.
fn ask(
    state: &State,
    mut client: &TcpStream,
    mut server: &TcpStream,
    deaf: &AtomicBool,
    heard: &Receiver<()>,
) -> std::io::Result<()> {
    // The first message has no letter before its length.
    let mut letter = 0;
    loop {
        let mut message = vec![0; letter + 4];
        client.read_exact(&mut message)?;
        let length: [u8; 4] = message[letter..].try_into().unwrap();
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
        message.resize(letter + length, 0);
        client.read_exact(&mut message[letter + 4..])?;
        letter = 1;
        if !message.ends_with(b"COMMIT\0") {
            server.write_all(&message)?;
            continue;
        }
        state.commits.fetch_add(1, Ordering::SeqCst);
        let fate = (state.fate.lock().unwrap())();
        match fate {
            Fate::Passes => server.write_all(&message)?,
            Fate::NeverSent => return Ok(()),
            Fate::HalfSent => return server.write_all(&message[..3]),
            Fate::AnswerLost | Fate::Late => {
                deaf.store(true, Ordering::SeqCst);
                if fate == Fate::Late {
                    client.shutdown(Shutdown::Both)?;
                    (state.looked_for)();
                }
                server.write_all(&message)?;
                // Until the database has answered.
                let _ = heard.recv();
                return Ok(());
            }
        }
    }
}
