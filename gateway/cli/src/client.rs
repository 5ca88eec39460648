//! The client of the admin API and the directory, with the arguments that its commands share.

use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use crate::output::Output;

/// Longer than any request takes; the longest is the upload of a plugin, which is compiled.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
/// Longer than the export of any tenant takes.
const STREAM_TIMEOUT: Duration = Duration::from_hours(24);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// All but the unreserved characters (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("{0} is not the URL of a gateway; --admin-url must be one like http://127.0.0.1:8081")]
    Address(String),
    #[error("this needs {0}")]
    NoKey(Api),
    #[error("TLS cannot be set up for {address}")]
    Client {
        address: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("cannot connect to {address}; is the gateway running, and is --admin-url right?")]
    Connect {
        address: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{address} did not answer in time")]
    Timeout { address: String },
    #[error("the connection to {address} failed")]
    Connection {
        address: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{address} does not accept the key; this needs {api}")]
    Unauthorized { address: String, api: Api },
    /// The gateway's own explanation.
    #[error("{0}")]
    Refused(String),
    /// The same of what may pass: the request may be sent again.
    #[error("{0}")]
    Busy(String),
    /// The response is not in the gateway's form.
    #[error("{address} answered {status}, but not as a gateway does; is --admin-url right?")]
    Foreign { address: String, status: StatusCode },
    /// A name that would lead to another URL.
    #[error("\"{0}\" is not a valid name or id")]
    Name(String),
}

/// The APIs of the internal listener, each with its own kind of key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Api {
    Admin,
    Directory,
}

/// The key that the API needs.
impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admin => {
                "an operator key, in SCIMGATE_OPERATOR_KEY or --operator-key; `scimgate bootstrap` creates the first one"
            }
            Self::Directory => {
                "a tenant's directory key, in SCIMGATE_DIRECTORY_KEY or --directory-key; \
                 `scimgate token issue TENANT --scope directory` issues one"
            }
        })
    }
}

/// A secret from the command line or the environment, which is never printed.
#[derive(Clone)]
pub(super) struct Key(String);

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Key {
    /// The secret, without the spaces around it.
    pub(super) fn secret(&self) -> &str {
        self.0.trim()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// The arguments of every client command.
#[derive(Debug, clap::Args)]
struct Common {
    /// The gateway's internal listener.
    #[arg(long, env = "SCIMGATE_ADMIN_URL", default_value = "http://127.0.0.1:8081", global = true)]
    admin_url: String,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = Output::Table, global = true)]
    output: Output,
}

/// The arguments of commands that need an operator key.
#[derive(Debug, clap::Args)]
pub(super) struct OperatorOptions {
    #[command(flatten)]
    common: Common,
    /// The operator key.
    #[arg(long, env = "SCIMGATE_OPERATOR_KEY", hide_env_values = true, global = true)]
    operator_key: Option<Key>,
}

impl OperatorOptions {
    /// How to print, for a command that needs no gateway.
    pub(super) fn output(&self) -> Output {
        self.common.output
    }

    /// A client of the directory of the same gateway.
    pub(super) fn directory(&self, key: &Key) -> Result<AdminClient, Error> {
        AdminClient::new(&self.common.admin_url, Some(key), Api::Directory)
    }

    /// The client, and how to print.
    pub(super) fn open(&self) -> Result<(AdminClient, Output), Error> {
        let client = AdminClient::new(&self.common.admin_url, self.operator_key.as_ref(), Api::Admin)?;
        Ok((client, self.common.output))
    }
}

/// The arguments of commands that need a directory key.
#[derive(Debug, clap::Args)]
pub(super) struct DirectoryOptions {
    #[command(flatten)]
    common: Common,
    /// The tenant's directory key.
    #[arg(long, env = "SCIMGATE_DIRECTORY_KEY", hide_env_values = true, global = true)]
    directory_key: Option<Key>,
}

impl DirectoryOptions {
    /// The client, and how to print.
    pub(super) fn open(&self) -> Result<(AdminClient, Output), Error> {
        let client = AdminClient::new(&self.common.admin_url, self.directory_key.as_ref(), Api::Directory)?;
        Ok((client, self.common.output))
    }
}

