-- Which leniencies a tenant's SCIM client used, on which attribute, how often and when: added up in memory and written in
-- batches.
CREATE TABLE leniency_use (
  tenant_id uuid NOT NULL,
  leniency  text COLLATE "C" NOT NULL,
  attribute text COLLATE "C" NOT NULL,
  uses      bigint NOT NULL,
  first_at  timestamptz NOT NULL,
  last_at   timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, leniency, attribute)
);

-- By what a deleted resource is found again: its externalId, or its name where it had none.
CREATE TABLE tombstone_key (
  tenant_id     uuid NOT NULL,
  resource_type text COLLATE "C" NOT NULL,
  attribute     text COLLATE "C" NOT NULL CHECK (attribute IN ('externalId', 'name')),
  key           text COLLATE "C" NOT NULL,
  id            uuid NOT NULL,
  deleted_at    timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, resource_type, attribute, key, id)
);
CREATE INDEX tombstone_key_id ON tombstone_key (tenant_id, id);

DO $$
DECLARE owned text;
BEGIN
  FOREACH owned IN ARRAY ARRAY['leniency_use', 'tombstone_key'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format('CREATE POLICY tenant_only ON %I TO scimgate_tenant USING (tenant_id = current_setting(''scimgate.tenant_id'')::uuid)
      WITH CHECK (tenant_id = current_setting(''scimgate.tenant_id'')::uuid)', owned);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO scimgate_tenant', owned);
  END LOOP;
END $$;
