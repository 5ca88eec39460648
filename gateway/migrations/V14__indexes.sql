-- Each statement is a transaction of its own, since an index on a table with rows is built without blocking its writers.
--
-- Every look-up has one index that can serve it. A plan that is made while a table is empty takes any index that fits, and
-- keeps it: pages of a list, and look-ups by name, both know the tenant and the type.

-- For pages in the order of ids. The second condition always holds; only statements that repeat it can use the index.
CREATE INDEX CONCURRENTLY IF NOT EXISTS resource_listed ON resource (tenant_id, resource_type, id)
  WHERE deleted_at IS NULL AND created_at > '-infinity';
-- The version before also reads pages by resource_page, and numbers events by event_pkey: the last step of the upgrade drops them.

-- Finds resources by name, and guards userName: the last column is null for other types, and nulls never collide.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS resource_by_name
  ON resource (tenant_id, resource_type, name_key, (CASE WHEN resource_type = 'User' THEN true END)) WHERE deleted_at IS NULL;
DROP INDEX CONCURRENTLY IF EXISTS resource_name;

-- Without the type, which a look-up tests on the row: no other index has more than the tenant of it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS resource_by_external_id ON resource (tenant_id, external_id)
  WHERE deleted_at IS NULL AND external_id IS NOT NULL;
DROP INDEX CONCURRENTLY IF EXISTS resource_external_id;

-- An event has an index entry until it has its number, and then one for the number: nothing else reads it.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS event_seq ON event (tenant_id, seq) WHERE seq IS NOT NULL;
ALTER TABLE event DROP CONSTRAINT IF EXISTS event_tenant_id_seq_key;
