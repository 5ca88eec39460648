//! One statement a request; the change of a user has two, a read and a guarded write.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use deadpool_postgres::{Client, Pool};
use scimgate_bench::statement;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// Any failure: the driver stops at the first reply that is not as expected, and shows this text.
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

type Answer = Result<Response, Failure>;

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

/// The one text of a row, or 404.
fn one(rows: &[Row]) -> Response {
    match rows.first() {
        Some(row) => json(StatusCode::OK, row.get(0)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// One of sixteen counter rows, by the random end of an id.
fn slot(id: Uuid) -> i16 {
    i16::from(id.as_bytes()[15] % 16)
}

/// A user's text, under the name in the address.
pub(crate) async fn create(
    State(pool): State<Pool>,
    Path((tenant, name)): Path<(String, String)>,
    body: String,
) -> Answer {
    let id = Uuid::now_v7();
    let external_id = name.split('@').next().unwrap_or_default();
    query(&pool, statement::CREATE, &[&uuid(&tenant)?, &id, &name, &external_id, &body, &slot(id)]).await?;
    Ok(json(StatusCode::CREATED, body))
}

/// One row into a table with a primary key.
pub(crate) async fn plain(State(pool): State<Pool>, body: String) -> Answer {
    query(&pool, statement::PLAIN, &[&Uuid::now_v7(), &body]).await?;
    Ok(json(StatusCode::CREATED, body))
}

/// A user by its id.
pub(crate) async fn get(State(pool): State<Pool>, Path((tenant, id)): Path<(String, String)>) -> Answer {
    Ok(one(&query(&pool, statement::GET, &[&uuid(&tenant)?, &uuid(&id)?]).await?))
}

/// A user by its name.
pub(crate) async fn filter(State(pool): State<Pool>, Path((tenant, name)): Path<(String, String)>) -> Answer {
    Ok(one(&query(&pool, statement::FILTER, &[&uuid(&tenant)?, &name]).await?))
}

/// A user by its externalId.
pub(crate) async fn external_id(State(pool): State<Pool>, Path((tenant, id)): Path<(String, String)>) -> Answer {
    Ok(one(&query(&pool, statement::EXTERNAL_ID, &[&uuid(&tenant)?, &id]).await?))
}

/// A user by its mail address.
pub(crate) async fn mail(State(pool): State<Pool>, Path((tenant, mail)): Path<(String, String)>) -> Answer {
    Ok(one(&query(&pool, statement::MAIL, &[&uuid(&tenant)?, &mail]).await?))
}

/// A hundred users after an id.
pub(crate) async fn list(State(pool): State<Pool>, Path((tenant, after)): Path<(String, String)>) -> Answer {
    Ok(page(&query(&pool, statement::LIST, &[&uuid(&tenant)?, &uuid(&after)?]).await?))
}

/// A hundred users from a position on.
pub(crate) async fn from(State(pool): State<Pool>, Path((tenant, position)): Path<(String, i64)>) -> Answer {
    Ok(page(&query(&pool, statement::FROM, &[&uuid(&tenant)?, &position]).await?))
}

/// Users whose name has a piece in it.
pub(crate) async fn contains(State(pool): State<Pool>, Path((tenant, piece)): Path<(String, String)>) -> Answer {
    Ok(page(&query(&pool, statement::CONTAINS, &[&uuid(&tenant)?, &piece]).await?))
}

/// The texts of the rows as a list.
fn page(rows: &[Row]) -> Response {
    let texts: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    let length: usize = texts.iter().map(|text| text.len() + 1).sum();
    let mut body = String::with_capacity(length + 32);
    body.push_str("{\"Resources\":[");
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(text);
    }
    body.push_str("]}");
    json(StatusCode::OK, body)
}

/// The optimistic kind: a read, and a write if the version is still the one that was read. What is written is the text
/// that was read: the database's work is the same, and nothing is parsed.
pub(crate) async fn patch(State(pool): State<Pool>, Path((tenant, id)): Path<(String, String)>, _: String) -> Answer {
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

/// A member of a group.
pub(crate) async fn member(
    State(pool): State<Pool>,
    Path((tenant, group, member)): Path<(String, String, String)>,
    _: String,
) -> Answer {
    let slot = slot(Uuid::now_v7());
    query(&pool, statement::MEMBER, &[&uuid(&tenant)?, &uuid(&group)?, &uuid(&member)?, &slot]).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
