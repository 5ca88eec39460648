//! What the gateway in this process logs.

use std::io::{self, Write};
use std::sync::{Mutex, Once, PoisonError};

use serde_json::Value;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Records what is logged from here on, at the gateway's default level.
pub fn keep() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let filter = tracing_subscriber::EnvFilter::new("warn,scimgate=info");
        let log = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(|| Lines);
        log.try_init().unwrap();
    });
}

/// The text of all lines so far.
#[must_use]
pub fn text() -> String {
    String::from_utf8(LINES.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
}

/// The fields of the lines about a tenant, in order. Tests in one process use different names.
#[must_use]
pub fn about(tenant: &str) -> Vec<Value> {
    let lines = text();
    let fields = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].take());
    fields.filter(|fields| fields["tenant.name"] == tenant).collect()
}
