//! An HTTP/1.1 client that sends bytes as a test wants: slowly, in part, or with a reset at the end.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::harness::WAIT_TIMEOUT;

/// A connection.
pub struct Raw(TcpStream);

/// The text of a request with a JSON body: its header and its body.
#[must_use]
pub fn request(method: &str, path: &str, token: &str, body: &Value) -> (String, String) {
    let body = body.to_string();
    let header = format!(
        "{method} {path} HTTP/1.1\r\nHost: scim\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    (header, body)
}

impl Raw {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Connects with a small receive buffer.
    pub async fn with_small_buffer(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self(socket.connect(address).await.unwrap())
    }

    /// Sends bytes; false if the server has closed the connection.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Sends bytes one by one with a pause after each, until the server closes the connection.
    pub async fn trickle(&mut self, bytes: &str, pause: Duration) {
        for byte in bytes.bytes() {
            if !self.send([byte]).await {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// One complete reply.
    pub async fn reply(&mut self) -> String {
        let mut text = Vec::new();
        let mut length = None;
        while length != Some(text.len()) {
            let byte = timeout(WAIT_TIMEOUT, self.0.read_u8()).await.expect("nothing more came");
            text.push(byte.unwrap_or_else(|why| panic!("{why} after {}", String::from_utf8_lossy(&text))));
            if length.is_none() && text.ends_with(b"\r\n\r\n") {
                let header = String::from_utf8_lossy(&text).to_lowercase();
                let body = header.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
                length = Some(text.len() + body.map_or(0, |body| body.parse::<usize>().unwrap()));
            }
        }
        String::from_utf8(text).unwrap()
    }

    /// Everything until the server closes the connection.
    pub async fn read_to_end(self) -> String {
        String::from_utf8(self.read_bytes_to_end().await).unwrap()
    }

    /// The same as bytes, for other protocols.
    pub async fn read_bytes_to_end(mut self) -> Vec<u8> {
        let mut text = Vec::new();
        let read = async {
            let mut buffer = [0; 4096];
            // A reset ends the connection, too.
            while let Ok(length @ 1..) = self.0.read(&mut buffer).await {
                text.extend_from_slice(&buffer[..length]);
            }
        };
        timeout(WAIT_TIMEOUT, read).await.expect("the server does not close the connection");
        text
    }

    /// Closes the connection by a reset, which discards what is in flight.
    pub fn reset(self) {
        self.0.set_zero_linger().unwrap();
    }
}

/// The status of a reply.
#[must_use]
pub fn status(reply: &str) -> u16 {
    reply.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no reply: {reply:?}"))
}
