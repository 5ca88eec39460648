-- The whole state. Everything a tenant owns leads with tenant_id and is behind row-level security.
-- Every unique key of a tenant's table holds tenant_id, so the same schema can be hash-partitioned by it.

-- Two roles. scimgate_tenant sees one tenant, named by the setting scimgate.tenant_id; scimgate_control looks up what
-- comes before a tenant is known and does work that crosses tenants.
DO $$
DECLARE
  wanted text;
  -- Since 16 whoever makes a role is a member who may give it away, and must be granted it to take it.
  taking text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['scimgate_tenant', 'scimgate_control'] LOOP
    -- Roles belong to the whole server; the runner tries again when another database's migration makes them meanwhile.
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = wanted) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', wanted);
    END IF;
    IF NOT pg_has_role(current_user, wanted, taking) THEN
      EXECUTE format('GRANT %I TO %I', wanted, current_user);
    END IF;
  END LOOP;
END $$;

CREATE SEQUENCE config_epoch;

CREATE TABLE tenant (
  id             uuid PRIMARY KEY,
  name           text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$'),
  state          text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'deleted')),
  client_profile text NOT NULL DEFAULT 'auto',
  active_mapping integer NOT NULL DEFAULT 0,                          -- 0: no mapping
  config_epoch   bigint NOT NULL DEFAULT nextval('config_epoch'),     -- new with every change of credentials, schemas, mapping
  created_at     timestamptz NOT NULL,
  modified_at    timestamptz NOT NULL
);
CREATE INDEX tenant_config_epoch ON tenant (config_epoch);

CREATE TABLE operator_key (
  id         uuid PRIMARY KEY,
  digest     bytea NOT NULL UNIQUE,
  last_four  text NOT NULL,
  bootstrap  boolean NOT NULL,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz
);
-- Only the first key is made without a key; two bootstraps at once must not both succeed.
CREATE UNIQUE INDEX operator_key_bootstrap ON operator_key (bootstrap) WHERE bootstrap AND revoked_at IS NULL;

CREATE TABLE plugin (
  digest     text PRIMARY KEY CHECK (digest ~ '^[0-9a-f]{64}$'),
  name       text NOT NULL,
  version    text NOT NULL,
  manifest   text NOT NULL,
  wasm       bytea NOT NULL,
  created_at timestamptz NOT NULL
);

CREATE TABLE credential (
  tenant_id  uuid NOT NULL,
  id         uuid NOT NULL,
  scope      text NOT NULL CHECK (scope IN ('scim', 'directory')),
  label      text NOT NULL DEFAULT '',
  digest     bytea NOT NULL,
  last_four  text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, digest)
);

CREATE TABLE schema_definition (
  tenant_id      uuid NOT NULL,
  id             text COLLATE "C" NOT NULL,      -- the URN, as written
  resource_type  text NOT NULL,                  -- which type it extends
  directory_only boolean NOT NULL,               -- true: of mapped documents alone, unknown to the SCIM client
  required       boolean NOT NULL DEFAULT false,
  definition     text NOT NULL,
  created_at     timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id)
);

CREATE TABLE mapping_revision (
  tenant_id  uuid NOT NULL,
  revision   integer NOT NULL CHECK (revision > 0),
  on_failure text NOT NULL CHECK (on_failure IN ('refuse', 'keep')),
  steps      text NOT NULL,                      -- [{"plugin": digest, "config": {…}, "resourceTypes": […]}]
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, revision)
);

CREATE TABLE resource (
  tenant_id        uuid NOT NULL,
  id               uuid NOT NULL,                -- UUIDv7: creation order is id order
  resource_type    text COLLATE "C" NOT NULL,
  name_key         text COLLATE "C",             -- folded userName or displayName
  external_id      text COLLATE "C",
  active           boolean NOT NULL,
  source           text NOT NULL,                -- what the SCIM client wrote and reads
  set_aside        text,                         -- what no schema knows yet
  mapped           text,                         -- null where it is the source, and where there is none
  mapping_state    text NOT NULL CHECK (mapping_state IN ('same', 'mapped', 'excluded', 'stale', 'never')),
  mapping_revision integer NOT NULL,
  version          bigint NOT NULL,
  created_at       timestamptz NOT NULL,
  modified_at      timestamptz NOT NULL,
  deleted_at       timestamptz,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX resource_page ON resource (tenant_id, resource_type, id) WHERE deleted_at IS NULL;
CREATE INDEX resource_name ON resource (tenant_id, resource_type, name_key) WHERE deleted_at IS NULL;
CREATE INDEX resource_external_id ON resource (tenant_id, resource_type, external_id)
  WHERE deleted_at IS NULL AND external_id IS NOT NULL;

CREATE TABLE unique_key (
  tenant_id     uuid NOT NULL,
  resource_type text COLLATE "C" NOT NULL,
  attribute     text COLLATE "C" NOT NULL,
  key           text COLLATE "C" NOT NULL,
  id            uuid NOT NULL,
  PRIMARY KEY (tenant_id, resource_type, attribute, key)
);
CREATE INDEX unique_key_id ON unique_key (tenant_id, id);

CREATE TABLE resource_key (
  tenant_id uuid NOT NULL,
  attribute text COLLATE "C" NOT NULL,
  key       text COLLATE "C" NOT NULL,
  id        uuid NOT NULL,
  PRIMARY KEY (tenant_id, attribute, key, id)
);
CREATE INDEX resource_key_id ON resource_key (tenant_id, id);

CREATE TABLE membership (
  tenant_id   uuid NOT NULL,
  group_id    uuid NOT NULL,
  member_id   uuid NOT NULL,
  member_type text COLLATE "C" NOT NULL,
  created_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, group_id, member_id)
);
CREATE INDEX membership_member ON membership (tenant_id, member_id);

