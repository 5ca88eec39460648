-- Compiled plugins, so that a process that starts need not compile them again. Each is sealed by a key that is derived from the root
-- key, and is of one version of the engine. What is missing is compiled.
CREATE TABLE plugin_artifact (
  digest     text NOT NULL REFERENCES plugin (digest),
  engine     text NOT NULL,
  artifact   bytea NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (digest, engine)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON plugin_artifact TO scimgate_control;
