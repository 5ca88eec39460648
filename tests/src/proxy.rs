//! A TCP proxy between the gateway and its database. It can cut or stall connections, and records what was sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Url;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Open,
    Stalled,
    Cut,
    /// Existing connections stall; new ones work.
    ExistingStalled,
    /// Every answer comes later.
    Slow(Duration),
}

type Sent = Arc<Mutex<Vec<u8>>>;

/// A running proxy; it ends with the runtime.
pub struct Proxy {
    /// The database's address through it.
    pub url: String,
    mode: watch::Sender<Mode>,
    connections: Arc<Mutex<Vec<Sent>>>,
}

impl Proxy {
    /// Starts a proxy in front of a database's address.
    pub async fn start(database: &str) -> Self {
        let mut url = Url::parse(database).unwrap();
        let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let (mode, watched) = watch::channel(Mode::Open);
        let connections = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(accept(listener, target, watched, connections.clone()));
        Self { url: url.to_string(), mode, connections }
    }

    /// Closes every connection and refuses new ones.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Forwards nothing any more, with connections open.
    pub fn stall(&self) {
        self.mode.send_replace(Mode::Stalled);
    }

    /// Stalls the existing connections, as if a firewall had dropped their state; new ones work.
    pub fn stall_existing(&self) {
        self.mode.send_replace(Mode::ExistingStalled);
    }

    /// Delays each part of every answer by so much.
    pub fn slow(&self, delay: Duration) {
        self.mode.send_replace(Mode::Slow(delay));
    }

    /// Forwards everything again.
    pub fn restore(&self) {
        self.mode.send_replace(Mode::Open);
    }

    /// How many times these bytes were sent to the database.
    #[must_use]
    pub fn times_sent(&self, bytes: &[u8]) -> usize {
        let connections = self.connections.lock().unwrap();
        let count = |sent: &Sent| sent.lock().unwrap().windows(bytes.len()).filter(|window| *window == bytes).count();
        connections.iter().map(count).sum()
    }
}

async fn accept(
    listener: TcpListener,
    target: String,
    mode: watch::Receiver<Mode>,
    connections: Arc<Mutex<Vec<Sent>>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        if *mode.borrow() == Mode::Cut {
            continue;
        }
        let Ok(server) = TcpStream::connect(&target).await else { continue };
        let sent = Sent::default();
        connections.lock().unwrap().push(sent.clone());
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let mode = mode.clone();
        let is_new = *mode.borrow() == Mode::ExistingStalled;
        tokio::spawn(forward(from_client, to_server, (mode.clone(), is_new), Some(sent)));
        tokio::spawn(forward(from_server, to_client, (mode, is_new), None));
    }
}

/// Forwards bytes until either side ends, or the proxy is cut. A connection that was opened after the others stalled
/// works. What the database is sent is recorded; what it answers may be slow.
async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    (mut mode, is_new): (watch::Receiver<Mode>, bool),
    sent: Option<Sent>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let now = *mode.borrow_and_update();
        let open = matches!(now, Mode::Open | Mode::Slow(_)) || is_new && now == Mode::ExistingStalled;
        tokio::select! {
            changed = mode.changed() => if changed.is_err() { return },
            read = from.read(&mut buffer), if open => {
                let Ok(length @ 1..) = read else { return };
                match (&sent, now) {
                    (Some(sent), _) => sent.lock().unwrap().extend_from_slice(&buffer[..length]),
                    (None, Mode::Slow(delay)) => tokio::time::sleep(delay).await,
                    _ => {}
                }
                if to.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        }
        if *mode.borrow() == Mode::Cut {
            return;
        }
    }
}
