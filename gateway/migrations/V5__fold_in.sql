-- What no schema knew is folded in when its schema appears.

-- New with every change of the tenant's schemas. A write hangs on it as on the active mapping: what was understood by
-- other schemas is not stored.
ALTER TABLE tenant ADD COLUMN schema_revision bigint NOT NULL DEFAULT 0;

-- There is no release yet, so no table that is large.
CREATE INDEX resource_set_aside ON resource (tenant_id, id) WHERE set_aside IS NOT NULL AND deleted_at IS NULL;

-- How far the latest run through what is set aside has come. A new change of the schemas begins it anew.
CREATE TABLE fold_in (
  tenant_id       uuid PRIMARY KEY,
  schema_revision bigint NOT NULL,               -- by which schemas
  finished        boolean NOT NULL DEFAULT false,
  after_id        uuid NOT NULL,                 -- everything up to here is done
  examined        bigint NOT NULL DEFAULT 0,
  folded          bigint NOT NULL DEFAULT 0,
  misfits         bigint NOT NULL DEFAULT 0,     -- resources with a value that its schema does not allow
  examples        text NOT NULL DEFAULT '[]',    -- [{"id": …, "attribute": …, "reason": …}], a few of the misfits
  begun_at        timestamptz NOT NULL,
  moved_at        timestamptz NOT NULL
);
ALTER TABLE fold_in ENABLE ROW LEVEL SECURITY;
ALTER TABLE fold_in FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON fold_in TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON fold_in TO scimgate_tenant;
-- Added to what the control role may see across tenants: which of them wait to be folded in.
CREATE POLICY control ON fold_in FOR SELECT TO scimgate_control USING (true);
GRANT SELECT ON fold_in TO scimgate_control;