/// A client of one API of the gateway's internal listener.
pub(super) struct AdminClient {
    http: reqwest::Client,
    address: String,
    key: Key,
    api: Api,
}

impl AdminClient {
    fn new(address: &str, key: Option<&Key>, api: Api) -> Result<Self, Error> {
        let address = base(address)?;
        let key = key.filter(|key| !key.0.trim().is_empty()).ok_or(Error::NoKey(api))?;
        // A redirect would send the key to another host.
        let mut http = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        if address.starts_with("http://") {
            // Without TLS, missing system certificates are not an error.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(|source| Error::Client { address: address.clone(), source })?;
        Ok(Self { http, address, key: key.clone(), api })
    }

    /// The path of something in this API, with its names escaped.
    pub(super) fn path(&self, names: &[&str]) -> Result<String, Error> {
        let mut path = match self.api {
            Api::Admin => "/admin/v1".to_owned(),
            Api::Directory => "/directory/v1".to_owned(),
        };
        for name in names {
            // These would lead to another path, where a DELETE deletes something else.
            if matches!(*name, "" | "." | "..") {
                return Err(Error::Name((*name).to_owned()));
            }
            path.push('/');
            path.push_str(&utf8_percent_encode(name, ESCAPED).to_string());
        }
        Ok(path)
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Error> {
        self.send(self.request(Method::GET, path)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), Error> {
        self.send(self.request(Method::DELETE, path)).await.map(drop)
    }

    /// Sends a JSON body.
    pub(super) async fn put(&self, method: Method, path: &str, body: &Value) -> Result<Value, Error> {
        self.send(self.request(method, path).json(body)).await
    }

    /// Sends a plugin's bytes.
    pub(super) async fn upload(&self, path: &str, wasm: Vec<u8>) -> Result<Value, Error> {
        self.send(self.wasm(path, wasm)).await
    }

    /// Sends a plugin's bytes with their signature in base64.
    pub(super) async fn upload_signed(&self, path: &str, wasm: Vec<u8>, signature: &str) -> Result<Value, Error> {
        self.send(self.wasm(path, wasm).header("Plugin-Signature", signature)).await
    }

    /// Sends lines of JSON.
    pub(super) async fn send_lines(&self, path: &str, lines: Vec<u8>) -> Result<Value, Error> {
        let request = self.request(Method::POST, path).header(reqwest::header::CONTENT_TYPE, "application/x-ndjson");
        self.send(request.body(lines)).await
    }

    /// A response that is read in parts, and that may take long in all.
    pub(super) async fn stream(&self, path: &str) -> Result<reqwest::Response, Error> {
        let request = self.request(Method::GET, path).timeout(STREAM_TIMEOUT);
        let response = request.send().await.map_err(|error| self.failed(error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.map_err(|error| self.failed(error))?;
        Err(parse(status, &body).err().map_or_else(
            || Error::Foreign { address: self.address.clone(), status },
            |refusal| self.refused(refusal, status),
        ))
    }

    /// The next part of it; none at its end.
    pub(super) async fn part(&self, response: &mut reqwest::Response) -> Result<Option<Vec<u8>>, Error> {
        let part = response.chunk().await.map_err(|error| self.failed(error))?;
        Ok(part.map(Vec::from))
    }

    fn wasm(&self, path: &str, bytes: Vec<u8>) -> reqwest::RequestBuilder {
        self.request(Method::POST, path).header(reqwest::header::CONTENT_TYPE, "application/wasm").body(bytes)
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.address)).bearer_auth(self.key.0.trim())
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, Error> {
        let response = request.send().await.map_err(|error| self.failed(error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| self.failed(error))?;
        parse(status, &body).map_err(|refusal| self.refused(refusal, status))
    }

    fn refused(&self, refusal: Refusal, status: StatusCode) -> Error {
        match refusal {
            Refusal::Unauthorized => Error::Unauthorized { address: self.address.clone(), api: self.api },
            Refusal::Problem(detail) if matches!(status.as_u16(), 429 | 503) => Error::Busy(detail),
            Refusal::Problem(detail) => Error::Refused(detail),
            Refusal::Foreign => Error::Foreign { address: self.address.clone(), status },
        }
    }

    fn failed(&self, error: reqwest::Error) -> Error {
        let (address, source) = (self.address.clone(), error.without_url());
        if source.is_connect() {
            Error::Connect { address, source }
        } else if source.is_timeout() {
            Error::Timeout { address }
        } else {
            Error::Connection { address, source }
        }
    }
}

/// A response that is not a success.
#[derive(Debug, PartialEq)]
enum Refusal {
    Unauthorized,
    Problem(String),
    Foreign,
}

/// The JSON of a successful response; null for 204.
fn parse(status: StatusCode, body: &[u8]) -> Result<Value, Refusal> {
    let json = serde_json::from_slice::<Value>(body);
    match (status, json) {
        (StatusCode::NO_CONTENT, _) => Ok(Value::Null),
        (StatusCode::UNAUTHORIZED, _) => Err(Refusal::Unauthorized),
        (_, Ok(json)) if status.is_success() => Ok(json),
        (_, Ok(problem)) => match problem.get("detail").and_then(Value::as_str) {
            Some(detail) => Err(Refusal::Problem(detail.to_owned())),
            None => Err(Refusal::Foreign),
        },
        (_, Err(_)) => Err(Refusal::Foreign),
    }
}

/// The base URL without a trailing slash, and without `/admin/v1`, which people may append.
fn base(written: &str) -> Result<String, Error> {
    let trimmed = written.trim().trim_end_matches('/');
    let trimmed = trimmed.strip_suffix("/admin/v1").unwrap_or(trimmed).trim_end_matches('/');
    let refuse = || Error::Address(written.to_owned());
    let url = Url::parse(trimmed).map_err(|_| refuse())?;
    let plain = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
    if plain && url.username().is_empty() && url.password().is_none() { Ok(trimmed.to_owned()) } else { Err(refuse()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(api: Api) -> AdminClient {
        let _ = rustls::crypto::ring::default_provider().install_default();
        AdminClient::new("http://127.0.0.1:8081/", Some(&Key("sgo_secret".into())), api).unwrap()
    }

    #[test]
    fn a_url_is_accepted_in_several_forms() {
        for written in ["http://gw:8081", "http://gw:8081/", " http://gw:8081/admin/v1/ "] {
            assert_eq!(base(written).unwrap(), "http://gw:8081", "{written}");
        }
        for written in ["", "gw:8081", "127.0.0.1:8081", "ftp://gw", "http://a:b@gw", "http://gw/?a=b"] {
            assert!(base(written).is_err(), "{written}");
        }
    }

    #[test]
    fn names_are_escaped_and_cannot_change_the_path() {
        let client = client(Api::Admin);
        assert_eq!(client.path(&["tenants", "a/b ü"]).unwrap(), "/admin/v1/tenants/a%2Fb%20%C3%BC");
        for name in ["", ".", ".."] {
            assert!(client.path(&["tenants", "acme", "tokens", name]).is_err(), "{name:?}");
        }
        assert_eq!(self::client(Api::Directory).path(&["users"]).unwrap(), "/directory/v1/users");
    }

    #[test]
    fn a_missing_key_is_an_error_that_says_how_to_get_one() {
        for key in [None, Some(&Key("  ".into()))] {
            let error = AdminClient::new("http://gw", key, Api::Admin).err().unwrap().to_string();
            assert!(error.contains("SCIMGATE_OPERATOR_KEY") && error.contains("scimgate bootstrap"), "{error}");
        }
    }

    #[test]
    fn a_refusal_is_the_problems_detail() {
        let problem = br#"{"title":"Not Found","status":404,"detail":"There is no tenant called x."}"#;
        let cases: [(u16, &[u8], Result<Value, Refusal>); 6] = [
            (200, b"{}", Ok(serde_json::json!({}))),
            (204, b"", Ok(Value::Null)),
            (401, b"", Err(Refusal::Unauthorized)),
            (404, problem, Err(Refusal::Problem("There is no tenant called x.".into()))),
            (404, b"<html>", Err(Refusal::Foreign)),
            (200, b"<html>", Err(Refusal::Foreign)),
        ];
        for (status, body, expected) in cases {
            assert_eq!(parse(StatusCode::from_u16(status).unwrap(), body), expected, "{status}");
        }
    }

    #[test]
    fn debug_output_hides_the_key() {
        assert_eq!(format!("{:?}", Key("sgo_secret".into())), "Key");
    }
}
