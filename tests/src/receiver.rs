//! A webhook: a server on this machine that keeps what it is sent, and answers as the test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::Value;

use crate::poll;

/// The bytes of the secret that signs what it is sent.
const SECRET: [u8; 32] = *b"a secret that no test may show..";

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// With a status; a redirect leads to itself.
    Status(u16),
    /// Never.
    Never,
}

/// A message that it was sent.
#[derive(Clone, Debug)]
pub struct Message {
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it was sent.
    pub text: String,
    /// The body.
    pub body: Value,
}

#[derive(Debug, Default)]
struct Shared {
    replies: VecDeque<Reply>,
    messages: Vec<Message>,
}

/// A running server; it ends with the test's runtime.
#[derive(Clone)]
pub struct Receiver {
    /// Its address.
    pub url: String,
    shared: Arc<Mutex<Shared>>,
}

/// The secret, as an operator sets it.
#[must_use]
pub fn secret() -> String {
    format!("whsec_{}", STANDARD.encode(SECRET))
}

impl Receiver {
    /// Starts one that answers 204.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?token=hidden", listener.local_addr().unwrap());
        let shared = Arc::<Mutex<Shared>>::default();
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// How it answers the next messages; after these again with 204.
    pub fn answer(&self, replies: &[Reply]) {
        self.shared.lock().unwrap().replies = replies.iter().copied().collect();
    }

    /// What it was sent so far, each with a valid signature.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        let messages = self.shared.lock().unwrap().messages.clone();
        messages.iter().for_each(verify);
        messages
    }

    /// The same, once there are so many.
    pub async fn wait_for(&self, count: usize) -> Vec<Message> {
        let what = format!("{count} messages to a webhook");
        poll(&what, async || Some(self.messages()).filter(|messages| messages.len() >= count)).await
    }
}

/// Verifies a signature as the Standard Webhooks specification says.
fn verify(message: &Message) {
    let header = |name: &str| message.headers[name].to_str().unwrap();
    let signed = format!("{}.{}.{}", header("webhook-id"), header("webhook-timestamp"), message.text);
    let sum = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), signed.as_bytes());
    assert_eq!(header("webhook-signature"), format!("v1,{}", STANDARD.encode(sum)));
}

async fn receive(State(shared): State<Arc<Mutex<Shared>>>, headers: HeaderMap, text: String) -> Response {
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    let reply = {
        let mut shared = shared.lock().unwrap();
        shared.messages.push(Message { headers, text, body });
        shared.replies.pop_front().unwrap_or(Reply::Status(204))
    };
    match reply {
        Reply::Status(status) => (StatusCode::from_u16(status).unwrap(), [("location", "/")]).into_response(),
        Reply::Never => std::future::pending().await,
    }
}
