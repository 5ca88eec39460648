-- The life of a mapping revision: draft, active, retired. The active one is tenant.active_mapping, as before; of the others, those
-- that were never activated are marked as drafts. A replica of the version before makes none: what it inserts is active at once,
-- so neither the mark nor a time is missing in its rows, and they need no change here.
ALTER TABLE mapping_revision
  ADD COLUMN draft        boolean NOT NULL DEFAULT false,     -- never activated
  ADD COLUMN author       text,                               -- the operator key's id, or the name of a command
  ADD COLUMN note         text,
  ADD COLUMN activated_at timestamptz,                        -- the last time; null where a replica of the version before did: created_at
  ADD COLUMN activated_by text,
  ADD COLUMN retired_at   timestamptz;                        -- the last time; null also where a replica of the version before did
-- What a revision does never changes.
GRANT UPDATE (draft, activated_at, activated_by, retired_at) ON mapping_revision TO scimgate_tenant;
