-- The registry of plugins. The table plugin has what was uploaded, by digest; this one has what that is called: a name and a version,
-- of one tenant or of all. What a version means never changes.
CREATE TABLE plugin_release (
  tenant_id  uuid NOT NULL,                      -- its owner; nil: all tenants
  name       text COLLATE "C" NOT NULL,
  version    text COLLATE "C" NOT NULL,
  digest     text NOT NULL REFERENCES plugin (digest),
  dev        boolean NOT NULL,                   -- pushed by its author between releases; the oldest unused ones are removed
  author     text,                               -- the operator key's id, or the name of a command; null where a replica of the version before did
  source     text,                               -- where it was pulled from
  signature  text,                               -- of the plugin's bytes, as minisign writes it
  created_at timestamptz NOT NULL,
  yanked_at  timestamptz,
  yanked_by  text,
  PRIMARY KEY (tenant_id, name, version)
);
CREATE INDEX plugin_release_digest ON plugin_release (tenant_id, digest);
-- For the control role: whether a plugin has a release of any tenant.
CREATE INDEX plugin_release_of_any ON plugin_release (digest);

-- Which releases a mapping revision uses. A release in use cannot be removed, and a removed one not be used: the foreign key, which is
-- added below, decides.
CREATE TABLE mapping_plugin (
  tenant_id uuid NOT NULL,
  revision  integer NOT NULL,
  digest    text NOT NULL,
  owner     uuid NOT NULL,                       -- the release's tenant_id: the tenant itself, or nil
  name      text COLLATE "C" NOT NULL,
  version   text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant_id, revision, digest),
  CHECK (owner IN (tenant_id, '00000000-0000-0000-0000-000000000000'))
);

-- Null where a replica of the version before inserted it.
ALTER TABLE plugin ADD COLUMN size integer;
-- A plugin without releases is deleted with what was compiled of it.
ALTER TABLE plugin_artifact DROP CONSTRAINT plugin_artifact_digest_fkey;
ALTER TABLE plugin_artifact ADD CONSTRAINT plugin_artifact_digest_fkey FOREIGN KEY (digest) REFERENCES plugin (digest) ON DELETE CASCADE;

-- The version before knows no releases: what it uploads is one of all tenants. Where the name and the version are taken by other
-- bytes, which it did not refuse, the version has the digest in it.
CREATE FUNCTION release_plugin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO plugin_release (tenant_id, name, version, digest, dev, created_at)
    VALUES ('00000000-0000-0000-0000-000000000000', NEW.name, NEW.version, NEW.digest, false, NEW.created_at) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    INSERT INTO plugin_release (tenant_id, name, version, digest, dev, created_at)
      VALUES ('00000000-0000-0000-0000-000000000000', NEW.name, NEW.version || '+sha256-' || left(NEW.digest, 12), NEW.digest, false,
        NEW.created_at) ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER release AFTER INSERT ON plugin FOR EACH ROW WHEN (NEW.size IS NULL) EXECUTE FUNCTION release_plugin();

-- Writes down what a new revision uses, whichever version of the gateway makes it. A plugin that is not the tenant's to use, is yanked
-- or is gone ends the transaction. The tenant's own release comes first, then one that is no push of an author, then the oldest.
CREATE FUNCTION use_plugins() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  used integer;
BEGIN
  INSERT INTO mapping_plugin (tenant_id, revision, digest, owner, name, version)
    SELECT DISTINCT ON (r.digest) NEW.tenant_id, NEW.revision, r.digest, r.tenant_id, r.name, r.version
    FROM json_array_elements(NEW.steps::json) s JOIN plugin_release r ON r.digest = s ->> 'plugin'
    WHERE r.tenant_id IN (NEW.tenant_id, '00000000-0000-0000-0000-000000000000') AND r.yanked_at IS NULL
    ORDER BY r.digest, r.tenant_id = NEW.tenant_id DESC, r.dev, r.created_at, r.version;
  GET DIAGNOSTICS used = ROW_COUNT;
  IF used < (SELECT count(DISTINCT s ->> 'plugin') FROM json_array_elements(NEW.steps::json) s) THEN
    PERFORM lost_race();
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER use_plugins AFTER INSERT ON mapping_revision FOR EACH ROW EXECUTE FUNCTION use_plugins();

