//! Sends requests as a provisioning client does: at its pace, again when it is told to wait, and again, a bounded number
//! of times, when a connection breaks.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

use crate::address::Base;
use crate::error::Error;
use crate::options::Pace;
use crate::secret::Secret;

/// The longest wait of the providers for one answer.
const TIMEOUT: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often one request is sent.
const ATTEMPTS: u32 = 6;
/// The first pause after a broken connection; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// A server that wants a longer wait gets this one.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// SCIM's media type (RFC 7644 §3.1).
pub const SCIM_JSON: &str = "application/scim+json";

/// A request below a base address.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What it is for, in the report.
    pub what: &'static str,
    /// The method.
    pub method: Method,
    /// The path below the base address.
    pub path: String,
    /// Parameters.
    pub query: Vec<(&'static str, String)>,
    /// The body, if any.
    pub body: Option<Payload>,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub enum Payload {
    /// JSON, as clients write it.
    Json(Value),
    /// Bytes as they are, which may be no JSON at all.
    Raw {
        /// The bytes.
        bytes: Vec<u8>,
        /// Their media type; none sends no header.
        media: Option<&'static str>,
        /// Whether they are sent in chunks, without a length.
        chunked: bool,
    },
}

impl Ask {
    /// A request without a body.
    #[must_use]
    pub fn new(what: &'static str, method: Method, path: impl Into<String>) -> Self {
        Self { what, method, path: path.into(), query: Vec::new(), body: None }
    }

    /// With a parameter.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(Payload::Json(body));
        self
    }

    /// With a body of bytes.
    #[must_use]
    pub fn raw(mut self, payload: Payload) -> Self {
        self.body = Some(payload);
        self
    }
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; none where there is none, or where it is no JSON.
    pub json: Option<Value>,
    /// The body's first characters, for messages.
    pub text: String,
    /// How often the request was sent.
    pub attempts: u32,
}

impl Answer {
    /// A header's text; empty where it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body's value; null where there is none.
    #[must_use]
    pub fn body(&self) -> &Value {
        self.json.as_ref().unwrap_or(&Value::Null)
    }

    /// The status with what the server says about it.
    #[must_use]
    pub fn describe(&self) -> String {
        match self.body().get("detail").and_then(Value::as_str) {
            Some(detail) => format!("{} {detail}", self.status),
            None if self.text.is_empty() => self.status.to_string(),
            None => format!("{} {}", self.status, self.text),
        }
    }
}

/// How the sending of one request went, told as it happens.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// An answer with this status, after this long.
    Answered(u16, Duration),
    /// The server wanted a pause.
    Waited,
    /// The connection broke.
    Broken,
}

/// A client of one base address with one secret.
pub struct Client {
    http: reqwest::Client,
    base: Base,
    secret: Secret,
    pace: Pacer,
}

