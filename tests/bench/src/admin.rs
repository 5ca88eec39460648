//! The admin API, as far as a measurement needs it.

use std::net::SocketAddr;

use serde_json::Value;

use crate::failed::Failed;
use crate::http::Connection;

/// A connection with a secret.
pub(crate) struct Admin {
    connection: Connection,
    secret: String,
}

impl Admin {
    pub(crate) async fn open(address: SocketAddr, secret: &str) -> Result<Self, Failed> {
        let connection = Connection::open(address).await.map_err(Failed::doing("connecting"))?;
        Ok(Self { connection, secret: secret.to_owned() })
    }

    /// Sends JSON and gives the reply's.
    pub(crate) async fn send(&mut self, method: &str, path: &str, body: &Value) -> Result<Value, Failed> {
        self.send_bytes(method, path, body.to_string().as_bytes()).await
    }

    /// Sends bytes and gives the reply's JSON.
    pub(crate) async fn send_bytes(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Value, Failed> {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.secret,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        let answer = self.connection.exchange(&request).await.map_err(Failed::doing(path))?;
        let text = String::from_utf8_lossy(answer.body).into_owned();
        if !(200..300).contains(&answer.status) {
            return Err(Failed::because(format!("{method} {path} was answered {}: {text}", answer.status)));
        }
        serde_json::from_str(&text).map_err(Failed::doing(path))
    }
}
