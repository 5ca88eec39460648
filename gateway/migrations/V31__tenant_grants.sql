-- Each statement is a transaction of its own: one that locks several tables can meet a writer that locks them in another order.
--
-- Nobody adds rows to a deleted tenant. Tables that every write of a resource touches do without the policy: each statement that adds to
-- them depends on tenant.schema_revision, which the deletion changes, or on a row of resource, which is erased before the others.
DROP POLICY IF EXISTS not_deleted ON credential;
CREATE POLICY not_deleted ON credential AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON schema_definition;
CREATE POLICY not_deleted ON schema_definition AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON mapping_revision;
CREATE POLICY not_deleted ON mapping_revision AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON event_head;
CREATE POLICY not_deleted ON event_head AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON bookmark;
CREATE POLICY not_deleted ON bookmark AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON fold_in;
CREATE POLICY not_deleted ON fold_in AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON leniency_use;
CREATE POLICY not_deleted ON leniency_use AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON tombstone_key;
CREATE POLICY not_deleted ON tombstone_key AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON resource_type_definition;
CREATE POLICY not_deleted ON resource_type_definition AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON schema_change;
CREATE POLICY not_deleted ON schema_change AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON job;
CREATE POLICY not_deleted ON job AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON mapping_plan;
CREATE POLICY not_deleted ON mapping_plan AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON mapping_shadow;
CREATE POLICY not_deleted ON mapping_shadow AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON mapping_reason;
CREATE POLICY not_deleted ON mapping_reason AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON held_batch;
CREATE POLICY not_deleted ON held_batch AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON held;
CREATE POLICY not_deleted ON held AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON held_member;
CREATE POLICY not_deleted ON held_member AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON held_reference;
CREATE POLICY not_deleted ON held_reference AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON removal_slot;
CREATE POLICY not_deleted ON removal_slot AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON directory_schema;
CREATE POLICY not_deleted ON directory_schema AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON directory_check;
CREATE POLICY not_deleted ON directory_check AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON mapped_unique;
CREATE POLICY not_deleted ON mapped_unique AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON planned_unique;
CREATE POLICY not_deleted ON planned_unique AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON planned_conflict;
CREATE POLICY not_deleted ON planned_conflict AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON plugin_release;
CREATE POLICY not_deleted ON plugin_release AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON mapping_plugin;
CREATE POLICY not_deleted ON mapping_plugin AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON oauth_client;
CREATE POLICY not_deleted ON oauth_client AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON oauth_secret;
CREATE POLICY not_deleted ON oauth_secret AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON used_assertion;
CREATE POLICY not_deleted ON used_assertion AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON event_reader;
CREATE POLICY not_deleted ON event_reader AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
-- Nor is anything recorded of it but by the control role, which deletes it.
DROP POLICY IF EXISTS not_deleted ON audit;
CREATE POLICY not_deleted ON audit AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');

-- The rows of a deleted tenant are deleted by its own role. Where that role deletes nothing else, it may delete only those.
DROP POLICY IF EXISTS erased ON credential;
CREATE POLICY erased ON credential AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
GRANT DELETE ON credential TO scimgate_tenant;
DROP POLICY IF EXISTS erased ON mapping_revision;
CREATE POLICY erased ON mapping_revision AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
GRANT DELETE ON mapping_revision TO scimgate_tenant;
DROP POLICY IF EXISTS erased ON event_head;
CREATE POLICY erased ON event_head AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
GRANT DELETE ON event_head TO scimgate_tenant;
DROP POLICY IF EXISTS erased ON resource_count;
CREATE POLICY erased ON resource_count AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
GRANT DELETE ON resource_count TO scimgate_tenant;
DROP POLICY IF EXISTS erased ON held_batch;
CREATE POLICY erased ON held_batch AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
GRANT DELETE ON held_batch TO scimgate_tenant;
DROP POLICY IF EXISTS erased ON mapping_plan;
CREATE POLICY erased ON mapping_plan AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
GRANT DELETE ON mapping_plan TO scimgate_tenant;
DROP POLICY IF EXISTS erased ON directory_schema;
CREATE POLICY erased ON directory_schema AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
GRANT DELETE ON directory_schema TO scimgate_tenant;
DROP POLICY IF EXISTS erased ON directory_check;
CREATE POLICY erased ON directory_check AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
GRANT DELETE ON directory_check TO scimgate_tenant;
DROP POLICY IF EXISTS erased ON mapping_plugin;
CREATE POLICY erased ON mapping_plugin AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
GRANT DELETE ON mapping_plugin TO scimgate_tenant;
DROP POLICY IF EXISTS erased ON oauth_client;
CREATE POLICY erased ON oauth_client AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
GRANT DELETE ON oauth_client TO scimgate_tenant;
DROP POLICY IF EXISTS erased ON oauth_secret;
CREATE POLICY erased ON oauth_secret AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
GRANT DELETE ON oauth_secret TO scimgate_tenant;
-- Of a living tenant: tombstones, with what counts their members' changes, and events, once they are old enough.
DROP POLICY IF EXISTS purged ON resource;
CREATE POLICY purged ON resource AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING (deleted_at IS NOT NULL AND held IS NULL OR (SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
DROP POLICY IF EXISTS purged ON event;
CREATE POLICY purged ON event AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING (seq IS NOT NULL OR (SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
GRANT DELETE ON resource, event, group_change TO scimgate_tenant;

-- The last event that was purged: a reader that has not read it must read everything anew.
ALTER TABLE event_head ADD COLUMN IF NOT EXISTS purged_through bigint NOT NULL DEFAULT 0;

-- For the purge. Rows get an entry when they are deleted, and no other write touches it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS resource_tombstone ON resource (tenant_id, deleted_at) WHERE deleted_at IS NOT NULL;
