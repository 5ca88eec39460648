-- A job that tries again what failed in a way that may pass: how often it has done so, and how many such resources there are.
ALTER TABLE job ADD COLUMN attempt integer NOT NULL DEFAULT 0, ADD COLUMN retryable bigint NOT NULL DEFAULT 0;

-- What a mapping revision would do to the stored documents: the latest plan of each revision. It is kept with the revision.
CREATE TABLE mapping_plan (
  tenant_id       uuid NOT NULL,
  revision        integer NOT NULL,                -- the planned one
  id              uuid NOT NULL,                   -- of this plan: that of the job's run
  base_mapping    integer NOT NULL,                -- the revision that was active when it began
  schema_revision bigint NOT NULL,
  sample          bigint,                          -- about so many documents; null: all
  seed            bigint NOT NULL,                 -- which documents: those with a small hash
  max_hash        bigint,                          -- … up to this one
  total           bigint NOT NULL,                 -- resources when it began
  report          text NOT NULL,                   -- what was found until now, as JSON
  begun_at        timestamptz NOT NULL,
  finished_at     timestamptz,
  PRIMARY KEY (tenant_id, revision)
);
ALTER TABLE mapping_plan ENABLE ROW LEVEL SECURITY;
ALTER TABLE mapping_plan FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON mapping_plan TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
GRANT SELECT, INSERT, UPDATE ON mapping_plan TO scimgate_tenant;

-- What a draft made of live writes: one row for each revision and replica, which adds what it saw.
CREATE TABLE mapping_shadow (
  tenant_id uuid NOT NULL,
  revision  integer NOT NULL,                      -- the draft
  process   uuid NOT NULL,                         -- the replica
  report    text NOT NULL,                         -- as of a plan
  dropped   bigint NOT NULL,                       -- writes that its queue had no room for
  at        timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, revision, process)
);
ALTER TABLE mapping_shadow ENABLE ROW LEVEL SECURITY;
ALTER TABLE mapping_shadow FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON mapping_shadow TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON mapping_shadow TO scimgate_tenant;

-- shadow_mapping: the draft that also maps live writes, 0 for none; shadow_percent: how many of them.
ALTER TABLE tenant ADD COLUMN shadow_mapping integer NOT NULL DEFAULT 0, ADD COLUMN shadow_percent smallint NOT NULL DEFAULT 100;
GRANT UPDATE (shadow_mapping, shadow_percent) ON tenant TO scimgate_tenant;
