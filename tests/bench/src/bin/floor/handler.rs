//! The floor's handlers: one statement per request, on the gateway's rows.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use deadpool_postgres::Pool;
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

/// The search keys that the gateway stores of the benchmark's users.
fn keys(name: &str) -> (Vec<&'static str>, Vec<String>) {
    const ENTERPRISE: [&str; 2] = [
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    ];
    let attributes = vec!["emails.value", "emails.value", "emails.value", ENTERPRISE[0], ENTERPRISE[1]];
    let manager = "01800000-0000-7000-8000-000000001815".to_owned();
    let mails = ["corp", "home", "society"].map(|domain| format!("{name}@{domain}.test"));
    (attributes, mails.into_iter().chain([format!("e-{name}"), manager]).collect())
}

/// Creates a user under the name in the path.
pub(crate) async fn create(
    State(pool): State<Pool>,
    Path((tenant, name)): Path<(String, String)>,
    body: String,
) -> Reply {
    let id = Uuid::now_v7();
    let user_name = format!("{name}@corp.test");
    // One of sixteen counter rows, by the random last byte of the id.
    let slot = i16::from(id.as_bytes()[15] % 16);
    let (attributes, keys) = keys(&name);
    let tenant = uuid(&tenant)?;
    query(&pool, statement::CREATE, &[&tenant, &id, &user_name, &name, &body, &slot, &attributes, &keys]).await?;
    Ok(json(StatusCode::CREATED, body))
}

/// Reads a user by externalId.
pub(crate) async fn external_id(State(pool): State<Pool>, Path((tenant, id)): Path<(String, String)>) -> Reply {
    Ok(one(&query(&pool, statement::EXTERNAL_ID, &[&uuid(&tenant)?, &id]).await?))
}

/// Reads a user by mail address.
pub(crate) async fn mail(State(pool): State<Pool>, Path((tenant, mail)): Path<(String, String)>) -> Reply {
    Ok(one(&query(&pool, statement::MAIL, &[&uuid(&tenant)?, &mail]).await?))
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
