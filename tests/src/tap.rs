//! A tap on the gateway's one connection to its database. It collects the plans that the server reports, and runs statements
//! of the test on the same connection: the embedded database accepts no second one.

use std::sync::{Arc, Mutex};

use reqwest::Url;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};

/// Has each plan sent to the client as a notice.
const REPORT_PLANS: &str = "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on; \
    SET auto_explain.log_timing = off; SET auto_explain.log_nested_statements = on; SET auto_explain.log_format = json; \
    SET auto_explain.log_level = notice; SET client_min_messages = notice";

/// A statement of the test, and where its first column is sent.
type Order = (String, oneshot::Sender<Result<Vec<String>, String>>);

/// A running tap; it ends with the runtime.
pub struct Tap {
    /// The database's address through it, for one connection.
    pub url: String,
    orders: mpsc::Sender<Order>,
    plans: Arc<Mutex<Vec<Value>>>,
}

impl Tap {
    /// Starts a tap in front of a database's address, which must allow the login role to load `auto_explain`.
    pub async fn start(database: &str) -> Self {
        let mut url = Url::parse(database).unwrap();
        let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let (orders, received) = mpsc::channel(1);
        let plans = Arc::default();
        tokio::spawn(serve(listener, target, received, Arc::clone(&plans)));
        Self { url: url.to_string(), orders, plans }
    }

    /// Runs SQL as the login role in one transaction, and returns the first column of all rows. It is one message, so that
    /// the gateway, which assumes that the connection keeps its role, sends nothing in between.
    pub async fn run(&self, sql: &str) -> Vec<String> {
        let text = format!(
            "SELECT set_config('tap.role', current_user, false), set_config('tap.timeout', current_setting('statement_timeout'), false); \
             RESET ROLE; SET statement_timeout = 0; {sql}; \
             SELECT set_config('role', current_setting('tap.role'), false), \
               set_config('statement_timeout', current_setting('tap.timeout'), false)"
        );
        let mut rows = self.simple(&text).await;
        rows.truncate(rows.len() - 1);
        rows.split_off(1)
    }

    /// Has plans reported from now on.
    pub async fn report_plans(&self) {
        let _ = self.run(REPORT_PLANS).await;
    }

    /// The plans since the last call.
    #[must_use]
    pub fn plans(&self) -> Vec<Value> {
        std::mem::take(&mut *self.plans.lock().unwrap())
    }

    async fn simple(&self, sql: &str) -> Vec<String> {
        let (answer, answered) = oneshot::channel();
        self.orders.send((sql.to_owned(), answer)).await.unwrap();
        answered.await.unwrap().unwrap_or_else(|error| panic!("{error}: {sql}"))
    }
}

async fn serve(
    listener: TcpListener,
    target: String,
    mut orders: mpsc::Receiver<Order>,
    plans: Arc<Mutex<Vec<Value>>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let server = TcpStream::connect(&target).await.unwrap();
        // Otherwise an answer of several packets takes 40 ms longer.
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let connection = Connection { client, server, pending: 1, running: None, rows: Vec::new(), error: None };
        connection.forward(&mut orders, &plans).await;
    }
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// Answers that the server still has to complete.
    pending: usize,
    /// Where the answer to the test's statement is sent.
    running: Option<oneshot::Sender<Result<Vec<String>, String>>>,
    rows: Vec<String>,
    error: Option<String>,
}

impl Connection {
    async fn forward(mut self, orders: &mut mpsc::Receiver<Order>, plans: &Mutex<Vec<Value>>) {
        let (mut sent, mut answered) = (Frames::default(), Frames { is_started: true, ..Frames::default() });
        let (mut from_client, mut from_server) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        loop {
            tokio::select! {
                read = self.client.read(&mut from_client), if self.running.is_none() => {
                    let Ok(length @ 1..) = read else { return };
                    for (kind, _) in sent.add(&from_client[..length]) {
                        self.pending += usize::from(matches!(kind, b'Q' | b'S'));
                    }
                    self.server.write_all(&from_client[..length]).await.unwrap();
                }
                read = self.server.read(&mut from_server) => {
                    let Ok(length @ 1..) = read else { return };
                    for (kind, frame) in answered.add(&from_server[..length]) {
                        self.answer(kind, &frame, plans).await;
                    }
                }
                Some((sql, answer)) = orders.recv(), if self.pending == 0 && self.running.is_none() => {
                    let length = u32::try_from(sql.len() + 5).unwrap().to_be_bytes();
                    let message = [&b"Q"[..], &length, sql.as_bytes(), b"\0"].concat();
                    self.server.write_all(&message).await.unwrap();
                    self.running = Some(answer);
                    self.pending = 1;
                }
            }
        }
    }

    async fn answer(&mut self, kind: u8, frame: &[u8], plans: &Mutex<Vec<Value>>) {
        self.pending -= usize::from(kind == b'Z');
        if kind == b'N' {
            let text = message(frame);
            // The embedded database reports plans from its start on, in another format.
            if let Some((_, plan)) =
                text.split_once("plan:\n").filter(|(_, plan)| self.running.is_none() && plan.starts_with('{'))
            {
                plans.lock().unwrap().push(serde_json::from_str(plan).unwrap());
            }
            return;
        }
        if self.running.is_none() {
            self.client.write_all(frame).await.unwrap();
            return;
        }
        match kind {
            b'D' => {
                let length = usize::try_from(i32::from_be_bytes(frame[7..11].try_into().unwrap())).unwrap_or_default();
                self.rows.push(String::from_utf8(frame[11..11 + length].to_vec()).unwrap());
            }
            b'E' => self.error = Some(message(frame)),
            b'Z' => {
                let rows = std::mem::take(&mut self.rows);
                let outcome = self.error.take().map_or(Ok(rows), Err);
                let _ = self.running.take().map(|answer| answer.send(outcome));
            }
            _ => {}
        }
    }
}

/// The text of a notice or an error.
fn message(frame: &[u8]) -> String {
    let fields = frame[5..].split(|byte| *byte == 0);
    fields.filter_map(|field| field.strip_prefix(b"M")).map(|text| String::from_utf8_lossy(text).into_owned()).collect()
}

/// The protocol's messages out of a stream of bytes.
#[derive(Default)]
struct Frames {
    bytes: Vec<u8>,
    /// Whether the first message, which has no kind, has passed.
    is_started: bool,
}

impl Frames {
    /// Adds bytes and takes the complete messages, each with its kind.
    fn add(&mut self, bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        self.bytes.extend_from_slice(bytes);
        let mut frames = Vec::new();
        loop {
            let header = usize::from(self.is_started);
            let Some(length) = self.bytes.get(header..header + 4) else { return frames };
            let end = header + u32::from_be_bytes(length.try_into().unwrap()) as usize;
            if self.bytes.len() < end {
                return frames;
            }
            let frame: Vec<u8> = self.bytes.drain(..end).collect();
            frames.push((if self.is_started { frame[0] } else { 0 }, frame));
            self.is_started = true;
        }
    }
}
