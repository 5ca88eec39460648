//! The version before knows no releases: what it stored, what its replicas still store beside this version, and what the database
//! refuses whatever a statement says.

use scimgate::store::postgres::migrate::{MIGRATIONS, in_transaction};
use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::plugins::Plain;
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::json;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::{draft, push, text};

on_postgres!(a_replica_of_the_version_before_goes_on_uploading_and_drafting, a_tenant_changes_only_its_own_releases);

/// The version before the registry.
const BEFORE: i32 = 23;
/// Its statements.
const UPLOAD: &str = r#"INSERT INTO plugin (digest, name, version, manifest, wasm, created_at)
    VALUES ($1, $2, $3, '{"name":"house","version":"0.1.0","resourceTypes":["User"],"configSchema":{}}', '', now())
    ON CONFLICT (digest) DO NOTHING"#;
const DRAFT: &str = "INSERT INTO mapping_revision (tenant_id, revision, on_failure, steps, created_at, draft)
    SELECT id, $2, 'refuse', $3, now(), true FROM tenant WHERE name = $1";

async fn releases(owner: &Client) -> Vec<String> {
    let sql = "SELECT name || '@' || version || ' ' || left(digest, 1) FROM plugin_release ORDER BY 1";
    owner.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

fn digest(digit: char) -> String {
    digit.to_string().repeat(64)
}

#[test]
fn plugins_and_mappings_of_the_version_before_are_taken_over() {
    block_on(async {
        let database = Fresh::empty().await;
        let owner = database.owner().await;
        let role = format!("migrator_{}", uuid::Uuid::new_v4().simple());
        let name: String = owner.query_one("SELECT current_database()::text", &[]).await.unwrap().get(0);
        let prepare = format!(
            "CREATE ROLE {role} NOSUPERUSER CREATEROLE; ALTER DATABASE {name} OWNER TO {role}; ALTER SCHEMA public OWNER TO {role}; \
             DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'scimgate_tenant') THEN \
             GRANT scimgate_tenant, scimgate_control TO {role} WITH ADMIN OPTION; END IF; END $$; SET ROLE {role}"
        );
        owner.batch_execute(&prepare).await.unwrap();
        for (_, _, sql) in MIGRATIONS.iter().filter(|(version, ..)| *version <= BEFORE) {
            owner.batch_execute(&format!("BEGIN; {}; COMMIT", in_transaction(sql))).await.unwrap();
        }
        owner.batch_execute("RESET ROLE; INSERT INTO tenant (id, name, created_at, modified_at) VALUES (gen_random_uuid(), 'acme', now(), now())").await.unwrap();
        // The version before took the same version with other bytes.
        for (digit, version) in [('a', "0.1.0"), ('b', "0.1.0"), ('c', "0.2.0")] {
            owner.execute(UPLOAD, &[&digest(digit), &"house", &version]).await.unwrap();
        }
        let steps =
            json!([{ "plugin": digest('b') }, { "plugin": digest('c') }, { "plugin": digest('b') }]).to_string();
        owner.execute(DRAFT, &[&"acme", &1, &steps]).await.unwrap();
        owner.execute(DRAFT, &[&"acme", &2, &"[]"]).await.unwrap();
        owner.batch_execute(&format!("SET ROLE {role}")).await.unwrap();
        for (_, _, sql) in MIGRATIONS.iter().filter(|(version, ..)| *version > BEFORE) {
            owner.batch_execute(&format!("BEGIN; {}; COMMIT", in_transaction(sql))).await.unwrap();
        }
        owner.batch_execute("RESET ROLE").await.unwrap();
        assert_eq!(releases(&owner).await, ["house@0.1.0 a", "house@0.1.0+sha256-bbbbbbbbbbbb b", "house@0.2.0 c"]);
        let uses = "SELECT revision || ' ' || name || '@' || version FROM mapping_plugin ORDER BY 1";
        let uses: Vec<String> = owner.query(uses, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
        assert_eq!(uses, ["1 house@0.1.0+sha256-bbbbbbbbbbbb", "1 house@0.2.0"]);
        let forced = "SELECT count(*) FROM pg_class WHERE relname IN ('mapping_revision', 'plugin', 'plugin_release', 'mapping_plugin') \
                      AND relrowsecurity AND relforcerowsecurity";
        assert_eq!(owner.query_one(forced, &[]).await.unwrap().get::<_, i64>(0), 4);
        database.drop().await;
    });
}

async fn a_replica_of_the_version_before_goes_on_uploading_and_drafting(gateway: &TestGateway) {
    for tenant in ["acme", "globex"] {
        let _ = gateway.plain_tenant(tenant).await;
    }
    let own = push(gateway, &Plain::new("own", "1.0.0", ""), "?tenant=acme").await.expect(201);
    let own = text(&own, "digest").to_owned();
    let older = gateway.store().await;
    older.batch_execute("SET ROLE scimgate_control").await.unwrap();
    for (digit, version) in [('a', "0.1.0"), ('b', "0.1.0"), ('a', "0.1.0")] {
        older.execute(UPLOAD, &[&digest(digit), &"house", &version]).await.unwrap();
    }
    older.batch_execute("RESET ROLE").await.unwrap();
    let own_release = format!("own@1.0.0 {}", &own[..1]);
    assert_eq!(releases(&older).await, ["house@0.1.0 a", "house@0.1.0+sha256-bbbbbbbbbbbb b", &own_release]);
    for tenant in ["acme", "globex"] {
        let id: uuid::Uuid = older.query_one("SELECT id FROM tenant WHERE name = $1", &[&tenant]).await.unwrap().get(0);
        older.batch_execute(&format!("SET scimgate.tenant_id = '{id}'; SET ROLE scimgate_tenant")).await.unwrap();
        let steps = json!([{ "plugin": digest('b') }]).to_string();
        older.execute(DRAFT, &[&tenant, &1, &steps]).await.unwrap();
        // Another tenant's plugin, and one that is not there, are refused by the database.
        for (plugin, revision) in [(own.clone(), 2), (digest('d'), 3)] {
            let steps = json!([{ "plugin": plugin }]).to_string();
            let drafted = older.execute(DRAFT, &[&tenant, &revision, &steps]).await;
            match drafted {
                Ok(1) => assert_eq!((tenant, revision), ("acme", 2)),
                Ok(rows) => panic!("{rows} rows"),
                Err(refusal) => assert_eq!(refusal.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE)),
            }
        }
        older.batch_execute("RESET ROLE").await.unwrap();
    }
    let refusal =
        gateway.operator.delete(&format!("/plugins/house/0.1.0%2Bsha256-{}", "b".repeat(12))).await.expect(409);
    let detail = text(&refusal, "detail");
    assert!(detail.contains("revision 1 of acme (draft), revision 1 of globex (draft)"), "{detail}");
}

async fn a_tenant_changes_only_its_own_releases(gateway: &TestGateway) {
    for tenant in ["acme", "globex"] {
        let _ = gateway.plain_tenant(tenant).await;
    }
    let _ = push(gateway, &Plain::new("all", "1.0.0", ""), "").await.expect(201);
    let _ = push(gateway, &Plain::new("own", "1.0.0", "acme"), "?tenant=acme").await.expect(201);
    let _ = push(gateway, &Plain::new("own", "1.0.0", "globex"), "?tenant=globex").await.expect(201);
    let _ = draft(gateway, "acme", "own").await.expect(201);
    let client = gateway.store().await;
    let id: uuid::Uuid = client.query_one("SELECT id FROM tenant WHERE name = 'globex'", &[]).await.unwrap().get(0);
    client.batch_execute(&format!("SET scimgate.tenant_id = '{id}'; SET ROLE scimgate_tenant")).await.unwrap();
    let seen =
        client.query("SELECT name || ' ' || (tenant_id = $1) FROM plugin_release ORDER BY 1", &[&id]).await.unwrap();
    let seen: Vec<String> = seen.iter().map(|row| row.get(0)).collect();
    assert_eq!(seen, ["all false", "own true"]);
    assert_eq!(client.query("SELECT 1 FROM plugin", &[]).await.unwrap().len(), 2, "the bytes of those two alone");
    for (sql, rows) in [
        ("UPDATE plugin_release SET yanked_at = now() WHERE name = 'all'", 0),
        ("DELETE FROM plugin_release WHERE name = 'all'", 0),
        ("UPDATE plugin_release SET yanked_at = now() WHERE name = 'own'", 1),
    ] {
        assert_eq!(client.execute(sql, &[]).await.unwrap(), rows, "{sql}");
    }
    let nil = uuid::Uuid::nil();
    let insert = "INSERT INTO plugin_release (tenant_id, name, version, digest, dev, created_at) SELECT $1, 'new', '1.0.0', digest, false, now() FROM plugin LIMIT 1";
    let refusal = client.execute(insert, &[&nil]).await.unwrap_err();
    assert_eq!(refusal.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "a release of all tenants");
    // A revision uses its tenant's own releases and those of all.
    client.batch_execute("RESET ROLE").await.unwrap();
    let acme = "INSERT INTO mapping_plugin SELECT $1, 9, digest, tenant_id, name, version FROM plugin_release WHERE name = 'own' AND tenant_id <> $1";
    let refusal = client.execute(acme, &[&id]).await.unwrap_err();
    assert_eq!(refusal.code(), Some(&SqlState::CHECK_VIOLATION));
    client.batch_execute("SET ROLE scimgate_control").await.unwrap();
    assert_eq!(
        client.execute("DELETE FROM plugin_release WHERE name = 'own'", &[]).await.unwrap(),
        0,
        "the control role changes those of all"
    );
    client.batch_execute("RESET ROLE").await.unwrap();
}
