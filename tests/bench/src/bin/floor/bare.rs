//! The bare handler: one jsonb row per user. One statement per request, and two for a change: a read and a conditional
//! write.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use deadpool_postgres::Pool;
use scimgate_bench::statement;
use uuid::Uuid;

use crate::handler::{Failure, Reply, json, one, query, query_on, uuid};

/// Creates a user under the name in the path.
pub(crate) async fn create(State(pool): State<Pool>, Path(name): Path<String>, body: String) -> Reply {
    query(&pool, statement::BARE_CREATE, &[&Uuid::now_v7(), &format!("{name}@corp.test"), &body]).await?;
    Ok(json(StatusCode::CREATED, body))
}

/// Reads a user by id.
pub(crate) async fn get(State(pool): State<Pool>, Path(id): Path<String>) -> Reply {
    Ok(one(&query(&pool, statement::BARE_GET, &[&uuid(&id)?]).await?))
}

/// Reads a user by userName.
pub(crate) async fn filter(State(pool): State<Pool>, Path(name): Path<String>) -> Reply {
    Ok(one(&query(&pool, statement::BARE_FILTER, &[&name]).await?))
}

/// Changes a user with optimistic locking. The JSON is written as it was read: that is the same work for the database,
/// and this handler parses nothing.
pub(crate) async fn patch(State(pool): State<Pool>, Path(id): Path<String>, _: String) -> Reply {
    let id = uuid(&id)?;
    let client = pool.get().await?;
    loop {
        let rows = query_on(&client, statement::BARE_READ, &[&id]).await?;
        let Some(row) = rows.first() else { return Ok(StatusCode::NOT_FOUND.into_response()) };
        let (doc, version): (String, i64) = (row.get(0), row.get(1));
        let update = client.prepare_cached(statement::BARE_UPDATE).await?;
        if client.execute(&update, &[&id, &version, &doc]).await? == 1 {
            return Ok(json(StatusCode::OK, doc));
        }
    }
}

/// Adds a member to a group.
pub(crate) async fn member(
    State(pool): State<Pool>,
    Path((group, member)): Path<(String, String)>,
    _: String,
) -> Result<Response, Failure> {
    query(&pool, statement::BARE_MEMBER, &[&uuid(&group)?, &uuid(&member)?]).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
