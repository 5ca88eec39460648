-- Each statement is a transaction of its own, since an index on a table with rows is built without blocking its writers.

-- Finds resources by name, and guards userName: the last column is null for other types, and nulls never collide.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS resource_by_name
  ON resource (tenant_id, resource_type, name_key, (CASE WHEN resource_type = 'User' THEN true END)) WHERE deleted_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS resource_name;

-- An event has an index entry until it has its number, and then one for the number: nothing else reads it.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS event_seq ON event (tenant_id, seq) WHERE seq IS NOT NULL;
ALTER TABLE event DROP CONSTRAINT IF EXISTS event_pkey, DROP CONSTRAINT IF EXISTS event_tenant_id_seq_key;
