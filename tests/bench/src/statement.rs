//! The statements of the two yardsticks. Those of the *bare handler* read and write one jsonb row in a table of their own;
//! those of the *floor* read and write the gateway's rows, in a copy of its database.

/// The bare handler's tables: a row per user with a unique index, and a row per member.
pub const BARE_TABLES: &str = "
CREATE TABLE bare (id uuid PRIMARY KEY, user_name text NOT NULL UNIQUE, doc jsonb NOT NULL, version bigint NOT NULL DEFAULT 1);
CREATE TABLE bare_member (group_id uuid, member_id uuid, PRIMARY KEY (group_id, member_id))";

/// Copies one tenant's users into [`BARE_TABLES`].
pub const BARE_FILL: &str = "INSERT INTO bare (id, user_name, doc) SELECT id, name_key, source::jsonb FROM resource
  WHERE tenant_id = $1 AND resource_type = 'User'";

/// Creates a user.
pub const BARE_CREATE: &str = "INSERT INTO bare (id, user_name, doc) VALUES ($1::uuid, $2::text, $3::text::jsonb)";

/// Reads a user by id.
pub const BARE_GET: &str = "SELECT doc::text FROM bare WHERE id = $1::uuid";

/// Reads a user by userName.
pub const BARE_FILTER: &str = "SELECT doc::text FROM bare WHERE user_name = $1::text";

/// Changes a value of a user.
pub const BARE_UPDATE: &str = "UPDATE bare SET doc = jsonb_set(doc, $2::text[], $3::text::jsonb), version = version + 1
  WHERE id = $1::uuid RETURNING doc::text";

/// Adds a member.
pub const BARE_MEMBER: &str = "INSERT INTO bare_member (group_id, member_id) VALUES ($1::uuid, $2::uuid)";

/// Creates a user with the gateway's rows: the resource, which also guards the name, its search keys and the event, in one
/// statement.
pub const CREATE: &str = "
WITH w AS (
  INSERT INTO resource (tenant_id, id, resource_type, name_key, external_id, active, source, mapping_state,
    mapping_revision, version, created_at, modified_at)
  VALUES ($1::uuid, $2::uuid, 'User', $3::text, $4::text, true, $5::text, 'same', 0, 1, now(), now())
  RETURNING tenant_id, id, version),
s AS (INSERT INTO search_key (tenant_id, h, id) SELECT w.tenant_id, k.h, w.id FROM w, unnest($6::bigint[]) k (h)),
e AS (INSERT INTO event (tenant_id, type, resource_type, resource_id, version, actor, request_id, at, delta)
  SELECT w.tenant_id, 'user.created', 'User', w.id, w.version, 'floor', 'floor', now(), 1 FROM w)
SELECT version FROM w";

/// Reads a user's JSON by externalId.
pub const EXTERNAL_ID: &str = "SELECT source FROM resource WHERE tenant_id = $1::uuid AND resource_type = 'User'
  AND external_id = $2::text AND deleted_at IS NULL";

/// Reads a user's JSON by mail address.
pub const MAIL: &str = "SELECT source FROM resource WHERE tenant_id = $1::uuid AND resource_type = 'User'
  AND deleted_at IS NULL AND id IN (SELECT id FROM search_key WHERE tenant_id = $1::uuid AND h = $2::bigint)";

/// Reads the JSON of users whose name contains a text. No index helps: the statement scans all names.
pub const CONTAINS: &str = "SELECT source FROM resource WHERE tenant_id = $1::uuid AND resource_type = 'User'
  AND deleted_at IS NULL AND position($2::text IN name_key) > 0 ORDER BY id LIMIT 100";

/// Reads the JSON of a hundred users from an offset on, which is applied to the ids.
pub const FROM: &str =
    "SELECT r.source FROM (SELECT id FROM resource WHERE tenant_id = $1::uuid AND resource_type = 'User'
  AND deleted_at IS NULL ORDER BY id OFFSET $2::bigint LIMIT 100) p
  JOIN resource r ON r.tenant_id = $1::uuid AND r.id = p.id ORDER BY r.id";

/// Reads the JSON of a hundred users from an id on.
pub const LIST: &str =
    "SELECT source FROM resource WHERE tenant_id = $1::uuid AND resource_type = 'User' AND deleted_at IS NULL
  AND id >= $2::uuid ORDER BY id LIMIT 100";
