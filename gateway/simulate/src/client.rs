//! Sends requests as a provisioning client does: at a given pace, again after 429 and 503, and again a limited number of
//! times if the connection fails.

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

use crate::address::BaseUrl;
use crate::error::Error;
use crate::options::Pace;
use crate::secret::Secret;

/// The longest that a provider waits for one response.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Attempts per request.
pub(crate) const MAX_ATTEMPTS: u32 = 6;
/// The delay after the first failed connection; it doubles with each further one.
pub(crate) const FIRST_RETRY_DELAY: Duration = Duration::from_millis(100);
/// The longest `Retry-After` that is obeyed.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);
/// How much of a body is kept for messages.
const MAX_EXCERPT_BYTES: usize = 600;
const MAX_EXCERPT_CHARS: usize = 120;
/// The size of the chunks of a chunked body.
const CHUNK_BYTES: usize = 7;

/// SCIM's media type (RFC 7644 §3.1).
pub(crate) const SCIM_JSON: &str = "application/scim+json";

/// A request below a base URL.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Its name in the report.
    pub(crate) name: &'static str,
    pub(crate) method: Method,
    /// The path below the base URL.
    pub(crate) path: String,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) body: Option<Payload>,
    /// How often it is sent until it has a final response.
    attempts: u32,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Json(Value),
    /// Bytes as they are, which may not be JSON.
    Raw {
        bytes: Vec<u8>,
        /// The media type; `None` sends no header.
        media: Option<&'static str>,
        /// Whether it is sent in chunks, without a length.
        chunked: bool,
    },
}

impl Request {
    pub(crate) fn new(name: &'static str, method: Method, path: impl Into<String>) -> Self {
        Self { name, method, path: path.into(), query: Vec::new(), body: None, attempts: MAX_ATTEMPTS }
    }

    /// Sends it once only, whatever the response.
    pub(crate) fn once(mut self) -> Self {
        self.attempts = 1;
        self
    }

    /// Adds a parameter.
    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// Adds several parameters.
    pub(crate) fn queries(self, query: &[(&'static str, &'static str)]) -> Self {
        query.iter().fold(self, |request, (name, value)| request.query(name, *value))
    }

    /// Sets a JSON body.
    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(Payload::Json(body));
        self
    }

    /// Sets a body of bytes.
    pub(crate) fn raw(mut self, payload: Payload) -> Self {
        self.body = Some(payload);
        self
    }
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// The body; `None` if there is none or it is not JSON.
    pub(crate) json: Option<Value>,
    /// The beginning of the body, for messages.
    pub(crate) text: String,
    /// Whether an earlier attempt may have been carried out: its response was 503, or it had none.
    pub(crate) is_repeated: bool,
}

impl Response {
    /// A header's text; empty if it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON; null if there is none.
    pub(crate) fn body(&self) -> &Value {
        self.json.as_ref().unwrap_or(&Value::Null)
    }

    /// Whether a deletion has been carried out, perhaps by an earlier attempt.
    pub(crate) fn is_deleted(&self) -> bool {
        matches!(self.status, 200 | 204) || self.status == 404 && self.is_repeated
    }

    /// The status with the server's explanation.
    pub(crate) fn describe(&self) -> String {
        match self.body().get("detail").and_then(Value::as_str) {
            Some(detail) => format!("{} {detail}", self.status),
            None if self.text.is_empty() => self.status.to_string(),
            None => format!("{} {}", self.status, self.text),
        }
    }
}

/// What happened while a request was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A response with this status and latency.
    Responded(u16, Duration),
    /// The server asked for a later attempt.
    RetryRequested,
    ConnectionFailed,
}

/// A client of one base URL with one secret.
pub(crate) struct Client {
    http: reqwest::Client,
    base_url: BaseUrl,
    secret: Secret,
    pacer: Pacer,
}

impl Client {
    pub(crate) fn new(base_url: BaseUrl, secret: Secret, pace: Pace, user_agent: &str) -> Result<Self, Error> {
        if reqwest::header::HeaderValue::from_str(secret.reveal()).is_err() {
            return Err(Error::Token);
        }
        // A redirect would send the token to another host.
        let mut http = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(user_agent)
            .redirect(reqwest::redirect::Policy::none());
        if base_url.is_plain() {
            // Without TLS, missing system certificates are not an error.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(|source| Error::Setup { address: base_url.as_str().to_owned(), source })?;
        Ok(Self { http, base_url, secret, pacer: Pacer::new(pace.rate) })
    }

    pub(crate) fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }

