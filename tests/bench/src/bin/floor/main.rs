//! The floor: a bare server that does one statement a request, and nothing that a gateway is for. No authentication, no
//! roles, no row-level security, no transaction but the statement's own, and a body is bytes. HTTP stack, runtime and
//! pool are the gateway's.

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

/// Where to listen and which database.
#[derive(Debug, Parser)]
struct Arguments {
    /// The port on this machine.
    #[arg(long)]
    port: u16,
    /// The database, as its superuser.
    #[arg(long)]
    database_url: String,
    /// Connections to the database.
    #[arg(long, default_value_t = 16)]
    pool_size: usize,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let config = tokio_postgres::Config::from_str(&arguments.database_url)?;
    let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(config, NoTls, settings);
    // As the gateway does: a page is else compiled anew whenever the server reckons with many rows.
    let settings = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move {
            let settings = "SET plan_cache_mode = force_generic_plan; SET jit = off";
            client.batch_execute(settings).await.map_err(HookError::Backend)
        })
    });
    let pool = Pool::builder(manager).max_size(arguments.pool_size).post_create(settings).build()?;
    let router = Router::new()
        .route("/{tenant}/users/{key}", get(handler::get).post(handler::create).patch(handler::patch))
        .route("/{tenant}/names/{name}", get(handler::filter))
        .route("/{tenant}/external/{external_id}", get(handler::external_id))
        .route("/{tenant}/mails/{mail}", get(handler::mail))
        .route("/{tenant}/containing/{piece}", get(handler::contains))
        .route("/{tenant}/after/{id}", get(handler::list))
        .route("/{tenant}/from/{position}", get(handler::from))
        .route("/{tenant}/groups/{group}/members/{member}", patch(handler::member))
        .route("/plain", post(handler::plain))
        .with_state(pool);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port));
    let listener = tokio::net::TcpListener::bind(address).await?.tap_io(|stream| {
        // As the gateway does; an error here costs only latency.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}
