//! A database for one test: on the test server made from a template that is migrated once, or an embedded one.

use std::hash::{DefaultHasher, Hash, Hasher};

use reqwest::Url;
use scimgate::config::Pooler;
use scimgate::store::postgres::migrate::{MIGRATIONS, in_transaction};
use scimgate::store::{self, Store};
use tokio_postgres::NoTls;

use crate::harness::poll;
use crate::pgbouncer;

/// Which kind of database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// A fresh database on the test server.
    Postgres,
    /// The embedded one, in this process.
    Embedded,
}

/// The SQL of all migrations; its hash names the template.
#[must_use]
pub fn migrations() -> String {
    MIGRATIONS.iter().map(|(_, _, sql)| in_transaction(sql)).collect()
}

/// Held while a database is created: each test is a process of its own.
const LOCK: &str = "SELECT pg_advisory_lock(7643)";
const UNLOCK: &str = "SELECT pg_advisory_unlock(7643)";

/// A database on the test server.
#[derive(Clone, Debug)]
pub struct Fresh {
    name: String,
    /// Its address, for its owner.
    pub url: String,
}

impl Fresh {
    /// A database with the schema.
    pub async fn migrated() -> Self {
        let server = owner(&server_url()).await;
        server.batch_execute(LOCK).await.unwrap();
        let template = template(&server).await;
        let made = Self::make(&server, &template).await;
        server.batch_execute(UNLOCK).await.unwrap();
        made
    }

    /// A database with nothing in it.
    pub async fn empty() -> Self {
        Self::make(&owner(&server_url()).await, "template0").await
    }

    async fn make(server: &tokio_postgres::Client, template: &str) -> Self {
        let name = format!("scimgate_test_{}", uuid::Uuid::new_v4().simple());
        server.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await.unwrap();
        Self { url: url_of(&name), name }
    }

    /// A connection as the owner, for whom no row-level security applies.
    pub async fn owner(&self) -> tokio_postgres::Client {
        owner(&self.url).await
    }

    /// Removes it with its open connections.
    pub async fn drop(&self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        owner(&server_url()).await.batch_execute(&sql).await.unwrap();
    }
}

/// The test server's address.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the test server's address comes from the Makefile")]
pub fn server_url() -> String {
    std::env::var("SCIMGATE_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!("SCIMGATE_TEST_POSTGRES names no PostgreSQL server; `make test` starts one and runs the tests on it")
    })
}

fn url_of(database: &str) -> String {
    let mut url = Url::parse(&server_url()).unwrap();
    url.set_path(database);
    url.to_string()
}

/// A connection under the login role of a URL.
pub async fn owner(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    // It ends with the client, or with the database.
    tokio::spawn(async move { drop(connection.await) });
    client
}

/// Opens a pool.
#[must_use]
pub fn connect(url: &str, size: usize) -> Store {
    match pgbouncer::instead_of(url, &server_url()) {
        Some(url) => store::connect(&url, size, Pooler::Transaction, &[]).unwrap(),
        None => store::connect(url, size, Pooler::Session, &[]).unwrap(),
    }
}

/// The migrated database that others are copies of. It gets its name only when it is complete.
async fn template(server: &tokio_postgres::Client) -> String {
    let mut hasher = DefaultHasher::new();
    migrations().hash(&mut hasher);
    let name = format!("scimgate_template_{:016x}", hasher.finish());
    let exists = "SELECT 1 FROM pg_database WHERE datname = $1";
    if !server.query(exists, &[&name]).await.unwrap().is_empty() {
        return name;
    }
    let raw = Fresh::make(server, "template0").await;
    let store = store::connect(&raw.url, 1, Pooler::Session, &[]).unwrap();
    store.migrate().await.unwrap();
    drop(store);
    poll("the template's last connection ends", async || {
        let sql = "SELECT 1 FROM pg_stat_activity WHERE datname = $1";
        server.query(sql, &[&raw.name]).await.unwrap().is_empty().then_some(())
    })
    .await;
    server.batch_execute(&format!("ALTER DATABASE {} RENAME TO {name}", raw.name)).await.unwrap();
    name
}
