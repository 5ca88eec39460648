-- Each statement is a transaction of its own: one that locks several tables can meet a writer that locks them in another order.
--
-- Which roles and entitlements the members of a group have. The directory joins them with the memberships when it is read.
CREATE TABLE IF NOT EXISTS group_rules (
  tenant_id  uuid PRIMARY KEY,
  rules      text NOT NULL,                        -- as JSON; [] for none
  changed_at timestamptz NOT NULL,
  changed_by text NOT NULL,
  settled    boolean NOT NULL,                     -- every replica has had the time to read the rules
  seq        bigint                                -- events up to this one are handled; null: none is followed
);

-- What was announced last: the groups that rules name and the product sees …
CREATE TABLE IF NOT EXISTS announced_group (
  tenant_id  uuid NOT NULL,
  group_id   uuid NOT NULL,
  grants     text NOT NULL,                        -- what its members have, as JSON; empty: only some of them were announced
  walk_after uuid,                                 -- its members up to this one are compared; null: all are
  PRIMARY KEY (tenant_id, group_id)
);

-- … and what their members have by them.
CREATE TABLE IF NOT EXISTS announced_grant (
  tenant_id uuid NOT NULL,
  group_id  uuid NOT NULL,
  member_id uuid NOT NULL,
  grants    text NOT NULL,
  PRIMARY KEY (tenant_id, group_id, member_id)
);
CREATE INDEX IF NOT EXISTS announced_grant_member ON announced_grant (tenant_id, member_id);

-- after_seq: the run continues once the tenant has an event after this one; null: at once. wakes: how often a write without an event
-- wanted it to.
ALTER TABLE job ADD COLUMN IF NOT EXISTS after_seq bigint, ADD COLUMN IF NOT EXISTS wakes bigint NOT NULL DEFAULT 0;

-- Of a membership: the member has an event of its own in the same transaction, after which the product reads it.
ALTER TABLE event ADD COLUMN IF NOT EXISTS covered boolean;

ALTER TABLE group_rules ENABLE ROW LEVEL SECURITY;
ALTER TABLE group_rules FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_only ON group_rules;
CREATE POLICY tenant_only ON group_rules TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
ALTER TABLE announced_group ENABLE ROW LEVEL SECURITY;
ALTER TABLE announced_group FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_only ON announced_group;
CREATE POLICY tenant_only ON announced_group TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
ALTER TABLE announced_grant ENABLE ROW LEVEL SECURITY;
ALTER TABLE announced_grant FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_only ON announced_grant;
CREATE POLICY tenant_only ON announced_grant TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
-- Nobody adds rows to a deleted tenant, and its rules go with it alone.
DROP POLICY IF EXISTS not_deleted ON group_rules;
CREATE POLICY not_deleted ON group_rules AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON announced_group;
CREATE POLICY not_deleted ON announced_group AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS not_deleted ON announced_grant;
CREATE POLICY not_deleted ON announced_grant AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
DROP POLICY IF EXISTS erased ON group_rules;
CREATE POLICY erased ON group_rules AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
GRANT SELECT, INSERT, UPDATE, DELETE ON group_rules TO scimgate_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON announced_group, announced_grant TO scimgate_tenant;
