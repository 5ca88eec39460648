//! A client that speaks HTTP/1.1 byte by byte, and stops, stalls or goes away where a test wants it to.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::harness::PATIENCE;

/// A connection.
pub struct Raw(TcpStream);

/// The bytes of a request with a JSON body: its header and its body.
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

    /// Connects with hardly any room for what comes back.
    pub async fn narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self(socket.connect(address).await.unwrap())
    }

    /// Sends bytes; whether the server still takes them.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Sends bytes one by one with a pause after each, until they end or the server takes no more.
    pub async fn trickle(&mut self, bytes: &str, pause: Duration) {
        for byte in bytes.bytes() {
            if !self.send([byte]).await {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// One whole reply.
    pub async fn reply(&mut self) -> String {
        let mut text = Vec::new();
        let mut length = None;
        while length != Some(text.len()) {
            let byte = timeout(PATIENCE, self.0.read_u8()).await.expect("nothing more came");
            text.push(byte.unwrap_or_else(|why| panic!("{why} after {}", String::from_utf8_lossy(&text))));
            if length.is_none() && text.ends_with(b"\r\n\r\n") {
                let header = String::from_utf8_lossy(&text).to_lowercase();
                let body = header.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
                length = Some(text.len() + body.map_or(0, |body| body.parse::<usize>().unwrap()));
            }
        }
        String::from_utf8(text).unwrap()
    }

    /// What comes until the server ends the connection.
    pub async fn rest(self) -> String {
        String::from_utf8(self.rest_bytes().await).unwrap()
    }

    /// The same, of whatever protocol.
    pub async fn rest_bytes(mut self) -> Vec<u8> {
        let mut text = Vec::new();
        let read = async {
            let mut buffer = [0; 4096];
            // A reset is an end, too.
            while let Ok(length @ 1..) = self.0.read(&mut buffer).await {
                text.extend_from_slice(&buffer[..length]);
            }
        };
        timeout(PATIENCE, read).await.expect("the server does not end the connection");
        text
    }

    /// Goes away without a word: what is on its way is thrown away.
    pub fn vanish(self) {
        self.0.set_zero_linger().unwrap();
    }
}

/// The status of a reply.
#[must_use]
pub fn status(reply: &str) -> u16 {
    reply.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no reply: {reply:?}"))
}
