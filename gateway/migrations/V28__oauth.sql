-- Clients that get access tokens at the token endpoint: by a secret, by an assertion that they sign themselves, or by one that
-- their identity provider signs. One has secrets, or keys, or both.
CREATE TABLE oauth_client (
  tenant_id     uuid NOT NULL,
  id            uuid NOT NULL,                   -- the client_id, and the actor of what it does
  label         text NOT NULL DEFAULT '',
  token_seconds integer NOT NULL CHECK (token_seconds BETWEEN 300 AND 21600),
  issuer        text COLLATE "C",                -- of its assertions; null: the client itself
  subject       text COLLATE "C",                -- null: the client itself
  audience      text COLLATE "C",                -- null: the token endpoint
  jwks          text,                            -- the keys that sign its assertions, or where they are; both null: it has none
  jwks_uri      text,
  bearer        boolean NOT NULL DEFAULT false,  -- its assertions are also accepted in place of an access token
  created_at    timestamptz NOT NULL,
  deleted_at    timestamptz,
  PRIMARY KEY (tenant_id, id)
);
-- Of the control role alone: a client is looked up before its tenant is known.
CREATE INDEX oauth_client_id ON oauth_client (id);
CREATE UNIQUE INDEX oauth_client_issuer ON oauth_client (tenant_id, issuer, subject) WHERE issuer IS NOT NULL AND deleted_at IS NULL;

CREATE TABLE oauth_secret (
  tenant_id      uuid NOT NULL,
  client_id      uuid NOT NULL,
  id             uuid NOT NULL,
  digest         bytea NOT NULL,
  last_four      text NOT NULL,
  created_at     timestamptz NOT NULL,
  expires_at     timestamptz NOT NULL,
  revoked_at     timestamptz,
  tokens_revoked boolean NOT NULL DEFAULT false, -- so are the access tokens that it got before
  PRIMARY KEY (tenant_id, client_id, id)
);

-- Assertions that were used once, until they expire.
CREATE TABLE used_assertion (
  tenant_id  uuid NOT NULL,
  digest     bytea NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, expires_at, digest)   -- what is used again expires at the same time
);

-- The keys that sign access tokens. Like the root key they belong to no tenant.
CREATE TABLE signing_key (
  id         uuid PRIMARY KEY,
  public_key bytea NOT NULL,
  sealed     bytea NOT NULL,                     -- the private key, encrypted by a key that is derived from the root key
  created_at timestamptz NOT NULL,
  retired_at timestamptz,                        -- signs no more; what it signed before is accepted until it expires
  revoked_at timestamptz                         -- what it signed is refused
);

DO $$
DECLARE owned text;
BEGIN
  FOREACH owned IN ARRAY ARRAY['oauth_client', 'oauth_secret', 'used_assertion'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format('CREATE POLICY tenant_only ON %I TO scimgate_tenant USING (tenant_id = current_setting(''scimgate.tenant_id'')::uuid)
      WITH CHECK (tenant_id = current_setting(''scimgate.tenant_id'')::uuid)', owned);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE (deleted_at) ON oauth_client TO scimgate_tenant;
GRANT SELECT, INSERT, UPDATE (revoked_at, tokens_revoked) ON oauth_secret TO scimgate_tenant;
GRANT SELECT, INSERT, DELETE ON used_assertion TO scimgate_tenant;
-- What a request to the token endpoint names comes before its tenant is known.
CREATE POLICY control ON oauth_client FOR SELECT TO scimgate_control USING (true);
CREATE POLICY control ON oauth_secret FOR SELECT TO scimgate_control USING (true);
GRANT SELECT ON oauth_client, oauth_secret TO scimgate_control;
GRANT SELECT, INSERT, UPDATE (retired_at, revoked_at) ON signing_key TO scimgate_control;