-- A member that is not there yet: resolved when a resource with that externalId or userName appears.
CREATE TABLE member_ref (
  tenant_id  uuid NOT NULL,
  group_id   uuid NOT NULL,
  value      text COLLATE "C" NOT NULL,
  key        text COLLATE "C" NOT NULL,          -- the value, folded
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, group_id, value)
);
CREATE INDEX member_ref_key ON member_ref (tenant_id, key);

-- A member change bumps one of 16 rows and leaves the group's own row alone; the group's version is its own plus their sum.
CREATE TABLE group_change (
  tenant_id uuid NOT NULL,
  group_id  uuid NOT NULL,
  slot      smallint NOT NULL,
  n         bigint NOT NULL,
  at        timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, group_id, slot)
);

CREATE TABLE resource_count (
  tenant_id     uuid NOT NULL,
  resource_type text COLLATE "C" NOT NULL,
  slot          smallint NOT NULL,
  n             bigint NOT NULL,
  PRIMARY KEY (tenant_id, resource_type, slot)
);

-- The outbox. Written unnumbered with the change itself; the sequencer gives committed rows a dense seq per tenant.
CREATE SEQUENCE event_id;
CREATE TABLE event (
  tenant_id     uuid NOT NULL,
  id            bigint NOT NULL DEFAULT nextval('event_id'),
  seq           bigint,
  type          text NOT NULL,
  resource_type text NOT NULL,
  resource_id   uuid NOT NULL,
  member_id     uuid,
  version       bigint,                          -- the resource's own version; null for a membership
  actor         text NOT NULL,
  request_id    text NOT NULL,
  at            timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, seq)
);
CREATE INDEX event_unnumbered ON event (tenant_id, id) WHERE seq IS NULL;

CREATE TABLE event_head (
  tenant_id uuid PRIMARY KEY,
  last_seq  bigint NOT NULL
);

CREATE TABLE lease (
  name   text PRIMARY KEY,
  holder uuid NOT NULL,
  until  timestamptz NOT NULL
);

-- lz4 reads and writes documents faster than the built-in method; a server built without it keeps that.
DO $$
BEGIN
  IF EXISTS (SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
    ALTER TABLE resource ALTER COLUMN source SET COMPRESSION lz4, ALTER COLUMN mapped SET COMPRESSION lz4;
  END IF;
END $$;

-- Row-level security, the second wall. A missing tenant setting is an error, never an empty answer.
DO $$
DECLARE owned text;
BEGIN
  FOREACH owned IN ARRAY ARRAY['credential', 'schema_definition', 'mapping_revision', 'resource', 'unique_key', 'resource_key',
      'membership', 'member_ref', 'group_change', 'resource_count', 'event', 'event_head'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format('CREATE POLICY tenant_only ON %I TO scimgate_tenant USING (tenant_id = current_setting(''scimgate.tenant_id'')::uuid)
      WITH CHECK (tenant_id = current_setting(''scimgate.tenant_id'')::uuid)', owned);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO scimgate_tenant', owned);
  END LOOP;
END $$;
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant FORCE ROW LEVEL SECURITY;
CREATE POLICY itself_only ON tenant TO scimgate_tenant USING (id = current_setting('scimgate.tenant_id')::uuid);
GRANT SELECT, UPDATE ON tenant TO scimgate_tenant;
GRANT SELECT ON plugin TO scimgate_tenant;
GRANT USAGE ON SEQUENCE event_id, config_epoch TO scimgate_tenant;

-- What the control role may see across tenants: this list is the whole of it.
CREATE POLICY control ON tenant TO scimgate_control USING (true) WITH CHECK (true);
CREATE POLICY control ON credential FOR SELECT TO scimgate_control USING (true);
CREATE POLICY control ON event FOR SELECT TO scimgate_control USING (true);
GRANT SELECT, INSERT, UPDATE ON tenant TO scimgate_control;
GRANT SELECT ON credential, event TO scimgate_control;
GRANT SELECT, INSERT, UPDATE ON operator_key TO scimgate_control;
GRANT SELECT, INSERT ON plugin TO scimgate_control;
GRANT SELECT, INSERT, UPDATE, DELETE ON lease TO scimgate_control;
GRANT USAGE ON SEQUENCE config_epoch TO scimgate_control;
