-- Why a resource is hidden from the product, or why the product reads an older document of it. A resource that is mapped has no
-- row, so the writes of those do not touch this table.
CREATE TABLE mapping_reason (
  tenant_id  uuid NOT NULL,
  id         uuid NOT NULL,
  state      text COLLATE "C" NOT NULL,          -- as in resource.mapping_state: excluded, stale, never
  revision   integer NOT NULL,                   -- the mapping revision that decided it last
  step       integer,                            -- from 1; null where no step did
  plugin     text NOT NULL,                      -- name@version; empty where it could not be loaded
  reason     text NOT NULL,                      -- in the plugin's words
  since      timestamptz NOT NULL,               -- in this state without interruption
  at         timestamptz NOT NULL,               -- of the last write
  actor      text NOT NULL,
  request_id text NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
ALTER TABLE mapping_reason ENABLE ROW LEVEL SECURITY;
ALTER TABLE mapping_reason FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON mapping_reason TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON mapping_reason TO scimgate_tenant;
