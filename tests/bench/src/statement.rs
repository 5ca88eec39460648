//! The floor's statements: for each workload the minimum that writes or reads the same rows as the gateway. pgbench runs
//! them too, through [`with_expressions`].

/// Creates a user: the row, its unique key, its search key, the counter and the event, in one statement.
pub const CREATE: &str = "
WITH w AS (
  INSERT INTO resource (tenant_id, id, resource_type, name_key, external_id, active, source, mapping_state,
    mapping_revision, version, created_at, modified_at)
  VALUES ($1::uuid, $2::uuid, 'User', $3::text, $4::text, true, $5::text, 'same', 0, 1, now(), now())
  RETURNING tenant_id, id, version),
u AS (INSERT INTO unique_key (tenant_id, resource_type, attribute, key, id)
  SELECT w.tenant_id, 'User', 'userName', $3::text, w.id FROM w),
s AS (INSERT INTO resource_key (tenant_id, attribute, key, id) SELECT w.tenant_id, 'emails.value', $3::text, w.id FROM w),
c AS (INSERT INTO resource_count AS c (tenant_id, resource_type, slot, n) SELECT w.tenant_id, 'User', $6::smallint, 1 FROM w
  ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = c.n + 1),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT w.tenant_id, 'user.created', 'User', w.id, w.version, 'floor', 'floor', now() FROM w)
SELECT version FROM w";

/// Inserts one row into a table with only a primary key: the cost of a commit.
pub const PLAIN: &str = "INSERT INTO plain (id, source) VALUES ($1::uuid, $2::text)";

/// The table of [`PLAIN`].
pub const PLAIN_TABLE: &str = "CREATE TABLE plain (id uuid PRIMARY KEY, source text NOT NULL)";

/// Reads a user's JSON by id.
pub const GET: &str =
    "SELECT source FROM resource WHERE tenant_id = $1::uuid AND id = $2::uuid AND resource_type = 'User'
  AND deleted_at IS NULL";

/// Reads a user's JSON by userName.
pub const FILTER: &str = "SELECT source FROM resource WHERE tenant_id = $1::uuid AND resource_type = 'User'
  AND name_key = $2::text AND deleted_at IS NULL";

/// Reads a user's JSON by externalId.
pub const EXTERNAL_ID: &str = "SELECT source FROM resource WHERE tenant_id = $1::uuid AND resource_type = 'User'
  AND external_id = $2::text AND deleted_at IS NULL";

/// Reads a user's JSON by mail address.
pub const MAIL: &str = "SELECT source FROM resource WHERE tenant_id = $1::uuid AND resource_type = 'User'
  AND deleted_at IS NULL AND id IN (SELECT id FROM resource_key WHERE tenant_id = $1::uuid
  AND attribute = 'emails.value' AND key = $2::text)";

/// Reads the JSON of users whose name contains a text. No index helps: the statement scans all names.
pub const CONTAINS: &str = "SELECT source FROM resource WHERE tenant_id = $1::uuid AND resource_type = 'User'
  AND deleted_at IS NULL AND position($2::text IN name_key) > 0 ORDER BY id LIMIT 100";

/// Reads the JSON of a hundred users from an offset on, which is applied to the ids.
pub const FROM: &str =
    "SELECT r.source FROM (SELECT id FROM resource WHERE tenant_id = $1::uuid AND resource_type = 'User'
  AND deleted_at IS NULL ORDER BY id OFFSET $2::bigint LIMIT 100) p
  JOIN resource r ON r.tenant_id = $1::uuid AND r.id = p.id ORDER BY r.id";

/// Reads the JSON of a hundred users after an id.
pub const LIST: &str =
    "SELECT source FROM resource WHERE tenant_id = $1::uuid AND resource_type = 'User' AND deleted_at IS NULL
  AND id > $2::uuid ORDER BY id LIMIT 100";

/// The first half of a change: reads the current JSON and version.
pub const READ: &str = "SELECT source, version FROM resource WHERE tenant_id = $1::uuid AND id = $2::uuid
  AND resource_type = 'User' AND deleted_at IS NULL";

/// The second half: updates the row if it still has that version, and inserts the event.
pub const UPDATE: &str = "
WITH w AS (
  UPDATE resource SET source = $4::text, version = version + 1, modified_at = now()
  WHERE tenant_id = $1::uuid AND id = $2::uuid AND version = $3::bigint AND deleted_at IS NULL
  RETURNING tenant_id, id, version),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT w.tenant_id, 'user.updated', 'User', w.id, w.version, 'floor', 'floor', now() FROM w)
SELECT version FROM w";

/// Adds a member: its row, the group's change counter and the event.
pub const MEMBER: &str = "
WITH m AS (INSERT INTO membership (tenant_id, group_id, member_id, member_type, created_at)
  VALUES ($1::uuid, $2::uuid, $3::uuid, 'User', now()) RETURNING tenant_id, group_id, member_id),
c AS (INSERT INTO group_change AS c (tenant_id, group_id, slot, n, at)
  SELECT m.tenant_id, m.group_id, $4::smallint, 1, now() FROM m
  ON CONFLICT (tenant_id, group_id, slot) DO UPDATE SET n = c.n + 1, at = greatest(c.at, excluded.at)),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, member_id, actor, request_id, at)
  SELECT m.tenant_id, 'membership.added', 'Group', m.group_id, m.member_id, 'floor', 'floor', now() FROM m)
SELECT 1 FROM m";

/// A statement with its parameters replaced by expressions, for a pgbench script.
#[must_use]
pub fn with_expressions(statement: &str, expressions: &[&str]) -> String {
    let mut text = statement.trim().to_owned();
    // Starts with the last: `$1` is also the beginning of `$10`.
    for (index, expression) in expressions.iter().enumerate().rev() {
        text = text.replace(&format!("${}", index + 1), expression);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_is_replaced() {
        assert_eq!(with_expressions("SELECT $1::uuid, $2, $1", &[":a", "(:b + 1)"]), "SELECT :a::uuid, (:b + 1), :a");
        let ten: Vec<String> = (1..=10).map(|n| format!("p{n}")).collect();
        let ten: Vec<&str> = ten.iter().map(String::as_str).collect();
        assert_eq!(with_expressions("$1 $10", &ten), "p1 p10");
    }
}
