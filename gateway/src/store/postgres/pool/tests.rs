use std::time::SystemTime;

use super::*;
use crate::config::Pooler;
use crate::store::connect;
use crate::store::postgres::embedded::{self, Embedded};
use crate::telemetry::chain;
use crate::tenant::TenantId;

async fn start() -> Embedded {
    let embedded = embedded::start(None).await.unwrap();
    embedded.store.migrate().await.unwrap();
    embedded
}

async fn end(embedded: Embedded) {
    tokio::task::spawn_blocking(move || drop(embedded)).await.unwrap();
}

const INSERT: &str = "INSERT INTO plugin (digest, name, version, manifest, wasm, created_at)
  VALUES ($1, 'a', '1', '', '', now())";

fn count() -> Statement<'static> {
    Statement::new("counting", "SELECT count(*) FROM plugin", &[])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parameter_that_cannot_be_encoded_rolls_the_batch_back() {
    let embedded = start().await;
    let pool = &embedded.store.pool;
    let digest = "0".repeat(64);
    let insert = || Statement::new("inserting", INSERT, &[&digest]);
    let wrong_type = || Statement::new("encoding", "SELECT $1::bigint", &[&"text"]);
    let wrong_count = || Statement::new("encoding", "SELECT $1::bigint", &[]);
    // The role is set by the first batch and known in the second.
    for role in [Role::Control, Role::Control] {
        for broken in [wrong_type(), wrong_count()] {
            let failure = pool.transaction(role, &[insert(), broken, count()]).await.unwrap_err();
            assert_eq!(failure.statement, Some(1));
            assert!(matches!(failure.error, Error::Refused { doing: "encoding", .. }), "{:?}", failure.error);
            let rows = pool.query(role, &count()).await.unwrap();
            assert_eq!(rows[0].get::<_, i64>(0), 0, "nothing was kept");
        }
    }
    end(embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_batch_is_one_transaction_in_order() {
    let embedded = start().await;
    let pool = &embedded.store.pool;
    let digests: Vec<String> = (0..100).map(|number| format!("{number:064}")).collect();
    let batch = || digests.iter().flat_map(|digest| [Statement::new("inserting", INSERT, &[digest]), count()]);
    let broken = batch().chain([Statement::new("dividing", "SELECT 1 / 0", &[])]).collect::<Vec<_>>();
    let failure = pool.transaction(Role::Control, &broken).await.unwrap_err();
    assert_eq!(failure.statement, Some(200));
    let answers = pool.transaction(Role::Control, &batch().collect::<Vec<_>>()).await.unwrap();
    for (number, rows) in answers.iter().skip(1).step_by(2).enumerate() {
        assert_eq!(usize::try_from(rows[0].get::<_, i64>(0)).unwrap(), number + 1);
    }
    end(embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_not_taken_for_set_after_a_failed_batch() {
    let embedded = start().await;
    let pool = &embedded.store.pool;
    let tenant = TenantId(uuid::Uuid::from_u128(1));
    embedded.store.control().insert_tenant(tenant, "acme", SystemTime::UNIX_EPOCH).await.unwrap();
    let own = || Statement::new("reading", "SELECT current_user::text, current_setting('scimgate.tenant_id')", &[]);
    let broken = Statement::new("encoding", "SELECT $1::bigint", &[&"text"]);
    pool.transaction(Role::Tenant(tenant), &[own(), broken]).await.unwrap_err();
    let rows = pool.query(Role::Tenant(tenant), &own()).await.unwrap();
    assert_eq!((rows[0].get(0), rows[0].get(1)), ("scimgate_tenant", tenant.to_string().as_str()));
    end(embedded).await;
}

#[tokio::test]
async fn an_unreachable_database_is_unavailable_for_every_clone_of_the_error() {
    let store = connect("postgres://nobody@127.0.0.1:1/none", 1, Pooler::Session, &[]).unwrap();
    let error = store.control().tenants().await.unwrap_err();
    assert!(matches!(error.clone(), Error::Unavailable { doing: "listing tenants", .. }));
    let text = chain(&error);
    assert_eq!(text, chain(&error.clone()));
    let parts: Vec<&str> = text.split(": ").collect();
    assert_eq!(&parts[..2], ["the database is unavailable while listing tenants", "error connecting to server"]);
    assert!(parts.iter().enumerate().all(|(index, part)| !parts[..index].contains(part)), "{text}");
}
