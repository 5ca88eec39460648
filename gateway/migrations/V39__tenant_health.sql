-- The health of a tenant: whether its identity provider works as it should. What was sent is counted beside the provisioning log, in rows
-- of ten minutes; one row of each tenant has what was decided last, and each change of that is delivered to webhooks.

-- What a tenant's provider sent within ten minutes, from `slot` on: sums over all replicas.
CREATE TABLE health_traffic (
  tenant_id uuid NOT NULL,
  slot      timestamptz NOT NULL,
  first_at  timestamptz,                           -- the first and the last request with an accepted credential
  last_at   timestamptz,
  requests  bigint NOT NULL,                       -- with an accepted credential; of a bulk request each operation, too
  lookups   bigint NOT NULL,                       -- reads that succeeded
  found     bigint NOT NULL,                       -- … of resources, and returned one
  users     bigint NOT NULL,                       -- created
  groups    bigint NOT NULL,
  others    bigint NOT NULL,
  changed   bigint NOT NULL,                       -- writes of a resource that was there
  deleted   bigint NOT NULL,
  failed    bigint NOT NULL,
  throttled bigint NOT NULL,                       -- 429
  refused   bigint NOT NULL,                       -- credentials that are not accepted
  pages     bigint NOT NULL,                       -- of lists without a filter
  listed    bigint NOT NULL,                       -- resources on these pages
  total     bigint NOT NULL,                       -- the most that one of these lists has
  PRIMARY KEY (tenant_id, slot)
);

-- `revision` decides which replica makes a change, and so announces it.
CREATE TABLE tenant_health (
  tenant_id uuid NOT NULL PRIMARY KEY,
  revision  bigint NOT NULL,
  state     text COLLATE "C" NOT NULL,             -- unhealthy, attention, unknown, healthy, not-connected, suspended
  rank      smallint NOT NULL,                     -- by which tenants are listed: the greatest first
  since     timestamptz NOT NULL,
  codes     text[] NOT NULL,                       -- of what was found
  seen      text NOT NULL                          -- what is known of its traffic before the rows of health_traffic that are still open, as JSON
);
CREATE INDEX tenant_health_rank ON tenant_health (rank, tenant_id);

-- Changes that are to be delivered, a row for each webhook: until it answers, or a day has passed.
CREATE TABLE webhook_delivery (
  tenant_id  uuid NOT NULL,
  id         uuid NOT NULL,                        -- webhook-id
  target     text COLLATE "C" NOT NULL,            -- which webhook: a digest of its address, which may have a secret
  body       text NOT NULL,
  created_at timestamptz NOT NULL,
  due_at     timestamptz NOT NULL,                 -- of the next try; that of a try in progress is later by its lease
  attempts   integer NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, id, target)
);
-- Of the control role alone.
CREATE INDEX webhook_delivery_due ON webhook_delivery (due_at);

DO $$
DECLARE owned text;
BEGIN
  FOREACH owned IN ARRAY ARRAY['health_traffic', 'tenant_health', 'webhook_delivery'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format('CREATE POLICY tenant_only ON %I TO scimgate_tenant USING (tenant_id = current_setting(''scimgate.tenant_id'')::uuid)
      WITH CHECK (tenant_id = current_setting(''scimgate.tenant_id'')::uuid)', owned);
    -- Nobody adds rows to a deleted tenant; the statements of the control role leave them out, too.
    EXECUTE format('CREATE POLICY not_deleted ON %I AS RESTRICTIVE FOR INSERT TO scimgate_tenant
      WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting(''scimgate.tenant_id'')::uuid) <> ''deleted'')', owned);
    EXECUTE format('CREATE POLICY control ON %I TO scimgate_control USING (true) WITH CHECK (true)', owned);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO scimgate_control', owned);
    EXECUTE format('GRANT SELECT, DELETE ON %I TO scimgate_tenant', owned);
  END LOOP;
END $$;
-- The tenant's own role deletes what is counted or delivered, and of a deleted tenant the rest.
CREATE POLICY erased ON tenant_health AS RESTRICTIVE FOR DELETE TO scimgate_tenant
  USING ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) = 'deleted');
GRANT UPDATE (first_at, last_at, requests, lookups, found, users, groups, others, changed, deleted, failed, throttled, refused, pages, listed, total)
  ON health_traffic TO scimgate_control;
GRANT UPDATE (revision, state, rank, since, codes, seen) ON tenant_health TO scimgate_control;
GRANT UPDATE (due_at, attempts) ON webhook_delivery TO scimgate_control;
