//! The bare handler: one jsonb row per user, and one statement per request.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use deadpool_postgres::Pool;
use scimgate_bench::statement;
use uuid::Uuid;

use crate::handler::{Reply, json, one, query, uuid};

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

/// Changes a value of a user. Its place and the value itself, as JSON, are in the path, because this handler parses nothing.
pub(crate) async fn patch(
    State(pool): State<Pool>,
    Path((id, place, value)): Path<(String, String, String)>,
    _: String,
) -> Reply {
    let place: Vec<&str> = place.split('.').collect();
    Ok(one(&query(&pool, statement::BARE_UPDATE, &[&uuid(&id)?, &place, &value]).await?))
}

/// Adds a member to a group.
pub(crate) async fn member(
    State(pool): State<Pool>,
    Path((group, member)): Path<(String, String)>,
    _: String,
) -> Reply {
    query(&pool, statement::BARE_MEMBER, &[&uuid(&group)?, &uuid(&member)?]).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
