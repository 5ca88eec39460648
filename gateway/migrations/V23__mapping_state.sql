-- Each statement is a transaction of its own, since an index on a table with rows is built without blocking its writers, and a
-- column of resources in one transaction with a column of tenants could deadlock with them.

-- The batch in which the product's view of the resource is held. Of a living resource, mapped then has that view, and the mapping
-- state is stale, which replicas of the version before understand.
ALTER TABLE resource ADD COLUMN IF NOT EXISTS held uuid;

-- For lists of what is not mapped. It has no entry for a resource that is, and writes of those do not touch it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS resource_unmapped ON resource (tenant_id, mapping_state, id)
  WHERE deleted_at IS NULL AND mapping_state IN ('excluded', 'stale', 'never');
