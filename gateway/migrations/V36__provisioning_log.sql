-- The provisioning log: what each tenant's identity provider sent, and how it ended. Rows are added in batches by the control role, and
-- never change. They lie in a partition for each day; what has none is in provisioning_log_default.
--
-- operation `reads`: requests that only read and succeeded, many in one row; `facts` has one element for each. Such a row costs far less
-- than one for each request. operation `lost`: so many rows are missing.
CREATE TABLE provisioning_log (
  tenant_id        uuid NOT NULL,
  id               uuid NOT NULL,                  -- UUIDv7 of the moment when the request ended
  request_id       text COLLATE "C" NOT NULL,
  number           integer,                        -- of an operation in a bulk request, from 1
  operation        text COLLATE "C" NOT NULL,
  status           smallint NOT NULL,              -- 499: the client disconnected before the reply; 0 of `reads` and `lost`
  duration_us      bigint NOT NULL,
  credential       uuid,
  client           text COLLATE "C",               -- the profile of the SCIM client
  address          text COLLATE "C",
  resource_type    text COLLATE "C",
  resource_id      uuid,
  name             text COLLATE "C",               -- userName or displayName, unless it is redacted
  effect           text COLLATE "C",               -- of a write
  scim_type        text COLLATE "C",
  detail           text,                           -- of a refusal
  cause            text COLLATE "C",               -- of a refusal: its code in the catalogue of causes
  mapping_revision integer,
  rows             bigint,                         -- of `reads` and `lost`
  failed_id        uuid,                           -- the id again, of what failed and of `lost`: no plan takes the primary key for its index
  facts            text,                           -- what else is known, as JSON
  PRIMARY KEY (tenant_id, id)
) PARTITION BY RANGE (id);
-- What succeeded and only read is searched by time alone.
CREATE INDEX provisioning_log_resource ON provisioning_log (tenant_id, resource_id, id)
  WHERE resource_id IS NOT NULL AND (operation <> 'get' OR status >= 400);
CREATE INDEX provisioning_log_failed ON provisioning_log (tenant_id, failed_id) WHERE failed_id IS NOT NULL;
CREATE TABLE provisioning_log_default PARTITION OF provisioning_log DEFAULT;

-- Text of `reads` is compressed. lz4 takes a fraction of the time of the built-in method; a server built without it keeps that.
DO $$
BEGIN
  IF EXISTS (SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
    ALTER TABLE provisioning_log ALTER COLUMN facts SET COMPRESSION lz4;
    ALTER TABLE provisioning_log_default ALTER COLUMN facts SET COMPRESSION lz4;
  END IF;
END $$;

-- keep_log: for how many days a tenant keeps its log; null follows the default. log_redacted: attributes of which the log has no values.
ALTER TABLE tenant
  ADD COLUMN keep_log     integer,
  ADD COLUMN log_redacted text[] NOT NULL DEFAULT '{}';

ALTER TABLE provisioning_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE provisioning_log FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON provisioning_log TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
-- Nobody adds rows to a deleted tenant; the statement of the control role leaves them out, too.
CREATE POLICY not_deleted ON provisioning_log AS RESTRICTIVE FOR INSERT TO scimgate_tenant
  WITH CHECK ((SELECT t.state FROM tenant t WHERE t.id = current_setting('scimgate.tenant_id')::uuid) <> 'deleted');
GRANT SELECT, DELETE ON provisioning_log TO scimgate_tenant;
CREATE POLICY control_writes ON provisioning_log FOR INSERT TO scimgate_control WITH CHECK (true);
GRANT INSERT ON provisioning_log TO scimgate_control;
-- Partitions are reached through the table alone: nobody but their owner has a right to them, or passes row-level security there.
ALTER TABLE provisioning_log_default ENABLE ROW LEVEL SECURITY;

-- Adds the partitions of the days from one to another that are not there, and drops those of the days before a third one. Rows of such a
-- day that are in provisioning_log_default move. Its owner's rights are needed: the roles of the gateway create no tables.
CREATE FUNCTION provisioning_log_days(first date, last date, oldest date, OUT added integer, OUT dropped integer) LANGUAGE plpgsql
  SECURITY DEFINER SET lock_timeout = '2s' AS $$
DECLARE
  day date;
  part text;
  low uuid;
  high uuid;
BEGIN
  added := 0;
  dropped := 0;
  IF last - first > 31 THEN
    RAISE EXCEPTION 'more than 31 days at once';
  END IF;
  FOR day IN SELECT first + n FROM generate_series(0, last - first) n LOOP
    part := 'provisioning_log_' || to_char(day, 'YYYYMMDD');
    CONTINUE WHEN to_regclass(part) IS NOT NULL;
    -- The least UUIDv7 of a day begins with its first millisecond.
    low := rpad(lpad(to_hex((extract(epoch FROM day::timestamp) * 1000)::bigint), 12, '0'), 32, '0')::uuid;
    high := rpad(lpad(to_hex((extract(epoch FROM (day + 1)::timestamp) * 1000)::bigint), 12, '0'), 32, '0')::uuid;
    EXECUTE format('CREATE TABLE %I (LIKE provisioning_log INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format('WITH moved AS (DELETE FROM provisioning_log_default WHERE id >= %L AND id < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
      low, high, part);
    EXECUTE format('ALTER TABLE provisioning_log ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, low, high);
    added := added + 1;
  END LOOP;
  FOR part IN SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = 'provisioning_log'::regclass AND c.relname ~ '^provisioning_log_[0-9]{8}$' AND right(c.relname, 8) < to_char(oldest, 'YYYYMMDD')
      ORDER BY 1 LIMIT 31 LOOP
    EXECUTE format('DROP TABLE %I', part);
    dropped := dropped + 1;
  END LOOP;
END $$;
-- What runs with its owner's rights finds its tables in this schema, never among those of the caller.
DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION provisioning_log_days(date, date, date) SET search_path = %I, pg_temp', current_schema());
END $$;
REVOKE ALL ON FUNCTION provisioning_log_days(date, date, date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION provisioning_log_days(date, date, date) TO scimgate_control;