-- What there is already. The owner is bound by row-level security like anybody, so this comes before it is on for the new tables, and
-- while the owner is free of it for mapping_revision, which nobody reads meanwhile: a second or two where operators made 100,000
-- revisions.
INSERT INTO plugin_release (tenant_id, name, version, digest, dev, created_at)
  SELECT '00000000-0000-0000-0000-000000000000', p.name,
    CASE WHEN row_number() OVER (PARTITION BY p.name, p.version ORDER BY p.created_at, p.digest) = 1 THEN p.version
      ELSE p.version || '+sha256-' || left(p.digest, 12) END, p.digest, false, p.created_at FROM plugin p;
ALTER TABLE mapping_revision NO FORCE ROW LEVEL SECURITY;
INSERT INTO mapping_plugin (tenant_id, revision, digest, owner, name, version)
  SELECT DISTINCT m.tenant_id, m.revision, r.digest, r.tenant_id, r.name, r.version
  FROM mapping_revision m, json_array_elements(m.steps::json) s, plugin_release r WHERE r.digest = s ->> 'plugin';
ALTER TABLE mapping_revision FORCE ROW LEVEL SECURITY;
ALTER TABLE mapping_plugin ADD FOREIGN KEY (owner, name, version) REFERENCES plugin_release (tenant_id, name, version);
-- For the foreign key, and for the control role: who uses a release.
CREATE INDEX mapping_plugin_release ON mapping_plugin (owner, name, version, tenant_id, revision);

ALTER TABLE plugin_release ENABLE ROW LEVEL SECURITY;
ALTER TABLE plugin_release FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON plugin_release TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
CREATE POLICY of_all ON plugin_release FOR SELECT TO scimgate_tenant USING (tenant_id = '00000000-0000-0000-0000-000000000000');
-- The control role sees the releases of every tenant, and changes those of all.
CREATE POLICY control ON plugin_release FOR SELECT TO scimgate_control USING (true);
CREATE POLICY control_of_all ON plugin_release TO scimgate_control USING (tenant_id = '00000000-0000-0000-0000-000000000000')
  WITH CHECK (tenant_id = '00000000-0000-0000-0000-000000000000');
GRANT SELECT, INSERT, DELETE ON plugin_release TO scimgate_tenant, scimgate_control;
GRANT UPDATE (signature, yanked_at, yanked_by) ON plugin_release TO scimgate_tenant, scimgate_control;

ALTER TABLE mapping_plugin ENABLE ROW LEVEL SECURITY;
ALTER TABLE mapping_plugin FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON mapping_plugin TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
GRANT SELECT, INSERT ON mapping_plugin TO scimgate_tenant;
-- Added to what the control role may see across tenants: which revisions use a release, and whether they are drafts.
CREATE POLICY control ON mapping_plugin FOR SELECT TO scimgate_control USING (true);
GRANT SELECT ON mapping_plugin TO scimgate_control;
CREATE POLICY control ON mapping_revision FOR SELECT TO scimgate_control USING (true);
GRANT SELECT (tenant_id, revision, draft) ON mapping_revision TO scimgate_control;

-- A tenant reads the plugins that have a release for it.
ALTER TABLE plugin ENABLE ROW LEVEL SECURITY;
ALTER TABLE plugin FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON plugin FOR SELECT TO scimgate_tenant USING (EXISTS (SELECT 1 FROM plugin_release r WHERE r.digest = plugin.digest));
CREATE POLICY control ON plugin TO scimgate_control USING (true) WITH CHECK (true);
GRANT DELETE ON plugin TO scimgate_control;
