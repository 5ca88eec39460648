//! The gateway's memory: idle, under large pages, and afterwards.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hyper::Method;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::arguments::Arguments;
use crate::client::{Connection, request};
use crate::competitor::Side;
use crate::environment::Environment;
use crate::process::Memory;

/// How long pages are read.
const BURST: Duration = Duration::from_secs(2);
/// The time between the last response and the last reading.
const REST: Duration = Duration::from_secs(10);
/// The largest page.
const PAGE: usize = 1_000;

/// Three readings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryUse {
    /// Two seconds after the start, without a request.
    pub(crate) idle: Memory,
    /// Directly after the last response.
    pub(crate) loaded: Memory,
    /// Ten seconds later.
    pub(crate) after: Memory,
}

/// Reads pages on all connections and then the memory.
pub(crate) async fn run(arguments: &Arguments, environment: &Environment) -> Result<MemoryUse> {
    let server = environment.server(Side::Gateway);
    let tenant = environment.tenants.plain.first().context("there is a tenant")?;
    let end = Instant::now() + BURST;
    let mut loops = JoinSet::new();
    for client in 0..arguments.clients {
        let (address, token) = (server.address, tenant.token.clone());
        let start_index = 1 + client * PAGE % tenant.users.len();
        let path = format!("/scim/v2/Users?startIndex={start_index}&count={PAGE}");
        loops.spawn(async move {
            let mut connection = Connection::open(address).await?;
            while Instant::now() < end {
                let (status, _) = connection.send(request(Method::GET, &path, Some(&token), "")?).await?;
                ensure!(status.is_success(), "{path} returned {status}");
            }
            Ok(())
        });
    }
    while let Some(result) = loops.join_next().await {
        result??;
    }
    let loaded = server.memory()?;
    tokio::time::sleep(REST).await;
    Ok(MemoryUse { idle: environment.idle_memory, loaded, after: server.memory()? })
}
