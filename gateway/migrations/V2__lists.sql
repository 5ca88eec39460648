-- What lists need. Whether a document says nothing of "active" is another thing than false and than true, and a filter
-- must tell them apart.
ALTER TABLE resource ALTER COLUMN active DROP NOT NULL;

-- Where walks by startIndex have got to: the next page goes on after the last resource shown, wherever it is served and
-- whatever was deleted meanwhile. Of no worth after some minutes.
CREATE TABLE bookmark (
  tenant_id  uuid NOT NULL,
  walk       bytea NOT NULL,                     -- a digest of who asks for what
  next_index bigint NOT NULL,                    -- the startIndex that goes on here
  begun      uuid NOT NULL,                      -- which of several walks at once
  after_id   uuid NOT NULL,
  total      bigint NOT NULL,                    -- as the walk was told
  finished   boolean NOT NULL DEFAULT false,
  at         timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, walk, next_index, begun)
);
CREATE INDEX bookmark_at ON bookmark (tenant_id, at);
ALTER TABLE bookmark ENABLE ROW LEVEL SECURITY;
ALTER TABLE bookmark FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON bookmark TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON bookmark TO scimgate_tenant;
