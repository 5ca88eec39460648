//! An OCI registry in this process: manifests and blobs, behind a token that anybody gets, and what a hostile one does.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What a registry sends for a path.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Bytes.
    Bytes(Vec<u8>),
    /// A redirect.
    Redirect(String),
    /// Zeros without an end.
    Endless,
    /// Nothing, ever.
    Silence,
}

#[derive(Default)]
struct Content {
    replies: HashMap<String, Reply>,
    /// Where tokens are given out; none: here.
    realm: Option<String>,
    /// The scopes that tokens were asked for.
    scopes: Vec<String>,
}

/// A running registry, which ends with the runtime.
#[derive(Clone)]
pub struct OciRegistry {
    /// Where it listens, without TLS.
    pub address: SocketAddr,
    content: Arc<Mutex<Content>>,
}

const TOKEN: &str = "anonymous";

impl OciRegistry {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let registry = Self { address: listener.local_addr().unwrap(), content: Arc::default() };
        let router = Router::new().fallback(answer).with_state(registry.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        registry
    }

    /// What the registry sends for a path below `/v2/`.
    pub fn set(&self, path: &str, reply: Reply) {
        self.content.lock().unwrap().replies.insert(format!("/v2/{path}"), reply);
    }

    /// Names another service that gives out tokens.
    pub fn set_realm(&self, realm: &str) {
        self.content.lock().unwrap().realm = Some(realm.to_owned());
    }

    /// The scopes that tokens were asked for.
    #[must_use]
    pub fn scopes(&self) -> Vec<String> {
        self.content.lock().unwrap().scopes.clone()
    }

    /// Stores a layer; returns its description.
    #[must_use]
    pub fn layer(&self, repository: &str, media_type: &str, bytes: &[u8]) -> Value {
        let digest = digest(bytes);
        self.set(&format!("{repository}/blobs/{digest}"), Reply::Bytes(bytes.to_vec()));
        json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() })
    }

    /// Stores a manifest of layers under a tag and its digest; returns the digest.
    #[must_use]
    pub fn tag(&self, repository: &str, tag: &str, layers: &[Value]) -> String {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.wasm.config.v0+json", "digest": digest(b"{}"), "size": 2 }, "layers": layers,
        });
        self.tag_text(repository, tag, &manifest.to_string())
    }

    /// Stores a manifest's text under a tag and its digest; returns the digest.
    #[must_use]
    pub fn tag_text(&self, repository: &str, tag: &str, manifest: &str) -> String {
        let digest = digest(manifest.as_bytes());
        for name in [tag, &digest] {
            self.set(&format!("{repository}/manifests/{name}"), Reply::Bytes(manifest.into()));
        }
        digest
    }
}

/// The digest of bytes, as manifests have it.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

async fn answer(State(registry): State<OciRegistry>, request: Request) -> Response {
    let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
    if path == "/token" {
        let scope = query.split('&').find_map(|pair| pair.strip_prefix("scope=")).unwrap_or_default();
        registry.content.lock().unwrap().scopes.push(scope.replace("%3A", ":").replace("%2F", "/"));
        return axum::Json(json!({ "token": TOKEN })).into_response();
    }
    if let Some(response) = registry.unauthorized(request.headers()) {
        return response;
    }
    let reply = registry.content.lock().unwrap().replies.get(&path).cloned();
    match reply {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(Reply::Bytes(bytes)) => bytes.into_response(),
        Some(Reply::Redirect(to)) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Some(Reply::Endless) => {
            let zeros = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0_u8; 1 << 20]));
            Body::from_stream(zeros).into_response()
        }
        Some(Reply::Silence) => std::future::pending().await,
    }
}

impl OciRegistry {
    /// The challenge to a request without the token.
    fn unauthorized(&self, headers: &HeaderMap) -> Option<Response> {
        let expected = format!("Bearer {TOKEN}");
        if headers.get(header::AUTHORIZATION).is_some_and(|sent| sent.as_bytes() == expected.as_bytes()) {
            return None;
        }
        let realm =
            self.content.lock().unwrap().realm.clone().unwrap_or_else(|| format!("http://{}/token", self.address));
        let challenge = format!("Bearer realm=\"{realm}\",service=\"a registry\"");
        Some((StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)]).into_response())
    }
}
