-- Operator keys with scopes, a label and an end; the states of a token; and the audit of what operators change. A replica of the
-- version before inserts neither scopes nor states: its keys may do everything, and its tokens are active.
ALTER TABLE operator_key
  ADD COLUMN label        text NOT NULL DEFAULT '',
  ADD COLUMN scopes       text[] NOT NULL DEFAULT '{everything}',  -- read, tenants, plugins, everything
  ADD COLUMN expires_at   timestamptz,
  ADD COLUMN created_by   text,                                    -- the operator key's id, or the name of a command
  ADD COLUMN last_used_at timestamptz;

ALTER TABLE credential
  ADD COLUMN state         text COLLATE "C" NOT NULL DEFAULT 'active',  -- pending, active, retiring; revoked_at stands above it
  ADD COLUMN replaces      uuid,                                   -- the token that a pending one is to replace
  ADD COLUMN read_only     boolean NOT NULL DEFAULT false,
  ADD COLUMN resource_type text,                                   -- the only one that the token reaches; null for all
  ADD COLUMN networks      text[] NOT NULL DEFAULT '{}',           -- from where it is accepted; empty for everywhere
  ADD COLUMN created_by    text,
  ADD COLUMN last_used_at  timestamptz,
  ADD COLUMN reminded_days integer;                                -- of the last reminder that it will expire

-- When credentials were used, and of which a reminder was given, is written for many tenants at once.
CREATE POLICY control_marks ON credential FOR UPDATE TO scimgate_control USING (true) WITH CHECK (true);
GRANT UPDATE (last_used_at, reminded_days) ON credential TO scimgate_control;

-- Rows are added in the transaction of the change, and neither changed nor deleted by the gateway. They outlive the tenant, and so
-- belong to the installation.
CREATE TABLE audit (
  id         uuid PRIMARY KEY,                   -- UUIDv7: the order of time
  at         timestamptz NOT NULL,
  tenant     uuid,
  actor      text NOT NULL,                      -- the operator key's label, or the name of a command
  key_id     uuid,
  action     text COLLATE "C" NOT NULL,
  subject    text NOT NULL,
  before     text,                               -- JSON
  after      text,
  request_id text NOT NULL,
  address    text
);
CREATE INDEX audit_tenant ON audit (tenant, id);
ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_adds ON audit FOR INSERT TO scimgate_tenant WITH CHECK (tenant = current_setting('scimgate.tenant_id')::uuid);
CREATE POLICY control_adds ON audit FOR INSERT TO scimgate_control WITH CHECK (true);
CREATE POLICY control_reads ON audit FOR SELECT TO scimgate_control USING (true);
GRANT INSERT ON audit TO scimgate_tenant;
GRANT SELECT, INSERT ON audit TO scimgate_control;
