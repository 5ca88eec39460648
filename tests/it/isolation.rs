//! Row-level security alone: under the tenant role without the right setting no tenant's row can be read, changed or
//! inserted. And every unique key contains the tenant, so that tables can be partitioned by it.

mod partitioned;

use std::collections::BTreeMap;

use pglite_oxide::PgliteServer;
use scimgate_tests::database::{self, Fresh, migrations};
use scimgate_tests::harness::{block_on, in_own_process};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use self::partitioned::partitioned;

const ACME: &str = "00000000-0000-7000-8000-00000000aaaa";
const GLOBEX: &str = "00000000-0000-7000-8000-00000000bbbb";
const NOBODY: &str = "00000000-0000-7000-8000-00000000cccc";

/// A row in each tenant table. `$T` is the tenant.
const ROWS: &str = include_str!("isolation/rows.sql");

/// The accepted errors: the setting is missing, or is not a UUID, or the policy refuses.
const REFUSALS: [SqlState; 3] =
    [SqlState::UNDEFINED_OBJECT, SqlState::INVALID_TEXT_REPRESENTATION, SqlState::INSUFFICIENT_PRIVILEGE];

/// A tenant table and its column with the tenant.
struct TenantTable {
    table: String,
    column: String,
}

/// Every table with a `tenant_id`, and `tenant` itself: read from the catalogue, so that a new table is included.
async fn tenant_tables(owner: &Client) -> Vec<TenantTable> {
    let sql = "SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND (a.attname = 'tenant_id' OR c.relname = 'tenant' AND a.attname = 'id') ORDER BY 1";
    let rows = owner.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| TenantTable { table: row.get(0), column: row.get(1) }).collect()
}

/// The number of rows and a digest of each table, as the owner sees it.
async fn contents(owner: &Client, tables: &[TenantTable]) -> BTreeMap<String, (i64, String)> {
    owner.batch_execute("RESET ROLE").await.unwrap();
    let mut all = BTreeMap::new();
    for TenantTable { table, .. } in tables {
        let sql =
            format!("SELECT count(*), coalesce(md5(string_agg(t::text, '' ORDER BY t::text)), '') FROM {table} t");
        let row = owner.query_one(&sql, &[]).await.unwrap();
        all.insert(table.clone(), (row.get(0), row.get(1)));
    }
    all
}

