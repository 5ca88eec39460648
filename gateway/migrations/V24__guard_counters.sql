-- The number of users that would vanish by an activation from which it must be confirmed.
ALTER TABLE tenant ADD COLUMN guard_confirm_from integer NOT NULL DEFAULT 1;

-- The pending references of a group whose deletion a batch holds: a rejection restores them. The product does not see them.
CREATE TABLE held_reference (
  tenant_id uuid NOT NULL,
  group_id  uuid NOT NULL,
  value     text NOT NULL,
  batch_id  uuid NOT NULL,
  PRIMARY KEY (tenant_id, group_id, value)
);
CREATE INDEX held_reference_of_batch ON held_reference (tenant_id, batch_id, group_id);

-- What passed the guard to the product within the last hour, by the minute of the gateway's clock. A removal is counted in its own
-- transaction in one of up to sixteen rows of a kind, which it keeps locked until its end; so as many removals as there are rows can be
-- in progress unseen by the others. removal_count, which had a row for each minute, was in no released version.
CREATE TABLE removal_slot (
  tenant_id uuid NOT NULL,
  kind      text COLLATE "C" NOT NULL,           -- user, member
  slot      smallint NOT NULL,
  minutes   bigint[] NOT NULL,                   -- since 1970
  counts    bigint[] NOT NULL,
  PRIMARY KEY (tenant_id, kind, slot)
);
DROP TABLE removal_count;

-- What may pass: a number, or a share of the tenant's users, if it is more.
CREATE FUNCTION removal_limit(of_tenant uuid, number bigint, percent bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT greatest(number, floor((SELECT coalesce(sum(c.n), 0) FROM resource_count c
    WHERE c.tenant_id = of_tenant AND c.resource_type = 'User') * percent / 100)::bigint)
$$;

-- What passed after a minute.
CREATE FUNCTION removals_after(of_tenant uuid, what text, since bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce(sum(x.c), 0)::bigint FROM removal_slot s CROSS JOIN LATERAL unnest(s.minutes, s.counts) x (m, c)
  WHERE s.tenant_id = of_tenant AND s.kind = what AND x.m > since
$$;

-- Adds to a row, and drops from it what is older than the window.
CREATE FUNCTION add_removals(of_tenant uuid, what text, place smallint, at_minute bigint, since bigint, added bigint)
RETURNS integer LANGUAGE sql AS $$
  INSERT INTO removal_slot AS s (tenant_id, kind, slot, minutes, counts)
  VALUES (of_tenant, what, place, ARRAY[at_minute], ARRAY[added])
  ON CONFLICT (tenant_id, kind, slot) DO UPDATE SET (minutes, counts) =
    (SELECT coalesce(array_agg(x.m), '{}'), coalesce(array_agg(x.n), '{}') FROM
      (SELECT y.m, sum(y.c)::bigint AS n FROM unnest(s.minutes || excluded.minutes, s.counts || excluded.counts) y (m, c)
       WHERE y.m > since GROUP BY y.m) x)
  RETURNING 1
$$;

-- Counts removals at the end of the transaction that makes them, or ends it as if it had lost a race where they might be too many: the
-- caller then asks the guard first. Every statement below takes its own snapshot, so the sum has what was committed until this
-- transaction had its row; each of the other rows may be kept by one that is not committed, with at most as much as one may count here.
CREATE FUNCTION count_removals(of_tenant uuid, what text, at_minute bigint, since bigint, added bigint, number bigint, percent bigint)
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  most bigint;
  slots bigint;
  largest bigint;
BEGIN
  IF added = 0 OR number IS NULL THEN
    RETURN 0;
  END IF;
  most := removal_limit(of_tenant, number, percent);
  slots := greatest(1, least(16, most / 50));
  largest := CASE WHEN slots = 1 THEN most ELSE most / (2 * slots) END;
  IF added > largest THEN
    RETURN lost_race();
  END IF;
  PERFORM add_removals(of_tenant, what, floor(random() * slots)::smallint, at_minute, since, added);
  IF removals_after(of_tenant, what, since) + (slots - 1) * largest > most OR EXISTS (SELECT 1 FROM held_batch b
      WHERE b.tenant_id = of_tenant AND b.state = 'open' AND b.cause = 'threshold') THEN
    RETURN lost_race();
  END IF;
  RETURN added;
END $$;

DO $$
DECLARE owned text;
BEGIN
  FOREACH owned IN ARRAY ARRAY['held_reference', 'removal_slot'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format('CREATE POLICY tenant_only ON %I TO scimgate_tenant USING (tenant_id = current_setting(''scimgate.tenant_id'')::uuid)
      WITH CHECK (tenant_id = current_setting(''scimgate.tenant_id'')::uuid)', owned);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON removal_slot TO scimgate_tenant;
GRANT SELECT, INSERT, DELETE ON held_reference TO scimgate_tenant;