impl Client {
    /// A client; `name` is told to the server as its user agent.
    ///
    /// # Errors
    /// TLS cannot be set up, or the secret cannot stand in a header.
    pub fn new(base: Base, secret: Secret, pace: Pace, name: &str) -> Result<Self, Error> {
        if reqwest::header::HeaderValue::from_str(secret.reveal()).is_err() {
            return Err(Error::Token);
        }
        // A redirect would carry the token to wherever it points.
        let mut http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(name)
            .redirect(reqwest::redirect::Policy::none());
        if base.is_plain() {
            // Without TLS the machine's certificates need not be there.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(|source| Error::Setup { address: base.as_str().to_owned(), source })?;
        Ok(Self { http, base, secret, pace: Pacer::new(pace.rate) })
    }

    /// The base address.
    #[must_use]
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// Sends a request until an answer comes that is no wish to wait.
    ///
    /// # Errors
    /// None came in the number of attempts.
    pub async fn send(&self, ask: &Ask, mut tell: impl FnMut(Event)) -> Result<Answer, Error> {
        let mut attempt = 1;
        loop {
            self.pace.turn().await;
            let begun = Instant::now();
            match self.once(ask, attempt).await {
                Ok(answer) => {
                    tell(Event::Answered(answer.status, begun.elapsed()));
                    let Some(wait) = wanted_wait(&answer).filter(|_| attempt < ATTEMPTS) else { return Ok(answer) };
                    tell(Event::Waited);
                    sleep(wait).await;
                }
                Err(_) if attempt < ATTEMPTS => {
                    tell(Event::Broken);
                    sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
                }
                Err(source) => {
                    let address = self.base.as_str().to_owned();
                    return Err(Error::Unreachable { address, attempts: attempt, source: source.without_url() });
                }
            }
            attempt += 1;
        }
    }

    async fn once(&self, ask: &Ask, attempts: u32) -> Result<Answer, reqwest::Error> {
        let address = self.base.at(&ask.path, &ask.query);
        let mut request = self.http.request(ask.method.clone(), address).header(ACCEPT, SCIM_JSON);
        if !self.secret.is_empty() {
            request = request.bearer_auth(self.secret.reveal());
        }
        request = match &ask.body {
            None => request,
            Some(Payload::Json(body)) => request.header(CONTENT_TYPE, SCIM_JSON).body(body.to_string()),
            Some(Payload::Raw { bytes, media, chunked }) => {
                let request = media.iter().fold(request, |request, media| request.header(CONTENT_TYPE, *media));
                request.body(if *chunked { in_chunks(bytes) } else { bytes.clone().into() })
            }
        };
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        let json = serde_json::from_slice(&bytes).ok();
        let text = beginning(&bytes);
        Ok(Answer { status, headers, json, text, attempts })
    }
}

/// A body whose length nobody knows beforehand, so that it goes out in chunks.
fn in_chunks(bytes: &[u8]) -> reqwest::Body {
    let frames: Vec<_> =
        bytes.chunks(7).map(|some| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(some)))).collect();
    reqwest::Body::wrap(StreamBody::new(stream::iter(frames)))
}

/// The wait that 429 and 503 ask for: whole seconds (RFC 9110 §10.2.3); those that name none, or a date, get one second.
fn wanted_wait(answer: &Answer) -> Option<Duration> {
    let asks = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].map(|status| status.as_u16());
    if !asks.contains(&answer.status) {
        return None;
    }
    let seconds = answer.header(RETRY_AFTER.as_str()).trim().parse().unwrap_or(1);
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// The first characters of a body, on one line.
fn beginning(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(600)]);
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(120).collect()
}

/// Lets requests go at most so often.
struct Pacer {
    every: Option<Duration>,
    next: Mutex<Option<Instant>>,
}

impl Pacer {
    fn new(rate: Option<f64>) -> Self {
        let every = rate.filter(|rate| *rate > 0.0).map(|rate| Duration::from_secs_f64(1.0 / rate));
        Self { every, next: Mutex::new(None) }
    }

    async fn turn(&self) {
        let Some(every) = self.every else { return };
        let turn = {
            let mut next = self.next.lock().await;
            let turn = next.unwrap_or_else(Instant::now).max(Instant::now());
            *next = Some(turn + every);
            turn
        };
        sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, value.parse().unwrap());
        }
        Answer { status, headers, json: None, text: String::new(), attempts: 1 }
    }

    #[test]
    fn a_wait_is_as_long_as_the_server_wants_within_reason() {
        let cases = [
            (429, Some("7"), Some(7)),
            (503, Some("0"), Some(0)),
            (503, Some("86400"), Some(60)),
            (429, None, Some(1)),
            (429, Some("Fri, 31 Dec 1999 23:59:59 GMT"), Some(1)),
            (500, Some("7"), None),
            (200, None, None),
        ];
        for (status, header, seconds) in cases {
            assert_eq!(wanted_wait(&answer(status, header)), seconds.map(Duration::from_secs), "{status} {header:?}");
        }
    }

    #[test]
    fn the_beginning_of_a_body_is_one_harmless_line() {
        assert_eq!(beginning(b"<html>\n\x1b[2J"), "<html>  [2J");
        assert_eq!(beginning(&[b'x'; 1000]).len(), 120);
    }

    #[tokio::test]
    async fn a_rate_keeps_requests_apart() {
        let (free, paced) = (Pacer::new(None), Pacer::new(Some(100.0)));
        let begun = Instant::now();
        for _ in 0..100 {
            free.turn().await;
        }
        for _ in 0..4 {
            paced.turn().await;
        }
        assert!(begun.elapsed() >= Duration::from_millis(30), "three gaps of ten milliseconds");
    }
}
