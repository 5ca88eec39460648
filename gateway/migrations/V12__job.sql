-- Background work over a tenant's stored resources, one row for the latest run of each kind. It takes the place of fold_in,
-- which older replicas still write; a later version drops that.
CREATE TABLE job (
  tenant_id    uuid NOT NULL,
  kind         text COLLATE "C" NOT NULL,           -- what it does: reconcile
  id           uuid NOT NULL,                       -- of this run
  state        text COLLATE "C" NOT NULL CHECK (state IN ('running', 'finished', 'cancelled')),
  revision     bigint NOT NULL,                     -- what it applies: the schema revision
  after_id     uuid NOT NULL,                       -- resources up to this id are done
  examined     bigint NOT NULL DEFAULT 0,
  changed      bigint NOT NULL DEFAULT 0,
  rejected     bigint NOT NULL DEFAULT 0,           -- resources of which something could not be applied
  examples     text NOT NULL DEFAULT '[]',          -- [{"id": …, "attribute": …, "reason": …}], a few of the rejected
  begun_at     timestamptz NOT NULL,
  moved_at     timestamptz NOT NULL,
  resume_at    timestamptz NOT NULL DEFAULT now(),  -- the next batch begins no earlier
  holder       uuid,                                -- the process that does a batch now
  leased_until timestamptz,                         -- by the database's clock; after that, another process takes over
  PRIMARY KEY (tenant_id, kind)
);
-- For the control role, which looks for work across tenants.
CREATE INDEX job_running ON job (resume_at) WHERE state = 'running';

-- The owner is bound by row-level security like anybody, and has no tenant: the rows are copied before it is on for job, and
-- while the owner is free of it for fold_in.
ALTER TABLE fold_in NO FORCE ROW LEVEL SECURITY;
INSERT INTO job (tenant_id, kind, id, state, revision, after_id, examined, changed, rejected, examples, begun_at, moved_at)
SELECT tenant_id, 'reconcile', gen_random_uuid(), CASE WHEN finished THEN 'finished' ELSE 'running' END, schema_revision, after_id,
  examined, folded, misfits, examples, begun_at, moved_at FROM fold_in;
ALTER TABLE fold_in FORCE ROW LEVEL SECURITY;

ALTER TABLE job ENABLE ROW LEVEL SECURITY;
ALTER TABLE job FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON job TO scimgate_tenant USING (tenant_id = current_setting('scimgate.tenant_id')::uuid)
  WITH CHECK (tenant_id = current_setting('scimgate.tenant_id')::uuid);
GRANT SELECT, INSERT, UPDATE, DELETE ON job TO scimgate_tenant;
-- Added to what the control role may see across tenants: which jobs are due.
CREATE POLICY control ON job FOR SELECT TO scimgate_control USING (true);
GRANT SELECT ON job TO scimgate_control;
