-- Links with which a customer's own administrator gets a credential, or enters what the provider will present. A link makes one
-- credential, once; of its secret and of the browser's cookie only digests are stored. A tenant has some hundred rows at most.
CREATE TABLE setup_link (
  tenant_id       uuid NOT NULL,
  id              uuid NOT NULL,
  digest          bytea NOT NULL,
  provider        text COLLATE "C" NOT NULL,       -- for which provider the page is
  method          text COLLATE "C" NOT NULL,       -- token, client, workload-identity
  label           text NOT NULL,                   -- of the link, and of the credential that it makes
  credential_days integer NOT NULL,                -- the life of that credential; not of workload identity
  created_at      timestamptz NOT NULL,
  created_by      text NOT NULL,
  expires_at      timestamptz NOT NULL,
  revoked_at      timestamptz,
  used_at         timestamptz,                     -- when it made its credential
  credential_id   uuid,                            -- a token's id, or a client_id
  browser         bytea,                           -- the cookie of the browser that used it
  first_used_at   timestamptz,                     -- the first request with that credential
  recognised      text,                            -- which client sent it
  refused_at      timestamptz,                     -- the latest request before it that was refused, and why
  refused_why     text,
  PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX setup_link_digest ON setup_link (tenant_id, digest);

-- Which link made it: its first use is noted there.
ALTER TABLE credential ADD COLUMN setup_link uuid;
ALTER TABLE oauth_client ADD COLUMN setup_link uuid;

ALTER TABLE setup_link ENABLE ROW LEVEL SECURITY;
ALTER TABLE setup_link FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON setup_link TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
-- Nobody adds rows to a deleted tenant.
CREATE POLICY not_deleted ON setup_link AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
GRANT SELECT, INSERT, DELETE ON setup_link TO scimgate_tenant;
GRANT UPDATE (revoked_at, used_at, credential_id, browser, first_used_at, recognised, refused_at, refused_why) ON setup_link
  TO scimgate_tenant;
-- What the administrator entered can be corrected until the first request.
GRANT UPDATE (issuer, subject, audience, jwks_uri) ON oauth_client TO scimgate_tenant;
