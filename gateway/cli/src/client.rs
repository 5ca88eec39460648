//! The client of the admin API and the directory that the commands share, and what they need to reach it.

use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use crate::output::Output;

/// The requests behind a command are short; only the upload of a plugin waits for its compilation.
const TIMEOUT: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What may stand in a part of an address as it is (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The address is none.
    #[error("{0} is no address of a gateway; --admin-url takes one like http://127.0.0.1:8081")]
    Address(String),
    /// No key was given.
    #[error("this needs {0}")]
    NoKey(Door),
    /// The HTTP client cannot be made.
    #[error("TLS cannot be set up for {address}")]
    Client {
        /// Where it should connect to.
        address: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// Nobody listens.
    #[error("cannot connect to {address}; is the gateway running, and is --admin-url right?")]
    Connect {
        /// Where nobody listens.
        address: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// No answer came.
    #[error("{address} did not answer in time")]
    Late {
        /// Where no answer came from.
        address: String,
    },
    /// The connection broke.
    #[error("the connection to {address} broke")]
    Broken {
        /// Where to.
        address: String,
        /// What the client said.
        #[source]
        source: reqwest::Error,
    },
    /// The key is not accepted.
    #[error("{address} does not accept the key; this needs {door}")]
    Unauthorized {
        /// Who does not accept it.
        address: String,
        /// Which key is needed.
        door: Door,
    },
    /// The gateway refused, and says why.
    #[error("{0}")]
    Refused(String),
    /// Someone else answered.
    #[error("{address} answered {status}, but not as a gateway does; is --admin-url right?")]
    Foreign {
        /// Who answered.
        address: String,
        /// With what.
        status: StatusCode,
    },
    /// A name that would lead to another address.
    #[error("\"{0}\" is no name or id")]
    Name(String),
}

/// Which door a command knocks at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Door {
    /// The admin API.
    Admin,
    /// The directory.
    Directory,
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admin => {
                "an operator key, in SCIMGATE_OPERATOR_KEY or --operator-key; `scimgate bootstrap` makes the first one"
            }
            Self::Directory => {
                "a tenant's directory key, in SCIMGATE_DIRECTORY_KEY or --directory-key; \
                 `scimgate token issue TENANT --scope directory` makes one"
            }
        })
    }
}

/// A secret from the command line or the environment. It never prints itself.
#[derive(Clone)]
pub(super) struct Key(String);

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

/// What every client command takes.
#[derive(Debug, clap::Args)]
struct Common {
    /// Where the gateway's internal listener is.
    #[arg(long, env = "SCIMGATE_ADMIN_URL", default_value = "http://127.0.0.1:8081", global = true)]
    admin_url: String,
    /// How to print what comes back.
    #[arg(short, long, value_enum, default_value_t = Output::Table, global = true)]
    output: Output,
}

/// What the commands of operators take.
#[derive(Debug, clap::Args)]
pub(super) struct OperatorOptions {
    #[command(flatten)]
    common: Common,
    /// The operator key.
    #[arg(long, env = "SCIMGATE_OPERATOR_KEY", hide_env_values = true, global = true)]
    operator_key: Option<Key>,
}

impl OperatorOptions {
    /// The client, and how to print.
    pub(super) fn open(&self) -> Result<(AdminClient, Output), Error> {
        let client = AdminClient::new(&self.common.admin_url, self.operator_key.as_ref(), Door::Admin)?;
        Ok((client, self.common.output))
    }
}

/// What the commands that read as the product take.
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
        let client = AdminClient::new(&self.common.admin_url, self.directory_key.as_ref(), Door::Directory)?;
        Ok((client, self.common.output))
    }
}

/// A client of the gateway's internal listener, with the key of one door.
pub(super) struct AdminClient {
    http: reqwest::Client,
    address: String,
    key: Key,
    door: Door,
}

impl AdminClient {
    fn new(address: &str, key: Option<&Key>, door: Door) -> Result<Self, Error> {
        let address = base(address)?;
        let key = key.filter(|key| !key.0.trim().is_empty()).ok_or(Error::NoKey(door))?;
        // A redirect would carry the key to wherever it points.
        let mut http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        if address.starts_with("http://") {
            // Without TLS the machine's certificates need not be there.
            http = http.tls_certs_only([]);
        }
        let http = http.build().map_err(|source| Error::Client { address: address.clone(), source })?;
        Ok(Self { http, address, key: key.clone(), door })
    }

    /// The address of something behind this client's door, by names that are escaped.
    pub(super) fn path(&self, names: &[&str]) -> Result<String, Error> {
        let mut path = match self.door {
            Door::Admin => "/admin/v1".to_owned(),
            Door::Directory => "/directory/v1".to_owned(),
        };
        for name in names {
            // These would lead to another address, and a DELETE there deletes something else.
            if matches!(*name, "" | "." | "..") {
                return Err(Error::Name((*name).to_owned()));
            }
            path.push('/');
            path.push_str(&utf8_percent_encode(name, ESCAPED).to_string());
        }
        Ok(path)
    }

