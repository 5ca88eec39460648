-- Each statement is a transaction of its own, and can be repeated.
-- What metrics show of all tenants together: the control role counts what is held and what has no current mapped document, without
-- reading whose it is or what it says.
CREATE INDEX CONCURRENTLY IF NOT EXISTS mapping_reason_failed ON mapping_reason (state, tenant_id) WHERE state IN ('stale', 'never');

DROP POLICY IF EXISTS control ON mapping_reason;
CREATE POLICY control ON mapping_reason FOR SELECT TO scimgate_control USING (true);
GRANT SELECT (tenant_id, state) ON mapping_reason TO scimgate_control;

DROP POLICY IF EXISTS control ON held;
CREATE POLICY control ON held FOR SELECT TO scimgate_control USING (true);
GRANT SELECT (tenant_id, id) ON held TO scimgate_control;

DROP POLICY IF EXISTS control ON held_batch;
CREATE POLICY control ON held_batch FOR SELECT TO scimgate_control USING (true);
GRANT SELECT (tenant_id, state, opened_at) ON held_batch TO scimgate_control;
