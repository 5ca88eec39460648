-- Why a resource is hidden from the product, or why the product reads an older document of it. A resource that is mapped has no
-- row, so the writes of those do not touch this table.
CREATE TABLE mapping_reason (
  tenant_id  uuid NOT NULL,
  id         uuid NOT NULL,
  state      text COLLATE "C" NOT NULL,          -- what the mapping decided: excluded, stale, never
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

-- The guard against mass deprovisioning. Null: off. Tenants that exist already keep it off; new ones have it.
ALTER TABLE tenant ADD COLUMN guard_users integer, ADD COLUMN guard_members integer, ADD COLUMN guard_percent integer,
  ADD COLUMN guard_protected text;
ALTER TABLE tenant ALTER COLUMN guard_users SET DEFAULT 20, ALTER COLUMN guard_members SET DEFAULT 200,
  ALTER COLUMN guard_percent SET DEFAULT 2;

-- What passed the guard to the product, by the minute of the gateway's clock, for the last hour.
CREATE TABLE removal_count (
  tenant_id uuid NOT NULL,
  kind      text COLLATE "C" NOT NULL,           -- user, member
  minute    bigint NOT NULL,                     -- since 1970
  n         bigint NOT NULL,
  PRIMARY KEY (tenant_id, kind, minute)
);

-- What an operator releases or rejects as a whole.
CREATE TABLE held_batch (
  tenant_id  uuid NOT NULL,
  id         uuid NOT NULL,
  cause      text COLLATE "C" NOT NULL,          -- threshold, protected
  state      text COLLATE "C" NOT NULL,          -- open, releasing, rejecting, released, rejected
  passed     bigint NOT NULL,                    -- what had passed within the hour before
  opened_at  timestamptz NOT NULL,
  actor      text NOT NULL,                      -- of the request that opened it
  request_id text NOT NULL,
  decided_at timestamptz,
  decided_by text,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX held_batch_undone ON held_batch (tenant_id, state) WHERE state IN ('open', 'releasing', 'rejecting');

-- A resource whose removal the product does not see yet.
CREATE TABLE held (
  tenant_id     uuid NOT NULL,
  id            uuid NOT NULL,
  resource_type text COLLATE "C" NOT NULL,
  batch_id      uuid NOT NULL,
  kind          text COLLATE "C" NOT NULL,       -- deactivated, excluded, deleted
  event         text NOT NULL,                   -- that the product is sent at the release
  source        text NOT NULL,                   -- as it was before; a rejection restores it
  set_aside     text,
  next_mapped   text,                            -- as resource.mapped, mapping_state and mapping_revision are after the release
  next_state    text COLLATE "C" NOT NULL,
  next_revision integer NOT NULL,
  since         timestamptz NOT NULL,
  at            timestamptz NOT NULL,            -- of the last request that removed it
  actor         text NOT NULL,
  request_id    text NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX held_of_batch ON held (tenant_id, batch_id, id);
-- For the directory, which still shows them.
CREATE INDEX held_deleted ON held (tenant_id, resource_type, id) WHERE kind = 'deleted';

-- A membership that the product still sees. Whether it is one at the source is in the table membership.
CREATE TABLE held_member (
  tenant_id   uuid NOT NULL,
  group_id    uuid NOT NULL,
  member_id   uuid NOT NULL,
  member_type text COLLATE "C" NOT NULL,
  batch_id    uuid NOT NULL,
  at          timestamptz NOT NULL,
  actor       text NOT NULL,
  request_id  text NOT NULL,
  PRIMARY KEY (tenant_id, group_id, member_id)
);
CREATE INDEX held_member_of_batch ON held_member (tenant_id, batch_id, group_id, member_id);
CREATE INDEX held_member_member ON held_member (tenant_id, member_id);

-- Ends a transaction that came second, as a serialization failure does: the caller begins again.
CREATE FUNCTION lost_race() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'another write came first' USING ERRCODE = 'serialization_failure';
END $$;

DO $$
DECLARE owned text;
BEGIN
  FOREACH owned IN ARRAY ARRAY['mapping_reason', 'removal_count', 'held_batch', 'held', 'held_member'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format('CREATE POLICY tenant_only ON %I TO scimgate_tenant USING (tenant_id = current_setting(''scimgate.tenant_id'')::uuid)
      WITH CHECK (tenant_id = current_setting(''scimgate.tenant_id'')::uuid)', owned);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON mapping_reason, removal_count, held TO scimgate_tenant;
GRANT SELECT, INSERT, UPDATE ON held_batch TO scimgate_tenant;
GRANT SELECT, INSERT, DELETE ON held_member TO scimgate_tenant;
