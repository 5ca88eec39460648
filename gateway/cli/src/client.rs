//! The client of the admin API and the directory, with the arguments that its commands share.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use crate::failure::Failure;
use crate::local_dev::LocalDev;
use crate::output::Output;
use crate::problem::Problem;

/// Longer than any request takes; the longest is the upload of a plugin, which is compiled.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(150);
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
    Refused(#[source] Problem),
    /// The same of what may pass: the request may be sent again.
    #[error("{0}")]
    Busy(#[source] Problem),
    /// The response is not in the gateway's form.
    #[error("{address} answered {status}, but not as a gateway does; is --admin-url right?")]
    Foreign { address: String, status: StatusCode },
    /// A name that would lead to another URL.
    #[error("\"{0}\" is not a valid name or id")]
    Name(String),
}

impl Error {
    /// Whether the same request may be answered later: the gateway is away, or its database.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Timeout { .. } | Self::Connection { .. } | Self::Busy(_))
    }
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
                "an operator key, in SCIMGATE_OPERATOR_KEY or --operator-key; `scimgate bootstrap` creates the first one, and `scimgate dev` has one while it runs"
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

/// The internal listener of a gateway on this machine with default settings.
const DEFAULT_URL: &str = "http://127.0.0.1:8081";

/// The heading of the options that all client commands have.
const HEADING: &str = "Gateway and output";

/// The arguments of every client command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = HEADING)]
struct Common {
    #[expect(clippy::doc_markdown, reason = "the help shows the address as it is typed")]
    /// The gateway's internal listener [default: http://127.0.0.1:8081].
    ///
    /// Without it and without a key, commands use the address and the keys of a `scimgate dev` that runs on this machine.
    #[arg(long, env = "SCIMGATE_ADMIN_URL", value_name = "URL", global = true)]
    admin_url: Option<String>,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value_t = Output::Table, global = true)]
    output: Output,
}

impl Common {
    /// The address, and the key of the local `dev` where it is used: an address or a key that is given is another gateway's.
    fn target(&self, given: Option<&Key>, key: impl FnOnce(LocalDev) -> String) -> (String, Option<Key>) {
        let dev = if given.is_none() && self.admin_url.is_none() { LocalDev::find() } else { None };
        match dev {
            Some(dev) => {
                tracing::debug!(address = %dev.admin_url, "the scimgate dev of this machine is used, with its keys");
                (dev.admin_url.clone(), Some(Key(key(dev))))
            }
            None => (self.admin_url.clone().unwrap_or_else(|| DEFAULT_URL.to_owned()), None),
        }
    }
}

/// The arguments of commands that need an operator key.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = HEADING)]
pub(super) struct OperatorOptions {
    #[command(flatten)]
    common: Common,
    /// The operator key.
    #[arg(long, env = "SCIMGATE_OPERATOR_KEY", value_name = "KEY", hide_env_values = true, global = true)]
    operator_key: Option<Key>,
}

impl OperatorOptions {
    /// How to print, for a command that needs no gateway.
    pub(super) fn output(&self) -> Output {
        self.common.output
    }

    /// A client of the directory of the same gateway, with the given key or that of the local `dev`; none without a key.
    pub(super) fn directory(&self, key: Option<&Key>) -> Result<Option<AdminClient>, Error> {
        let (url, of_dev) = self.common.target(self.operator_key.as_ref(), |dev| dev.directory_key);
        let key = key.cloned().or(of_dev);
        key.map(|key| AdminClient::new(&url, Some(&key), Api::Directory)).transpose()
    }

    /// The client, and how to print.
    pub(super) fn open(&self) -> Result<(AdminClient, Output), Error> {
        let (url, of_dev) = self.common.target(self.operator_key.as_ref(), |dev| dev.operator_key);
        let client = AdminClient::new(&url, self.operator_key.as_ref().or(of_dev.as_ref()), Api::Admin)?;
        Ok((client, self.common.output))
    }
}

/// The arguments of commands that need a directory key.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = HEADING)]
pub(super) struct DirectoryOptions {
    #[command(flatten)]
    common: Common,
    /// The tenant's directory key.
    #[arg(long, env = "SCIMGATE_DIRECTORY_KEY", value_name = "KEY", hide_env_values = true, global = true)]
    directory_key: Option<Key>,
}

impl DirectoryOptions {
    /// The client, and how to print.
    pub(super) fn open(&self) -> Result<(AdminClient, Output), Error> {
        let (url, of_dev) = self.common.target(self.directory_key.as_ref(), |dev| dev.directory_key);
        let client = AdminClient::new(&url, self.directory_key.as_ref().or(of_dev.as_ref()), Api::Directory)?;
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

    /// Sends the JSON of a file, which a refusal then names.
    pub(super) async fn put_file(
        &self,
        method: Method,
        path: &str,
        (body, file): (&Value, &Path),
    ) -> Result<Value, Failure> {
        self.put(method, path, body).await.map_err(|error| Failure::from(error).of_file(file))
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
            Refusal::Problem(problem) if matches!(status.as_u16(), 429 | 503) => Error::Busy(problem),
            Refusal::Problem(problem) => Error::Refused(problem),
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
    Problem(Problem),
    Foreign,
}

/// The JSON of a successful response; null for 204.
fn parse(status: StatusCode, body: &[u8]) -> Result<Value, Refusal> {
    let json = serde_json::from_slice::<Value>(body);
    match (status, json) {
        (StatusCode::NO_CONTENT, _) => Ok(Value::Null),
        (StatusCode::UNAUTHORIZED, _) => Err(Refusal::Unauthorized),
        (_, Ok(json)) if status.is_success() => Ok(json),
        (_, Ok(body)) => Err(Problem::read(body).map_or(Refusal::Foreign, Refusal::Problem)),
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
mod tests;
