-- Each statement is a transaction of its own, since an index on a table with rows is built without blocking its writers.
--
-- For lists of what is not mapped. It has no entry for a resource that is, and writes of those do not touch it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS resource_unmapped ON resource (tenant_id, mapping_state, id)
  WHERE deleted_at IS NULL AND mapping_state IN ('excluded', 'stale', 'never');
