-- What the operator wants mapped documents to be, beyond the schemas of their types. A change of it is a change of
-- tenant.schema_revision, on which every write depends.
CREATE TABLE directory_schema (
  tenant_id  uuid PRIMARY KEY,
  rules      text NOT NULL,                        -- as JSON
  changed_at timestamptz NOT NULL,
  changed_by text NOT NULL
);

-- How the stored mapped documents comply with rules: those that were set last, or others that an operator asks about.
CREATE TABLE directory_check (
  tenant_id       uuid PRIMARY KEY,
  id              uuid NOT NULL,                   -- that of the job's run
  rules           text NOT NULL,
  applies         boolean NOT NULL,                -- whether they are those that were set: values that must be unique are entered
  schema_revision bigint NOT NULL,
  total           bigint NOT NULL,                 -- resources when it began
  report          text NOT NULL,                   -- what was found until now, as JSON
  begun_at        timestamptz NOT NULL,
  finished_at     timestamptz
);

-- The values of mapped documents that no two resources of a type may have. The primary key decides between concurrent writes.
CREATE TABLE mapped_unique (
  tenant_id     uuid NOT NULL,
  resource_type text COLLATE "C" NOT NULL,
  attribute     text COLLATE "C" NOT NULL,         -- the rule's path, after the schema revision since which it is unique
  key           text COLLATE "C" NOT NULL,         -- the value, folded as the attribute says
  id            uuid NOT NULL,
  seen          boolean NOT NULL,                  -- the document that the product sees has it
  next          boolean NOT NULL,                  -- so has the one that it sees once what is held of it is released
  PRIMARY KEY (tenant_id, resource_type, attribute, key)
);
CREATE INDEX mapped_unique_id ON mapped_unique (tenant_id, id);

-- Who would have which value, as far as a plan or a check has come: only where that differs from mapped_unique.
CREATE TABLE planned_unique (
  tenant_id     uuid NOT NULL,
  run           uuid NOT NULL,
  resource_type text COLLATE "C" NOT NULL,
  attribute     text COLLATE "C" NOT NULL,
  key           text COLLATE "C" NOT NULL,
  id            uuid,                              -- null: nobody any more
  PRIMARY KEY (tenant_id, run, resource_type, attribute, key)
);

-- The documents of a plan that another one with the same value leaves as they are.
CREATE TABLE planned_conflict (
  tenant_id uuid NOT NULL,
  run       uuid NOT NULL,
  id        uuid NOT NULL,
  PRIMARY KEY (tenant_id, run, id)
);

-- Documents that another one's value kept from being mapped, in this pass of a remap or a plan and in the one before.
ALTER TABLE job ADD COLUMN conflicts bigint NOT NULL DEFAULT 0, ADD COLUMN conflicts_before bigint NOT NULL DEFAULT -1;

DO $$
DECLARE owned text;
BEGIN
  FOREACH owned IN ARRAY ARRAY['directory_schema', 'directory_check', 'mapped_unique', 'planned_unique', 'planned_conflict'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', owned);
    EXECUTE format('CREATE POLICY tenant_only ON %I TO scimgate_tenant USING (tenant_id = current_setting(''scimgate.tenant_id'')::uuid)
      WITH CHECK (tenant_id = current_setting(''scimgate.tenant_id'')::uuid)', owned);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE ON directory_schema, directory_check TO scimgate_tenant;
GRANT SELECT, INSERT, DELETE ON mapped_unique, planned_conflict TO scimgate_tenant;
GRANT UPDATE (seen, next) ON mapped_unique TO scimgate_tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON planned_unique TO scimgate_tenant;
