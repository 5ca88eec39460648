//! An issuer's address of keys: an https server on this machine, with a certificate of the test's own authority, that counts its
//! requests and can answer in any way.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use scimgate::auth::oauth::fetch::FetchRules;
use serde_json::Value;
use std::sync::Mutex;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::gateway::TestGateway;

/// How the server answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// With these keys.
    Keys(Value),
    /// With this text.
    Text(String),
    /// With a status.
    Status(u16),
    /// With a redirect to this address.
    Redirect(String),
    /// With a header, and then a byte a second.
    Slow,
    /// With bytes without an end.
    Endless,
}

/// A running server; it ends with the test's runtime.
pub struct Issuer {
    /// Its port.
    pub port: u16,
    /// The authority's certificate in PEM.
    pub authority: Vec<u8>,
    reply: Arc<Mutex<Reply>>,
    requests: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Issuer {
    /// Starts one.
    pub async fn start(reply: Reply) -> Self {
        let folder = certificates();
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(&read("server.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(&read("server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (reply, requests) = (Arc::new(Mutex::new(reply)), Arc::new(AtomicUsize::new(0)));
        let (answer, counter) = (Arc::clone(&reply), Arc::clone(&requests));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
                let (counter, seen) = (Arc::clone(&counter), Arc::clone(&seen));
                tokio::spawn(async move {
                    // A client that refuses the certificate, or hangs up, is not a failure of the server.
                    let _ = serve(acceptor, stream, &answer, (&counter, &seen)).await;
                });
            }
        });
        Self { port, authority: read("ca.pem"), reply, requests, heads }
    }

    /// Its address of keys.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("https://127.0.0.1:{}/keys", self.port)
    }

    /// From here on it answers in another way.
    pub fn set(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    /// How many requests it had.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Lets a gateway read the keys of issuers on this machine, from servers with a certificate of this authority.
    pub fn trust(&self, gateway: &TestGateway) {
        let authorities = reqwest::Certificate::from_pem_bundle(&self.authority).unwrap();
        let networks = vec!["127.0.0.0/8".parse().unwrap()];
        gateway.gateway.auth.oauth.set_fetch_rules(FetchRules { networks, authorities });
    }

    /// The heads of its requests.
    #[must_use]
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    reply: &Mutex<Reply>,
    (requests, heads): (&AtomicUsize, &Mutex<Vec<String>>),
) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let _ = requests.fetch_add(1, Ordering::SeqCst);
    heads.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
    let reply = reply.lock().unwrap().clone();
    let with_body = |status: &str, body: &str| {
        format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let text = match reply {
        Reply::Keys(keys) => with_body("200 OK", &keys.to_string()),
        Reply::Text(text) => with_body("200 OK", &text),
        Reply::Status(status) => with_body(&format!("{status} Something"), ""),
        Reply::Redirect(to) => format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"),
        Reply::Slow => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n").await?;
            loop {
                stream.write_all(b" ").await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").await?;
            loop {
                stream.write_all(&[b' '; 16 * 1024]).await?;
            }
        }
    };
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

/// An authority, and a certificate by it for this machine: `ca.pem`, `server.pem` and `server.key` in a folder.
#[must_use]
pub fn certificates() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let openssl = |arguments: &str| run(folder.path(), arguments);
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"));
    openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=issuer"));
    let names = "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n";
    std::fs::write(folder.path().join("names"), names).unwrap();
    openssl("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem");
    folder
}

fn run(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
