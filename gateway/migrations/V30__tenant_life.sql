-- The end of a tenant: its rows are erased, and what is kept of that are ids, times and numbers. How long it keeps tombstones and
-- events. The names that it had before.

-- deleted_name: what a deleted tenant was called, until its rows are erased. keep_tombstones and keep_events: in days; null follows the
-- default. former_names: at whose addresses its identity provider may still send requests.
ALTER TABLE tenant
  ADD COLUMN deleted_name    text,
  ADD COLUMN deleted_at      timestamptz,
  ADD COLUMN keep_tombstones integer,
  ADD COLUMN keep_events     integer,
  ADD COLUMN former_names    text[] NOT NULL DEFAULT '{}';
CREATE INDEX tenant_former ON tenant USING gin (former_names) WHERE former_names <> '{}';
CREATE INDEX tenant_deleted ON tenant (deleted_name) WHERE state = 'deleted';

-- It outlives the tenant, so it belongs to the installation and has no name in it.
CREATE TABLE erasure (
  tenant       uuid PRIMARY KEY,
  state        text COLLATE "C" NOT NULL,          -- running, finished
  requested_at timestamptz NOT NULL,
  key_id       uuid,                               -- the operator key
  counted      boolean NOT NULL DEFAULT false,     -- erasure_table has what there was at the beginning
  at_table     text COLLATE "C",                   -- all before it are empty
  audit_after  uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',  -- the audit is reduced up to this change
  problem      text COLLATE "C",                   -- the SQLSTATE of what stopped the last batch
  moved_at     timestamptz NOT NULL,
  finished_at  timestamptz,
  config_epoch bigint NOT NULL DEFAULT nextval('config_epoch'),  -- for replicas that have the tenant in their caches
  resume_at    timestamptz NOT NULL DEFAULT now(),
  holder       uuid,
  leased_until timestamptz
);
CREATE INDEX erasure_running ON erasure (resume_at) WHERE state = 'running';
CREATE INDEX erasure_requested ON erasure (requested_at);
CREATE INDEX erasure_epoch ON erasure (config_epoch);

-- What was found in each table at the beginning, what was erased of it, and what the search at the end found.
CREATE TABLE erasure_table (
  tenant  uuid NOT NULL,
  name    text COLLATE "C" NOT NULL,
  counted bigint NOT NULL,
  erased  bigint NOT NULL DEFAULT 0,
  found   bigint,
  PRIMARY KEY (tenant, name)
);

-- Up to which event the product has read, by the credential with which it reads.
CREATE TABLE event_reader (
  tenant_id uuid NOT NULL,
  reader    uuid NOT NULL,
  after_seq bigint NOT NULL,
  at        timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, reader)
);

-- Every table with rows of tenants, from the catalogue, in an order in which they can be erased: resources first, since writes of what
-- belongs to one depend on it; then what refers to others before what it refers to. Events are in two parts, since no index has both.
CREATE FUNCTION tenant_tables() RETURNS TABLE (name text, part text) LANGUAGE sql STABLE AS $$
  WITH RECURSIVE own AS (
    SELECT c.oid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
    WHERE c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'tenant'::regclass)
      AND c.relkind IN ('r', 'p') AND NOT c.relispartition),
  depth (oid, n) AS (
    SELECT oid, 0 FROM own
    UNION SELECT k.confrelid, d.n + 1 FROM depth d JOIN pg_constraint k ON k.conrelid = d.oid AND k.contype = 'f'
      AND k.confrelid <> k.conrelid JOIN own ON own.oid = k.confrelid WHERE d.n < 20)
  SELECT d.oid::regclass::text, p.part FROM (SELECT oid, max(n) AS n FROM depth GROUP BY oid) d CROSS JOIN LATERAL
    unnest(CASE WHEN d.oid = 'event'::regclass THEN ARRAY['seq IS NOT NULL', 'seq IS NULL'] ELSE ARRAY['true'] END) p (part)
  ORDER BY d.oid <> 'resource'::regclass, d.n, 1, 2
