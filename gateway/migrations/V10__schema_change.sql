-- A change of a tenant's schemas that stored data might contradict. From its announcement on, every write fits the schemas
-- as they are and as they would be, so that what the check has seen stays true.
CREATE TABLE schema_change (
  tenant_id   uuid PRIMARY KEY,
  definitions text NOT NULL,                     -- as they would be
  holder      uuid NOT NULL,                     -- who checks
  until       timestamptz NOT NULL               -- abandoned after that
);
ALTER TABLE schema_change ENABLE ROW LEVEL SECURITY;
ALTER TABLE schema_change FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON schema_change TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON schema_change TO scimgate_tenant;
-- Added to what the control role may see across tenants: which changes were abandoned.
CREATE POLICY control ON schema_change FOR SELECT TO scimgate_control USING (true);
GRANT SELECT ON schema_change TO scimgate_control;
