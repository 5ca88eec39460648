//! The floor's handlers: one statement per request, on the gateway's rows.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use deadpool_postgres::Pool;
use scimgate_bench::statement;
use sha2::{Digest as _, Sha256};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// Any error. The load generator stops at the first unexpected response and prints its body.
pub(crate) struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(format!("{error:?}"))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, self.0).into_response()
    }
}

pub(crate) type Reply = Result<Response, Failure>;

pub(crate) async fn query(pool: &Pool, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
    let client = pool.get().await?;
    let prepared = client.prepare_cached(sql).await?;
    Ok(client.query(&prepared, params).await?)
}

pub(crate) fn uuid(text: &str) -> Result<Uuid, Failure> {
    Ok(text.parse()?)
}

pub(crate) fn json(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/scim+json")], text).into_response()
}

/// The JSON of the first row, or 404.
pub(crate) fn one(rows: &[Row]) -> Response {
    match rows.first() {
        Some(row) => json(StatusCode::OK, row.get(0)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The gateway's hash of a mail address.
fn hash(address: &str) -> i64 {
    let digest = Sha256::new().chain_update("emails.value\x1f").chain_update(address).finalize();
    digest.first_chunk().map_or(0, |first| i64::from_be_bytes(*first))
}

/// Creates a user under the name in the path.
pub(crate) async fn create(
    State(pool): State<Pool>,
    Path((tenant, name)): Path<(String, String)>,
    body: String,
) -> Reply {
    let id = Uuid::now_v7();
    let user_name = format!("{name}@corp.test");
    let keys = ["corp", "home", "society"].map(|domain| hash(&format!("{name}@{domain}.test")));
    let keys = keys.as_slice();
    query(&pool, statement::CREATE, &[&uuid(&tenant)?, &id, &user_name, &name, &body, &keys]).await?;
    Ok(json(StatusCode::CREATED, body))
}

/// Reads a user by externalId.
pub(crate) async fn external_id(State(pool): State<Pool>, Path((tenant, id)): Path<(String, String)>) -> Reply {
    Ok(one(&query(&pool, statement::EXTERNAL_ID, &[&uuid(&tenant)?, &id]).await?))
}

/// Reads a user by mail address.
pub(crate) async fn mail(State(pool): State<Pool>, Path((tenant, mail)): Path<(String, String)>) -> Reply {
    Ok(one(&query(&pool, statement::MAIL, &[&uuid(&tenant)?, &hash(&mail)]).await?))
}

/// Reads a hundred users from an id on.
pub(crate) async fn list(State(pool): State<Pool>, Path((tenant, first)): Path<(String, String)>) -> Reply {
    Ok(page(&query(&pool, statement::LIST, &[&uuid(&tenant)?, &uuid(&first)?]).await?))
}

/// Reads a hundred users from an offset on.
pub(crate) async fn from(State(pool): State<Pool>, Path((tenant, offset)): Path<(String, i64)>) -> Reply {
    Ok(page(&query(&pool, statement::FROM, &[&uuid(&tenant)?, &offset]).await?))
}

/// Reads the users whose name contains a text.
pub(crate) async fn contains(State(pool): State<Pool>, Path((tenant, part)): Path<(String, String)>) -> Reply {
    Ok(page(&query(&pool, statement::CONTAINS, &[&uuid(&tenant)?, &part]).await?))
}

/// The JSON of the rows as a list.
fn page(rows: &[Row]) -> Response {
    let texts: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    json(StatusCode::OK, format!("{{\"Resources\":[{}]}}", texts.join(",")))
}
