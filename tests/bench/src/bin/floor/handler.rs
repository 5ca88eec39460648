//! The handlers: one statement per request, and two for a patch, a read and a conditional write.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use deadpool_postgres::{Client, Pool};
use scimgate_bench::statement;
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

type Reply = Result<Response, Failure>;

async fn query(pool: &Pool, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
    query_on(&pool.get().await?, sql, params).await
}

async fn query_on(client: &Client, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failure> {
    let prepared = client.prepare_cached(sql).await?;
    Ok(client.query(&prepared, params).await?)
}

fn uuid(text: &str) -> Result<Uuid, Failure> {
    Ok(text.parse()?)
}

fn json(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/scim+json")], text).into_response()
}

/// The JSON of the first row, or 404.
fn one(rows: &[Row]) -> Response {
    match rows.first() {
        Some(row) => json(StatusCode::OK, row.get(0)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// One of sixteen counter rows, by the random last byte of an id.
fn slot(id: Uuid) -> i16 {
    i16::from(id.as_bytes()[15] % 16)
}

/// Creates a user under the name in the path.
pub(crate) async fn create(
    State(pool): State<Pool>,
    Path((tenant, name)): Path<(String, String)>,
    body: String,
) -> Reply {
    let id = Uuid::now_v7();
    let external_id = name.split('@').next().unwrap_or_default();
    query(&pool, statement::CREATE, &[&uuid(&tenant)?, &id, &name, &external_id, &body, &slot(id)]).await?;
    Ok(json(StatusCode::CREATED, body))
}

/// Inserts one row into a table with a primary key.
pub(crate) async fn plain(State(pool): State<Pool>, body: String) -> Reply {
    query(&pool, statement::PLAIN, &[&Uuid::now_v7(), &body]).await?;
    Ok(json(StatusCode::CREATED, body))
}

/// Reads a user by id.
pub(crate) async fn get(State(pool): State<Pool>, Path((tenant, id)): Path<(String, String)>) -> Reply {
    Ok(one(&query(&pool, statement::GET, &[&uuid(&tenant)?, &uuid(&id)?]).await?))
}

/// Reads a user by userName.
pub(crate) async fn filter(State(pool): State<Pool>, Path((tenant, name)): Path<(String, String)>) -> Reply {
    Ok(one(&query(&pool, statement::FILTER, &[&uuid(&tenant)?, &name]).await?))
}

/// Reads a user by externalId.
pub(crate) async fn external_id(State(pool): State<Pool>, Path((tenant, id)): Path<(String, String)>) -> Reply {
    Ok(one(&query(&pool, statement::EXTERNAL_ID, &[&uuid(&tenant)?, &id]).await?))
}

/// Reads a user by mail address.
pub(crate) async fn mail(State(pool): State<Pool>, Path((tenant, mail)): Path<(String, String)>) -> Reply {
    Ok(one(&query(&pool, statement::MAIL, &[&uuid(&tenant)?, &mail]).await?))
}

/// Reads a hundred users after an id.
pub(crate) async fn list(State(pool): State<Pool>, Path((tenant, after)): Path<(String, String)>) -> Reply {
    Ok(page(&query(&pool, statement::LIST, &[&uuid(&tenant)?, &uuid(&after)?]).await?))
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

/// Changes a user with optimistic locking. The JSON is written as it was read: that is the same work for the database,
/// and the floor parses nothing.
pub(crate) async fn patch(State(pool): State<Pool>, Path((tenant, id)): Path<(String, String)>, _: String) -> Reply {
    let (tenant, id) = (uuid(&tenant)?, uuid(&id)?);
    let client = pool.get().await?;
    loop {
        let rows = query_on(&client, statement::READ, &[&tenant, &id]).await?;
        let Some(row) = rows.first() else { return Ok(StatusCode::NOT_FOUND.into_response()) };
        let (source, version): (String, i64) = (row.get(0), row.get(1));
        if !query_on(&client, statement::UPDATE, &[&tenant, &id, &version, &source]).await?.is_empty() {
            return Ok(json(StatusCode::OK, source));
        }
    }
}

/// Adds a member to a group.
pub(crate) async fn member(
    State(pool): State<Pool>,
    Path((tenant, group, member)): Path<(String, String, String)>,
    _: String,
) -> Reply {
    let slot = slot(Uuid::now_v7());
    query(&pool, statement::MEMBER, &[&uuid(&tenant)?, &uuid(&group)?, &uuid(&member)?, &slot]).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