    /// Sends a request until a response does not ask for a later attempt, or the attempts are used up.
    pub(crate) async fn send(&self, request: &Request, mut on_event: impl FnMut(Event)) -> Result<Response, Error> {
        let (mut attempt, mut is_repeated) = (1, false);
        loop {
            self.pacer.wait().await;
            let started_at = Instant::now();
            match self.send_once(request).await {
                Ok(response) => {
                    let response = Response { is_repeated, ..response };
                    is_repeated |= response.status == 503;
                    on_event(Event::Responded(response.status, started_at.elapsed()));
                    let Some(delay) = retry_after(&response).filter(|_| attempt < request.attempts) else {
                        return Ok(response);
                    };
                    on_event(Event::RetryRequested);
                    sleep(delay).await;
                }
                Err(_) if attempt < request.attempts => {
                    is_repeated = true;
                    on_event(Event::ConnectionFailed);
                    sleep(FIRST_RETRY_DELAY * 2_u32.pow(attempt - 1)).await;
                }
                Err(source) => {
                    let address = self.base_url.as_str().to_owned();
                    return Err(Error::Unreachable { address, attempts: attempt, source: source.without_url() });
                }
            }
            attempt += 1;
        }
    }

    async fn send_once(&self, request: &Request) -> Result<Response, reqwest::Error> {
        let url = self.base_url.join(&request.path, &request.query);
        let mut http = self.http.request(request.method.clone(), url).header(ACCEPT, SCIM_JSON);
        if !self.secret.is_empty() {
            http = http.bearer_auth(self.secret.reveal());
        }
        http = match &request.body {
            None => http,
            Some(Payload::Json(body)) => http.header(CONTENT_TYPE, SCIM_JSON).body(body.to_string()),
            Some(Payload::Raw { bytes, media, chunked }) => {
                let http = media.iter().fold(http, |http, media| http.header(CONTENT_TYPE, *media));
                http.body(if *chunked { in_chunks(bytes) } else { bytes.clone().into() })
            }
        };
        let received = http.send().await?;
        let (status, headers) = (received.status().as_u16(), received.headers().clone());
        let bytes = received.bytes().await?;
        Ok(Response {
            status,
            headers,
            json: serde_json::from_slice(&bytes).ok(),
            text: excerpt(&bytes),
            is_repeated: false,
        })
    }
}

/// A body of unknown length, which is sent in chunks.
fn in_chunks(bytes: &[u8]) -> reqwest::Body {
    let frames: Vec<_> = bytes
        .chunks(CHUNK_BYTES)
        .map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(chunk))))
        .collect();
    reqwest::Body::wrap(StreamBody::new(stream::iter(frames)))
}

/// The delay that 429 and 503 ask for in whole seconds (RFC 9110 §10.2.3); 1 s if there is none, or a date.
pub(crate) fn retry_after(response: &Response) -> Option<Duration> {
    let retryable = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].map(|status| status.as_u16());
    if !retryable.contains(&response.status) {
        return None;
    }
    let seconds = response.header(RETRY_AFTER.as_str()).trim().parse().unwrap_or(1);
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// The beginning of a body, on one line and without control characters.
fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_EXCERPT_BYTES)]);
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(MAX_EXCERPT_CHARS).collect()
}

/// Spaces requests out to a rate.
struct Pacer {
    interval: Option<Duration>,
    next: Mutex<Option<Instant>>,
}

impl Pacer {
    fn new(rate: Option<f64>) -> Self {
        let interval = rate.filter(|rate| *rate > 0.0).map(|rate| Duration::from_secs_f64(1.0 / rate));
        Self { interval, next: Mutex::new(None) }
    }

    async fn wait(&self) {
        let Some(interval) = self.interval else { return };
        let slot = {
            let mut next = self.next.lock().await;
            let slot = next.unwrap_or_else(Instant::now).max(Instant::now());
            *next = Some(slot + interval);
            slot
        };
        sleep_until(slot).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, retry_after: Option<&str>) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, value.parse().unwrap());
        }
        Response { status, headers, json: None, text: String::new(), is_repeated: false }
    }

    #[test]
    fn retry_after_is_obeyed_up_to_a_minute() {
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
            assert_eq!(retry_after(&response(status, header)), seconds.map(Duration::from_secs), "{status} {header:?}");
        }
    }

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt(b"<html>\n\x1b[2J"), "<html>  [2J");
        assert_eq!(excerpt(&[b'x'; 1000]).len(), 120);
    }

    #[tokio::test]
    async fn a_rate_spaces_requests_out() {
        let (unlimited, limited) = (Pacer::new(None), Pacer::new(Some(100.0)));
        let started_at = Instant::now();
        for _ in 0..100 {
            unlimited.wait().await;
        }
        for _ in 0..4 {
            limited.wait().await;
        }
        assert!(started_at.elapsed() >= Duration::from_millis(30), "three intervals of ten milliseconds");
    }
}