    /// Reads.
    pub(super) async fn get(&self, path: &str) -> Result<Value, Error> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Deletes.
    pub(super) async fn delete(&self, path: &str) -> Result<(), Error> {
        self.send(self.request(Method::DELETE, path)).await.map(drop)
    }

    /// Sends a JSON body.
    pub(super) async fn put(&self, method: Method, path: &str, body: &Value) -> Result<Value, Error> {
        self.send(self.request(method, path).json(body)).await
    }

    /// Sends a file's bytes.
    pub(super) async fn upload(&self, path: &str, bytes: Vec<u8>) -> Result<Value, Error> {
        self.send(
            self.request(Method::POST, path).header(reqwest::header::CONTENT_TYPE, "application/wasm").body(bytes),
        )
        .await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.address)).bearer_auth(self.key.0.trim())
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, Error> {
        let response = request.send().await.map_err(|error| self.failed(error))?;
        let status = response.status();
        let body = response.bytes().await.map_err(|error| self.failed(error))?;
        answer(status, &body).map_err(|refused| match refused {
            Answer::Unauthorized => Error::Unauthorized { address: self.address.clone(), door: self.door },
            Answer::Refused(detail) => Error::Refused(detail),
            Answer::Foreign => Error::Foreign { address: self.address.clone(), status },
        })
    }

    fn failed(&self, error: reqwest::Error) -> Error {
        let (address, source) = (self.address.clone(), error.without_url());
        if source.is_connect() {
            Error::Connect { address, source }
        } else if source.is_timeout() {
            Error::Late { address }
        } else {
            Error::Broken { address, source }
        }
    }
}

/// An answer that is no success.
#[derive(Debug, PartialEq)]
enum Answer {
    Unauthorized,
    Refused(String),
    Foreign,
}

/// What an answer says: JSON, nothing (204), or why not.
fn answer(status: StatusCode, body: &[u8]) -> Result<Value, Answer> {
    let json = serde_json::from_slice::<Value>(body);
    match (status, json) {
        (StatusCode::NO_CONTENT, _) => Ok(Value::Null),
        (StatusCode::UNAUTHORIZED, _) => Err(Answer::Unauthorized),
        (_, Ok(json)) if status.is_success() => Ok(json),
        (_, Ok(problem)) => match problem.get("detail").and_then(Value::as_str) {
            Some(detail) => Err(Answer::Refused(detail.to_owned())),
            None => Err(Answer::Foreign),
        },
        (_, Err(_)) => Err(Answer::Foreign),
    }
}

/// The address without a trailing slash; `/admin/v1` at its end is no mistake either.
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

    fn client(door: Door) -> AdminClient {
        let _ = rustls::crypto::ring::default_provider().install_default();
        AdminClient::new("http://127.0.0.1:8081/", Some(&Key("sgo_secret".into())), door).unwrap()
    }

    #[test]
    fn an_address_is_taken_as_people_write_it() {
        for written in ["http://gw:8081", "http://gw:8081/", " http://gw:8081/admin/v1/ "] {
            assert_eq!(base(written).unwrap(), "http://gw:8081", "{written}");
        }
        for written in ["", "gw:8081", "127.0.0.1:8081", "ftp://gw", "http://a:b@gw", "http://gw/?a=b"] {
            assert!(base(written).is_err(), "{written}");
        }
    }

    #[test]
    fn names_are_escaped_and_never_lead_elsewhere() {
        let client = client(Door::Admin);
        assert_eq!(client.path(&["tenants", "a/b ü"]).unwrap(), "/admin/v1/tenants/a%2Fb%20%C3%BC");
        for name in ["", ".", ".."] {
            assert!(client.path(&["tenants", "acme", "tokens", name]).is_err(), "{name:?}");
        }
        assert_eq!(self::client(Door::Directory).path(&["users"]).unwrap(), "/directory/v1/users");
    }

    #[test]
    fn a_missing_key_is_told_with_where_to_get_one() {
        for key in [None, Some(&Key("  ".into()))] {
            let told = AdminClient::new("http://gw", key, Door::Admin).err().unwrap().to_string();
            assert!(told.contains("SCIMGATE_OPERATOR_KEY") && told.contains("scimgate bootstrap"), "{told}");
        }
    }

    #[test]
    fn an_answer_is_told_in_its_own_words() {
        let problem = br#"{"title":"Not Found","status":404,"detail":"There is no tenant called x."}"#;
        let cases: [(u16, &[u8], Result<Value, Answer>); 6] = [
            (200, b"{}", Ok(serde_json::json!({}))),
            (204, b"", Ok(Value::Null)),
            (401, b"", Err(Answer::Unauthorized)),
            (404, problem, Err(Answer::Refused("There is no tenant called x.".into()))),
            (404, b"<html>", Err(Answer::Foreign)),
            (200, b"<html>", Err(Answer::Foreign)),
        ];
        for (status, body, said) in cases {
            assert_eq!(answer(StatusCode::from_u16(status).unwrap(), body), said, "{status}");
        }
    }

    #[test]
    fn a_key_never_prints_itself() {
        assert_eq!(format!("{:?}", Key("sgo_secret".into())), "Key");
    }
}
