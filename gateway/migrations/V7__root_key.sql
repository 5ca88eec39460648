-- The secret that signs cursors, where the operator gives none: every process finds the same one here. Like the operator
-- keys it belongs to no tenant, and the role that speaks for a tenant is granted nothing of it.
CREATE TABLE root_key (
  sole       boolean PRIMARY KEY CHECK (sole),   -- there is one
  key        bytea NOT NULL CHECK (length(key) = 32),
  created_at timestamptz NOT NULL
);
GRANT SELECT, INSERT ON root_key TO scimgate_control;
