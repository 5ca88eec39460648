//! A TCP proxy between the gateway and its database, which can be cut or made to stall, and remembers what was sent.

use std::sync::{Arc, Mutex};

use reqwest::Url;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the proxy behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Open,
    Stalled,
    Cut,
    /// Connections that are there lead nowhere any more; new ones do.
    Stranded,
}

type Sent = Arc<Mutex<Vec<u8>>>;

/// A running proxy; it ends with the runtime.
pub struct Proxy {
    /// The database's address through it.
    pub url: String,
    line: watch::Sender<Line>,
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
        let (line, watched) = watch::channel(Line::Open);
        let connections = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(accept(listener, target, watched, connections.clone()));
        Self { url: url.to_string(), line, connections }
    }

    /// Breaks every connection and refuses new ones.
    pub fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    /// Lets nothing through any more, and says so to nobody.
    pub fn stall(&self) {
        self.line.send_replace(Line::Stalled);
    }

    /// Lets nothing through on the connections that are there, and says so to nobody; new ones are as good as any. So it
    /// is after the database moved and a firewall forgot the old connections.
    pub fn strand(&self) {
        self.line.send_replace(Line::Stranded);
    }

    /// Lets everything through again.
    pub fn mend(&self) {
        self.line.send_replace(Line::Open);
    }

    /// How often these bytes were sent to the database.
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
    line: watch::Receiver<Line>,
    connections: Arc<Mutex<Vec<Sent>>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        if *line.borrow() == Line::Cut {
            continue;
        }
        let Ok(server) = TcpStream::connect(&target).await else { continue };
        let sent = Sent::default();
        connections.lock().unwrap().push(sent.clone());
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        // Whoever comes after the stranding is not stranded by it.
        let line = line.clone();
        let new = *line.borrow() == Line::Stranded;
        tokio::spawn(pass(from_client, to_server, (line.clone(), new), sent));
        tokio::spawn(pass(from_server, to_client, (line, new), Sent::default()));
    }
}

/// Passes bytes on until either side ends, or the line is cut.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    (mut line, spared): (watch::Receiver<Line>, bool),
    sent: Sent,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let state = *line.borrow_and_update();
        let open = state == Line::Open || spared && state == Line::Stranded;
        tokio::select! {
            changed = line.changed() => if changed.is_err() { return },
            read = from.read(&mut buffer), if open => {
                let Ok(length @ 1..) = read else { return };
                sent.lock().unwrap().extend_from_slice(&buffer[..length]);
                if to.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        }
        if *line.borrow() == Line::Cut {
            return;
        }
    }
}
