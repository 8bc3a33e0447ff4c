//! One connection that says HTTP/1.1, kept open: blocking, without a runtime, so that a caller costs
//! little and knows the time to some ten microseconds. It reads what our own servers answer: with a
//! length, never in chunks.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a caller waits for an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How long one waits that prepares something, also for a server that valgrind runs.
const LONG_PATIENCE: Duration = Duration::from_secs(120);
/// A server may have closed a connection that was kept: so often is a new one tried.
const TRIES: usize = 2;

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The status line and the headers, as they came.
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// What a header says.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(of, _)| of.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The body of an answer that has to be good.
    pub(crate) fn json(&self) -> serde_json::Value {
        let text = String::from_utf8_lossy(&self.body);
        assert!((200..300).contains(&self.status), "{}: {text}", self.status);
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    patience: Duration,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            patience: LONG_PATIENCE,
            ..Self::hasty(address)
        }
    }

    /// One that waits [`PATIENCE`] alone.
    pub(crate) fn hasty(address: SocketAddr) -> Self {
        Self {
            address,
            patience: PATIENCE,
            stream: None,
            buffer: Vec::with_capacity(4096),
        }
    }

    /// Sends a request, made by [`request`], and waits for its answer.
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<Answer> {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let kept = self.stream.is_some();
            let error = match self.exchange(request) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            self.stream = None;
            // Nothing came at all on a connection that was kept: it was closed before.
            let closed = kept && self.buffer.is_empty() && !timed_out(&error);
            if tries == 0 || !closed {
                return Err(error);
            }
        }
    }

    /// The same with a request that has no body.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send(&request("GET", path, &[], b""))
    }

    /// The same with a body of JSON.
    pub(crate) fn post(&mut self, path: &str, body: &serde_json::Value) -> io::Result<Answer> {
        let json = [("content-type", "application/json")];
        self.send(&request("POST", path, &json, body.to_string().as_bytes()))
    }

    fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.buffer.clear();
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(self.patience))?;
                stream.set_write_timeout(Some(self.patience))?;
                none.insert(stream)
            }
        };
        stream.write_all(request)?;
        let mut chunk = [0_u8; 4096];
        let mut read = |buffer: &mut Vec<u8>| match stream.read(&mut chunk)? {
            0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            count => {
                buffer.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        };
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            read(&mut self.buffer)?;
        };
        let body = head + 4;
        let mut answer = Answer {
            status: 0,
            head: String::from_utf8_lossy(&self.buffer[..head]).into_owned(),
            body: Vec::new(),
        };
        let status = answer
            .head
            .get(9..12)
            .and_then(|status| status.parse().ok());
        answer.status = status.ok_or_else(|| io::Error::other("no status"))?;
        let length = answer
            .header("content-length")
            .and_then(|length| length.parse().ok());
        let length: usize = length.unwrap_or(0);
        while self.buffer.len() < body + length {
            read(&mut self.buffer)?;
        }
        answer.body = self.buffer[body..body + length].to_vec();
        if answer
            .header("connection")
            .is_some_and(|word| word.eq_ignore_ascii_case("close"))
        {
            self.stream = None;
        }
        Ok(answer)
    }
}

/// Did the time pass, and not the connection break?
pub(crate) fn timed_out(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// The bytes of a request.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: kasse.example\r\n");
    for (name, value) in headers {
        bytes.push_str(&format!("{name}: {value}\r\n"));
    }
    if method != "GET" {
        bytes.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    bytes.push_str("\r\n");
    let mut bytes = bytes.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Answers each connection with these bytes, and closes it.
    fn server(answers: Vec<&'static [u8]>) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut chunk = [0_u8; 1024];
                let _ = stream.read(&mut chunk).unwrap();
                stream.write_all(answer).unwrap();
            }
        });
        address
    }

    #[test]
    fn a_connection_that_was_closed_is_made_again() {
        let kept = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let mut client = Client::new(server(vec![kept, kept]));
        for _ in 0..2 {
            let answer = client.get("/").unwrap();
            assert_eq!((answer.status, answer.body), (200, b"ok".to_vec()));
        }
    }

    #[test]
    fn an_answer_that_is_cut_is_none() {
        let mut client = Client::new(server(vec![
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
        ]));
        let error = client.get("/").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
