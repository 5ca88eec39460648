-- Resource types of a tenant's own. Their extensions are in schema_definition, beside those of the standard types.
CREATE TABLE resource_type_definition (
  tenant_id  uuid NOT NULL,
  name       text COLLATE "C" NOT NULL,
  definition text NOT NULL,                      -- {"name", "endpoint", "description", "nameAttribute", "schema"}
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, name)
);
ALTER TABLE resource_type_definition ENABLE ROW LEVEL SECURITY;
ALTER TABLE resource_type_definition FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON resource_type_definition TO scimgate_tenant
  USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON resource_type_definition TO scimgate_tenant;