$$;

-- How many rows of a tenant each table has; of more than the limit, the limit.
CREATE FUNCTION tenant_rows(of_tenant uuid, most bigint) RETURNS TABLE (name text, n bigint) LANGUAGE plpgsql AS $$
DECLARE
  of_table text;
  of_part text;
BEGIN
  FOR of_table, of_part IN SELECT t.name, t.part FROM tenant_tables() t LOOP
    EXECUTE format('SELECT count(*) FROM (SELECT 1 FROM %s WHERE tenant_id = $1 AND %s LIMIT $2) s', of_table, of_part)
      INTO n USING of_tenant, most;
    name := of_table;
    RETURN NEXT;
  END LOOP;
END $$;

-- Deletes rows by their places. Without the indexes' help: a plan that looks for the tenant's rows by an index, and compares the place
-- of each, would read all of them for every few.
CREATE FUNCTION delete_places(of_table text, places tid[]) RETURNS bigint LANGUAGE plpgsql
  SET enable_indexscan = off SET enable_bitmapscan = off AS $$
DECLARE
  deleted bigint;
BEGIN
  EXECUTE format('DELETE FROM %s WHERE ctid = ANY ($1)', of_table) USING places;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END $$;

-- Erases some rows of a part of a table, and says how many; null where there are none.
CREATE FUNCTION erase_rows(of_tenant uuid, of_table text, of_part text, most bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  places tid[];
  n bigint;
BEGIN
  EXECUTE format('SELECT array_agg(s.place) FROM (SELECT ctid AS place FROM %s WHERE tenant_id = $1 AND %s LIMIT $2) s', of_table, of_part)
    INTO places USING of_tenant, most;
  IF places IS NULL THEN
    RETURN NULL;
  END IF;
  n := delete_places(of_table, places);
  INSERT INTO erasure_table AS e (tenant, name, counted, erased) VALUES (of_tenant, of_table, 0, n)
    ON CONFLICT (tenant, name) DO UPDATE SET erased = e.erased + excluded.erased;
  RETURN n;
END $$;

ALTER TABLE event_reader ENABLE ROW LEVEL SECURITY;
ALTER TABLE event_reader FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON event_reader TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON event_reader TO scimgate_tenant;

ALTER TABLE erasure ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasure FORCE ROW LEVEL SECURITY;
CREATE POLICY control ON erasure TO scimgate_control USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON erasure TO scimgate_control;
ALTER TABLE erasure_table ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasure_table FORCE ROW LEVEL SECURITY;
CREATE POLICY control ON erasure_table FOR SELECT TO scimgate_control USING (true);
CREATE POLICY tenant_only ON erasure_table TO scimgate_tenant USING (tenant = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant = current_setting('scimgate.tenant_id')::uuid);
GRANT SELECT ON erasure_table TO scimgate_control;
GRANT SELECT, INSERT, UPDATE ON erasure_table TO scimgate_tenant;

-- The row of an erased tenant goes last.
CREATE POLICY erased ON tenant AS RESTRICTIVE FOR DELETE TO scimgate_control
  USING (state = 'deleted' AND EXISTS (SELECT 1 FROM erasure e WHERE e.tenant = tenant.id));
GRANT DELETE ON tenant TO scimgate_control;

-- Of an erased tenant's audit the ids and times stay, and what was done. Nothing else of a recorded change ever changes.
CREATE POLICY control_reduces ON audit FOR UPDATE TO scimgate_control USING (EXISTS (SELECT 1 FROM erasure e WHERE e.tenant = audit.tenant))
  WITH CHECK (actor = '' AND subject = '' AND before IS NULL AND after IS NULL AND address IS NULL);
GRANT UPDATE (actor, subject, before, after, address) ON audit TO scimgate_control;