/// Settings that are not the row's tenant. The missing one must be first: a session cannot unset a setting again.
fn wrong_settings() -> [(&'static str, String); 4] {
    [
        ("without the setting", String::new()),
        ("with an empty setting", "SET scimgate.tenant_id = ''".into()),
        ("with a setting that is not a UUID", "SET scimgate.tenant_id = '%'".into()),
        ("as an unknown tenant", format!("SET scimgate.tenant_id = '{NOBODY}'")),
    ]
}

/// An INSERT of a copy of a tenant's row.
async fn insert_of_copy(owner: &Client, it: &TenantTable) -> String {
    let TenantTable { table, column } = it;
    owner.batch_execute("RESET ROLE").await.unwrap();
    let sql = format!("SELECT to_jsonb(t)::text FROM {table} t WHERE {column} = '{ACME}' LIMIT 1");
    let row: String = owner.query_one(&sql, &[]).await.unwrap().get(0);
    let row = row.replace('\'', "''");
    format!("INSERT INTO {table} SELECT * FROM jsonb_populate_record(NULL::{table}, '{row}')")
}

/// Fails if the statement affects a row. A duplicate key is not an accepted error either, since it reveals the row.
async fn must_do_nothing(client: &Client, who: &str, sql: &str) {
    match client.execute(sql, &[]).await {
        Ok(0) => {}
        Ok(rows) => panic!("{who}, this affected {rows} rows: {sql}"),
        Err(error) => {
            let code = error.code().cloned();
            assert!(
                code.is_some_and(|code| REFUSALS.contains(&code)),
                "{who}, this was refused for another reason: {sql}: {error:?}"
            );
        }
    }
}

/// Tries every statement under every wrong setting, on the owner's connection.
async fn check_wrong_settings(client: &Client) {
    for tenant in [ACME, GLOBEX] {
        client.batch_execute(&ROWS.replace("$T", tenant)).await.unwrap();
    }
    let tables = tenant_tables(client).await;
    assert!(tables.len() > 12, "the tenant tables are found");
    let before = contents(client, &tables).await;
    for (table, (rows, _)) in &before {
        assert_eq!(*rows, 2, "{table} must have a row of each tenant: add it to ROWS");
    }
    let mut inserts = Vec::new();
    for it in &tables {
        inserts.push(insert_of_copy(client, it).await);
    }
    for (who, setting) in wrong_settings() {
        for (TenantTable { table, column }, insert) in tables.iter().zip(&inserts) {
            client.batch_execute(&format!("SET ROLE scimgate_tenant; {setting}")).await.unwrap();
            must_do_nothing(client, who, &format!("SELECT * FROM {table}")).await;
            must_do_nothing(client, who, &format!("SELECT * FROM {table} WHERE {column} = '{ACME}'")).await;
            must_do_nothing(client, who, &format!("SELECT * FROM {table} FOR UPDATE")).await;
            must_do_nothing(client, who, &format!("UPDATE {table} SET {column} = '{NOBODY}'")).await;
            must_do_nothing(client, who, &format!("DELETE FROM {table}")).await;
            must_do_nothing(client, who, &format!("TRUNCATE {table} CASCADE")).await;
            must_do_nothing(client, who, insert).await;
        }
        assert_eq!(contents(client, &tables).await, before, "{who}");
    }
}

/// With the right setting a tenant reads its own rows, and cannot change another tenant's or give its own away.
async fn check_two_tenants(client: &Client) {
    let tables = tenant_tables(client).await;
    let before = contents(client, &tables).await;
    for it in &tables {
        let TenantTable { table, column } = it;
        let insert = insert_of_copy(client, it).await;
        let setting = format!("SET ROLE scimgate_tenant; SET scimgate.tenant_id = '{GLOBEX}'");
        client.batch_execute(&setting).await.unwrap();
        let rows = client.query(&format!("SELECT {column}::text FROM {table}"), &[]).await.unwrap();
        let owners: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(owners, [GLOBEX], "a tenant sees only its own row of {table}");
        let who = "as another tenant";
        must_do_nothing(client, who, &format!("SELECT * FROM {table} WHERE {column} = '{ACME}'")).await;
        must_do_nothing(client, who, &format!("UPDATE {table} SET {column} = '{GLOBEX}' WHERE {column} = '{ACME}'"))
            .await;
        must_do_nothing(client, who, &format!("DELETE FROM {table} WHERE {column} = '{ACME}'")).await;
        must_do_nothing(client, who, &format!("UPDATE {table} SET {column} = '{NOBODY}'")).await;
        must_do_nothing(client, who, &insert).await;
    }
    assert_eq!(contents(client, &tables).await, before);
}

#[test]
fn row_level_security_hides_other_tenants_on_postgres() {
    block_on(async {
        let fresh = Fresh::migrated().await;
        let client = fresh.owner().await;
        check_wrong_settings(&client).await;
        check_two_tenants(&client).await;
        fresh.drop().await;
    });
}

#[test]
fn row_level_security_hides_other_tenants_on_the_embedded_database() {
    in_own_process(|| {
        // Its start and its end each build a runtime.
        let server = PgliteServer::builder().temporary().start().unwrap();
        block_on(async {
            let client = database::owner(&server.database_url()).await;
            client.batch_execute(&migrations()).await.unwrap();
            check_wrong_settings(&client).await;
            check_two_tenants(&client).await;
        });
        drop(server);
    });
}

/// Since PostgreSQL 16 a role with CREATEROLE must grant itself a role that it created before it can set it. The embedded
/// database has that rule, an older server does not.
#[test]
fn a_role_with_createrole_migrates_and_can_set_the_roles_it_creates() {
    in_own_process(|| {
        let server = PgliteServer::builder().temporary().start().unwrap();
        block_on(async {
            let client = database::owner(&server.database_url()).await;
            let role = "CREATE ROLE gate CREATEROLE; GRANT USAGE, CREATE ON SCHEMA public TO gate; SET SESSION AUTHORIZATION gate";
            client.batch_execute(role).await.unwrap();
            client.batch_execute(&migrations()).await.unwrap();
            for role in ["scimgate_tenant", "scimgate_control"] {
                client.batch_execute(&format!("BEGIN; SET LOCAL ROLE {role}; COMMIT")).await.unwrap();
            }
        });
        drop(server);
    });
}

#[test]
fn every_tenant_table_forces_row_level_security() {
    block_on(async {
        let fresh = Fresh::migrated().await;
        let client = fresh.owner().await;
        for TenantTable { table, .. } in tenant_tables(&client).await {
            let sql =
                format!("SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = '{table}'::regclass");
            let row = client.query_one(&sql, &[]).await.unwrap();
            assert!(row.get::<_, bool>(0), "{table} has no row-level security");
            assert!(row.get::<_, bool>(1), "{table} does not force it on its owner");
        }
        let sql = "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'scimgate\\_%' AND (rolsuper OR rolbypassrls)";
        assert!(client.query(sql, &[]).await.unwrap().is_empty(), "no role of ours bypasses row-level security");
        fresh.drop().await;
    });
}

/// The root key, the signing keys and the operator keys belong to no tenant.
#[test]
fn a_tenant_cannot_read_the_installations_keys() {
    block_on(async {
        let fresh = Fresh::migrated().await;
        let client = fresh.owner().await;
        client.batch_execute(&format!("SET ROLE scimgate_tenant; SET scimgate.tenant_id = '{ACME}'")).await.unwrap();
        for table in ["root_key", "operator_key", "signing_key"] {
            for sql in ["SELECT * FROM $", "SELECT count(*) FROM $", "DELETE FROM $", "UPDATE $ SET created_at = now()"]
            {
                let refusal = client.batch_execute(&sql.replace('$', table)).await.unwrap_err();
                assert_eq!(refusal.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{sql} {table}");
            }
        }
        fresh.drop().await;
    });
}

/// The control role works across tenants. Another table on this list is a decision.
#[test]
fn the_control_role_sees_only_the_listed_tables_across_tenants() {
    block_on(async {
        let fresh = Fresh::migrated().await;
        let client = fresh.owner().await;
        client.batch_execute(&ROWS.replace("$T", ACME)).await.unwrap();
        let tables = tenant_tables(&client).await;
        client.batch_execute("SET ROLE scimgate_control").await.unwrap();
        let mut seen = Vec::new();
        let mut changed = Vec::new();
        for TenantTable { table, column } in &tables {
            if client.execute(&format!("SELECT * FROM {table}"), &[]).await.is_ok_and(|rows| rows > 0) {
                seen.push(table.as_str());
            }
            if client.execute(&format!("UPDATE {table} SET {column} = {column}"), &[]).await.is_ok_and(|rows| rows > 0)
            {
                changed.push(table.as_str());
            }
            must_do_nothing(&client, "across tenants", &format!("DELETE FROM {table}")).await;
        }
        let seen_alone = [
            "credential",
            "event",
            "event_head",
            "fold_in",
            "health_traffic",
            "job",
            "mapping_plugin",
            "oauth_client",
            "oauth_secret",
            "plugin_release",
            "resource_count",
            "schema_change",
            "tenant",
            "tenant_health",
            "webhook_delivery",
        ];
        assert_eq!(seen, seen_alone);
        assert_eq!(changed, ["event_head", "resource_count", "tenant"]);
        // An event gets its number, once; nothing else of it changes.
        for refused in ["seq = 2", "seq = NULL", "type = 'x'", "at = now()"] {
            must_do_nothing(&client, "across tenants", &format!("UPDATE event SET {refused}")).await;
        }
        fresh.drop().await;
    });
}

/// What a tenant may do with each table. Another line is a decision.
const GRANTS: &str = "\
announced_grant: delete, insert, select, update
announced_group: delete, insert, select, update
audit: insert
bookmark: delete, insert, select, update
credential: delete, insert, select, update
directory_check: delete, insert, select, update
directory_schema: delete, insert, select, update
erasure_table: insert, select, update
event: delete, insert, select, update
event_head: delete, insert, select, update
event_reader: delete, insert, select, update
fold_in: delete, insert, select, update
group_change: delete, insert, select, update
group_rules: delete, insert, select, update
health_traffic: delete, select
held: delete, insert, select, update
held_batch: delete, insert, select, update
held_member: delete, insert, select
held_reference: delete, insert, select
job: delete, insert, select, update
leniency_use: delete, insert, select, update
mapped_unique: delete, insert, select
mapping_plan: delete, insert, select, update
mapping_plugin: delete, insert, select
mapping_reason: delete, insert, select, update
mapping_revision: delete, insert, select
mapping_shadow: delete, insert, select, update
member_ref: delete, insert, select
membership: delete, insert, select
oauth_client: delete, insert, select
oauth_secret: delete, insert, select
planned_conflict: delete, insert, select
planned_unique: delete, insert, select, update
plugin: select
plugin_release: delete, insert, select
removal_slot: delete, insert, select, update
resource: delete, insert, select, update
resource_count: delete, insert, select, update
resource_key: delete, insert, select
resource_type_definition: delete, insert, select, update
schema_change: delete, insert, select, update
schema_definition: delete, insert, select, update
search_key: delete, insert, select
setup_link: delete, insert, select
tenant: select
tenant_health: delete, select
tombstone_key: delete, insert, select, update
unique_key: delete, insert, select
used_assertion: delete, insert, select
webhook_delivery: delete, select";

/// The columns of these tables that a tenant may not update.
const UNCHANGED: [(&str, &str); 5] = [
    (
        "tenant",
        "burst, created_at, deleted_at, deleted_name, former_names, guard_confirm_from, guard_members, guard_percent, guard_protected, guard_users, id, keep_events, keep_log, keep_tombstones, log_redacted, max_requests, name, rate, state",
    ),
    ("mapping_revision", "author, created_at, note, on_failure, revision, steps, tenant_id"),
    ("oauth_client", "bearer, created_at, id, jwks, label, setup_link, tenant_id, token_seconds"),
    (
        "setup_link",
        "created_at, created_by, credential_days, digest, expires_at, id, label, method, provider, tenant_id",
    ),
    ("plugin_release", "author, created_at, dev, digest, name, source, tenant_id, version"),
];

#[test]
fn a_tenant_may_do_only_what_its_statements_do() {
    block_on(async {
        let fresh = Fresh::migrated().await;
        let sql = "SELECT relname || ': ' || string_agg(lower(privilege), ', ' ORDER BY privilege) FROM pg_class c,
              unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) privilege
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
              AND has_table_privilege('scimgate_tenant', c.oid, privilege) GROUP BY relname ORDER BY relname";
        let grants = fresh.owner().await.query(sql, &[]).await.unwrap();
        let grants: Vec<String> = grants.iter().map(|row| row.get(0)).collect();
        assert_eq!(grants.join("\n"), GRANTS);
        for (table, expected) in UNCHANGED {
            let sql = format!(
                "SELECT string_agg(attname, ', ' ORDER BY attname) FROM pg_attribute WHERE attrelid = '{table}'::regclass
                AND attnum > 0 AND NOT has_column_privilege('scimgate_tenant', attrelid, attnum, 'UPDATE')"
            );
            let unchanged: String = fresh.owner().await.query_one(&sql, &[]).await.unwrap().get(0);
            assert_eq!(unchanged, expected, "{table}");
        }
        fresh.drop().await;
    });
}

/// PostgreSQL requires of a partitioned table, like distributed databases, that every unique key contains the partition's
/// column.
#[test]
fn every_tenant_table_can_be_partitioned_by_tenant() {
    block_on(async {
        // The roles belong to the server; this creates them.
        let whole = Fresh::migrated().await;
        let fresh = Fresh::empty().await;
        let client = fresh.owner().await;
        client.batch_execute(&partitioned(&migrations())).await.unwrap();
        let sql = "SELECT relname::text FROM pg_class WHERE relkind = 'p' ORDER BY 1";
        let partitioned_tables: Vec<String> =
            client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        let every = tenant_tables(&whole.owner().await).await;
        let every: Vec<String> = every.into_iter().map(|it| it.table).filter(|table| table != "tenant").collect();
        assert_eq!(partitioned_tables, every, "each tenant table is partitioned");
        for tenant in [ACME, GLOBEX] {
            client.batch_execute(&ROWS.replace("$T", tenant)).await.unwrap();
        }

        let wrong = partitioned("CREATE TABLE wrong (\n  tenant_id uuid NOT NULL,\n  id uuid PRIMARY KEY\n);\n");
        let refusal = client.batch_execute(&wrong).await.unwrap_err();
        assert_eq!(
            refusal.code(),
            Some(&SqlState::FEATURE_NOT_SUPPORTED),
            "a key without the tenant is refused: {refusal:?}"
        );
        fresh.drop().await;
        whole.drop().await;
    });
}
