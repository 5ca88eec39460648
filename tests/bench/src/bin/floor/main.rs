//! The two yardsticks, in one server: the bare handler, which stores one jsonb row, and the floor, which reads and writes the
//! gateway's rows. Neither has authentication, roles, row-level security or explicit transactions, and neither parses a body.
//! HTTP stack, runtime and pool are the gateway's.

mod bare;
mod handler;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr as _;

use axum::Router;
use axum::routing::{get, patch, post};
use axum::serve::ListenerExt as _;
use clap::Parser;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio_postgres::NoTls;

/// Serves the floor on 127.0.0.1.
#[derive(Debug, Parser)]
struct Arguments {
    /// The port to listen on.
    #[arg(long)]
    port: u16,
    /// URL of the database, as superuser.
    #[arg(long)]
    database_url: String,
    /// Number of database connections; the gateway's default where it is not given.
    #[arg(long)]
    pool_size: Option<usize>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let config = tokio_postgres::Config::from_str(&arguments.database_url)?;
    let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(config, NoTls, settings);
    // The gateway's session settings. Without them PostgreSQL compiles a list anew whenever it expects many rows.
    let settings = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move {
            let settings = "SET plan_cache_mode = force_generic_plan; SET jit = off";
            client.batch_execute(settings).await.map_err(HookError::Backend)
        })
    });
    let cores = std::thread::available_parallelism()?.get();
    let pool_size = arguments.pool_size.unwrap_or((4 * cores).clamp(4, 32));
    let pool = Pool::builder(manager).max_size(pool_size).post_create(settings).build()?;
    let router = Router::new()
        .route("/bare/users/{key}", get(bare::get).post(bare::create))
        .route("/bare/users/{id}/{place}/{value}", patch(bare::patch))
        .route("/bare/userName/{name}", get(bare::filter))
        .route("/bare/groups/{group}/members/{member}", patch(bare::member))
        .route("/floor/{tenant}/users/{name}", post(handler::create))
        .route("/floor/{tenant}/externalId/{external_id}", get(handler::external_id))
        .route("/floor/{tenant}/emails.value/{mail}", get(handler::mail))
        .route("/floor/{tenant}/containing/{part}", get(handler::contains))
        .route("/floor/{tenant}/from-id/{id}", get(handler::list))
        .route("/floor/{tenant}/from/{offset}", get(handler::from))
        .with_state(pool);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let listener = tokio::net::TcpListener::bind(address).await?.tap_io(|stream| {
        // As in the gateway; an error costs latency only.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}
