//! Thousands of users, inserted by SQL: requests would take minutes.

/// As the gateway would store them. Each is a member of one of two hundred groups.
const FILL: &str = "
CREATE FUNCTION pg_temp.id(n bigint, kind text) RETURNS uuid LANGUAGE sql AS
  $$ SELECT ('0198c0de-' || kind || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
INSERT INTO resource (tenant_id, id, resource_type, name_key, external_id, active, source, mapping_state, mapping_revision,
    version, created_at, modified_at)
  SELECT t.id, pg_temp.id(n, '0000'), 'User', format('u%s@corp.test', n), 'x' || n, true,
    json_build_object('schemas', ARRAY['urn:ietf:params:scim:schemas:core:2.0:User'], 'userName', format('u%s@corp.test', n),
      'externalId', 'x' || n, 'active', true, 'title', md5(n::text) || repeat(md5(n::text), 20),
      'emails', json_build_array(json_build_object('type', 'work', 'value', format('m%s@corp.test', n))))::text,
    'same', 0, 1, now(), now()
  FROM tenant t, generate_series({FIRST}, {USERS}) n WHERE t.name = '{TENANT}';
INSERT INTO search_key SELECT t.id, search_key_hash('emails.value', format('m%s@corp.test', n)), pg_temp.id(n, '0000')
  FROM tenant t, generate_series({FIRST}, {USERS}) n WHERE t.name = '{TENANT}';
INSERT INTO resource (tenant_id, id, resource_type, name_key, source, mapping_state, mapping_revision, version, created_at,
    modified_at)
  SELECT t.id, pg_temp.id(n, '0001'), 'Group', 'g' || n, json_build_object('displayName', 'g' || n)::text, 'same', 0, 1, now(), now()
  FROM tenant t, generate_series(1, 200) n WHERE t.name = '{TENANT}' ON CONFLICT DO NOTHING;
INSERT INTO membership SELECT t.id, pg_temp.id(1 + n % 200, '0001'), pg_temp.id(n, '0000'), 'User', now()
  FROM tenant t, generate_series({FIRST}, {USERS}) n WHERE t.name = '{TENANT}';
INSERT INTO resource_count SELECT id, 'User', 0, {USERS} FROM tenant WHERE name = '{TENANT}'
  ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = excluded.n;
INSERT INTO resource_count SELECT id, 'Group', 0, 200 FROM tenant WHERE name = '{TENANT}'
  ON CONFLICT (tenant_id, resource_type, slot) DO UPDATE SET n = excluded.n;
DROP FUNCTION pg_temp.id;
";

/// Inserts users `u1@corp.test` and so on into a tenant without users.
pub async fn fill(owner: &tokio_postgres::Client, tenant: &str, users: u32) {
    owner.batch_execute(&sql(tenant, 1, users)).await.unwrap();
}

/// The SQL that inserts users `u{first}@corp.test` to `u{last}@corp.test` into a tenant that has those before.
#[must_use]
pub fn sql(tenant: &str, first: u32, last: u32) -> String {
    FILL.replace("{FIRST}", &first.to_string()).replace("{USERS}", &last.to_string()).replace("{TENANT}", tenant)
}

/// The id of user `u{number}@corp.test`.
#[must_use]
pub fn id(number: u32) -> String {
    format!("0198c0de-0000-7000-8000-{number:012x}")
}
