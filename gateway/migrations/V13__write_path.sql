-- Writes with fewer and shorter index entries. V14 builds the indexes for it.
--
-- Replicas of the version before may run until `scimgate migrate --finish`; until then triggers do for them what they do not
-- know of. A database without tenants has none, and begins in the final layout.

-- One entry for each searchable value, by a hash of attribute and value: a filter that finds it compares the value, too.
-- It takes the place of resource_key, which a later version drops.
CREATE TABLE search_key (
  tenant_id uuid NOT NULL,
  h         bigint NOT NULL,                     -- search_key_hash(attribute, key)
  id        uuid NOT NULL
);
CREATE INDEX search_key_h ON search_key (tenant_id, h);
ALTER TABLE search_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE search_key FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON search_key TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
GRANT SELECT, INSERT, DELETE ON search_key TO scimgate_tenant;

-- As the gateway computes it. A name of an attribute contains no control character.
CREATE FUNCTION search_key_hash(attribute text, key text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
  SELECT ('x' || encode(substring(sha256(convert_to(attribute || E'\x1f' || key, 'UTF8')) FROM 1 FOR 8), 'hex'))::bit(64)::bigint
$$;

-- The gateway checks the word when it reads it; the check cost a tenth of the row's insert.
ALTER TABLE resource DROP CONSTRAINT resource_mapping_state_check;

-- A group's displayName, for the groups of its members. It holds for the version of the row that it was written with: a replica
-- of the version before changes the document alone.
ALTER TABLE resource ADD COLUMN display text, ADD COLUMN display_version bigint;
CREATE OR REPLACE FUNCTION groups_of(tenant uuid, member uuid) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT json_object_agg(g.id, g.display ORDER BY g.id)::text FROM membership m CROSS JOIN LATERAL
    (SELECT r.id, CASE WHEN r.display_version = r.version THEN r.display ELSE r.source::json ->> 'displayName' END AS display
      FROM resource r WHERE r.tenant_id = m.tenant_id AND r.id = m.group_id
        AND CASE WHEN r.tenant_id = m.tenant_id THEN r.deleted_at IS NULL END LIMIT 1) g
    WHERE m.tenant_id = tenant AND m.member_id = member);
END $$;

-- By how much the event changes the number of resources of its type. The sequencer adds it to resource_count.
ALTER TABLE event ADD COLUMN delta smallint;

-- key_layout: 0 and 1: keys are written as the version before reads them, and mirrored to search_key, which is complete
-- with 1; 2: search_key alone. awaits_references: whether a member reference of the tenant may be pending.
ALTER TABLE tenant ADD COLUMN key_layout smallint NOT NULL DEFAULT 0,
  ADD COLUMN search_attributes text[] NOT NULL DEFAULT ARRAY['emails.value',
    'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value',
    'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber'],
  ADD COLUMN search_ready text[] NOT NULL DEFAULT ARRAY['emails.value',
    'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value',
    'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber'],
  ADD COLUMN awaits_references boolean NOT NULL DEFAULT false;
-- A tenant that is created before the last step has no resources whose keys are missing.
ALTER TABLE tenant ALTER COLUMN key_layout SET DEFAULT 1;

-- A statement-level trigger: one member change may leave thousands of references pending.
CREATE FUNCTION note_pending_references() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE tenant SET awaits_references = true WHERE NOT awaits_references AND id IN (SELECT tenant_id FROM added);
  RETURN NULL;
END $$;
CREATE TRIGGER note_pending AFTER INSERT ON member_ref REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION note_pending_references();

CREATE FUNCTION mirror_search_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO search_key (tenant_id, h, id) VALUES (NEW.tenant_id, search_key_hash(NEW.attribute, NEW.key), NEW.id);
  ELSE
    DELETE FROM search_key k WHERE k.tenant_id = OLD.tenant_id AND k.h = search_key_hash(OLD.attribute, OLD.key) AND k.id = OLD.id;
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION count_numbered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO resource_count AS c (tenant_id, resource_type, slot, n) VALUES (NEW.tenant_id, NEW.resource_type, 0, NEW.delta)
    ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = c.n + excluded.n;
  NEW.delta := NULL;
  RETURN NEW;
END $$;

-- The owner is bound by row-level security like anybody, and has no tenant.
ALTER TABLE tenant NO FORCE ROW LEVEL SECURITY;
ALTER TABLE member_ref NO FORCE ROW LEVEL SECURITY;
ALTER TABLE job NO FORCE ROW LEVEL SECURITY;
DO $$
BEGIN
  IF EXISTS (SELECT 1 FROM tenant) THEN
    UPDATE tenant t SET awaits_references = true WHERE EXISTS (SELECT 1 FROM member_ref m WHERE m.tenant_id = t.id);
    CREATE TRIGGER mirror AFTER INSERT OR DELETE ON resource_key FOR EACH ROW EXECUTE FUNCTION mirror_search_key();
    -- The sequencer of this version counts by itself, and leaves no delta.
    CREATE TRIGGER count_numbered BEFORE UPDATE ON event FOR EACH ROW
      WHEN (OLD.seq IS NULL AND NEW.seq IS NOT NULL AND NEW.delta IS NOT NULL) EXECUTE FUNCTION count_numbered();
    INSERT INTO job (tenant_id, kind, id, state, revision, after_id, begun_at, moved_at)
      SELECT id, 'search-keys', gen_random_uuid(), 'running', schema_revision, '00000000-0000-0000-0000-000000000000', now(), now() FROM tenant;
  ELSE
    ALTER TABLE tenant ALTER COLUMN key_layout SET DEFAULT 2, ALTER COLUMN search_attributes SET DEFAULT ARRAY['emails.value'],
      ALTER COLUMN search_ready SET DEFAULT ARRAY['emails.value'];
    -- What only the version before needs.
    DROP INDEX resource_page;
    ALTER TABLE event DROP CONSTRAINT event_pkey;
  END IF;
END $$;
ALTER TABLE tenant FORCE ROW LEVEL SECURITY;
ALTER TABLE member_ref FORCE ROW LEVEL SECURITY;
ALTER TABLE job FORCE ROW LEVEL SECURITY;
