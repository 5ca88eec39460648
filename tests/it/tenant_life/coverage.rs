//! Every table is covered: a new one with rows of tenants is erased, or the erasure says that it cannot be finished.

use std::collections::BTreeSet;

use scimgate_tests::database::Fresh;
use scimgate_tests::harness::block_on;
use scimgate_tests::{Database, TestGateway, poll};
use tokio_postgres::Client;

use super::{assert_no_rows, begin, finished};

const ROWS: &str = include_str!("../isolation/rows.sql");

/// Tables of the installation, which have no rows of a tenant. Of `audit`, `erasure` and `erasure_table` an erased tenant keeps its id;
/// of `plugin`, with `plugin_artifact`, what it alone has released is deleted.
const OF_NO_TENANT: [&str; 11] = [
    "audit",
    "erasure",
    "erasure_table",
    "lease",
    "operator_key",
    "plugin",
    "plugin_artifact",
    "root_key",
    "schema_history",
    "signing_key",
    "tenant",
];

/// Tables whose every new row depends on the tenant's schema revision, or on a row of `resource`: see V31. Row-level security does not
/// check them, which would cost each write.
const CHECKED_BY_STATEMENTS: [&str; 9] = [
    "event",
    "group_change",
    "member_ref",
    "membership",
    "resource",
    "resource_count",
    "resource_key",
    "search_key",
    "unique_key",
];

async fn names(owner: &Client, sql: &str) -> BTreeSet<String> {
    owner.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

const TABLES: &str = "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace";

/// A new table is one of a tenant, by its column `tenant_id`, or a decision.
#[test]
fn every_table_is_erased_or_has_no_rows_of_tenants() {
    block_on(async {
        let fresh = Fresh::migrated().await;
        let owner = fresh.owner().await;
        let erased = names(&owner, "SELECT name FROM tenant_tables()").await;
        let rest: Vec<String> =
            names(&owner, TABLES).await.into_iter().filter(|table| !erased.contains(table)).collect();
        assert_eq!(rest, OF_NO_TENANT);
        fresh.drop().await;
    });
}

/// The tenant's role may delete what there is of a deleted tenant, and add nothing.
#[test]
fn the_rows_of_a_deleted_tenant_can_be_deleted_and_none_can_be_added() {
    block_on(async {
        let fresh = Fresh::migrated().await;
        let owner = fresh.owner().await;
        let deletable =
            "SELECT name FROM tenant_tables() WHERE NOT has_table_privilege('scimgate_tenant', name, 'DELETE')";
        assert_eq!(names(&owner, deletable).await, BTreeSet::new(), "grant DELETE on these to scimgate_tenant");
        let guarded =
            "SELECT polrelid::regclass::text FROM pg_policy WHERE polname = 'not_deleted' AND NOT polpermissive";
        let mut guarded = names(&owner, guarded).await;
        assert!(guarded.remove("audit"));
        guarded.extend(CHECKED_BY_STATEMENTS.map(str::to_owned));
        assert_eq!(
            guarded,
            names(&owner, "SELECT name FROM tenant_tables()").await,
            "left: with the policy not_deleted"
        );
        // By an index: without one, every batch would read the rows of all tenants.
        let unindexed = "SELECT DISTINCT t.name FROM tenant_tables() t WHERE t.name <> 'event' AND NOT EXISTS (SELECT 1 FROM pg_index i
          JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
          WHERE i.indrelid = t.name::regclass AND i.indpred IS NULL AND a.attname = 'tenant_id')";
        assert_eq!(names(&owner, unindexed).await, BTreeSet::new(), "an index that begins with tenant_id");
        fresh.drop().await;
    });
}

/// Rows in every table, of two tenants.
#[test]
fn rows_in_every_table_are_erased_and_those_of_others_stay() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let owner = gateway.store().await;
        let [acme, globex] = ["00000000-0000-7000-8000-00000000aaaa", "00000000-0000-7000-8000-00000000bbbb"];
        for tenant in [acme, globex] {
            owner.batch_execute(&ROWS.replace("$T", tenant)).await.unwrap();
        }
        let of_globex = async || {
            let mut all = Vec::new();
            for table in names(&owner, "SELECT name FROM tenant_tables()").await {
                let sql = format!("SELECT t::text FROM {table} t WHERE tenant_id = '{globex}'");
                let rows = owner.query(&sql, &[]).await.unwrap();
                assert!(!rows.is_empty(), "{table} must have a row of each tenant: add it to isolation/rows.sql");
                // Background jobs of the gateway work at these.
                if !["job", "fold_in", "schema_change", "event_head"].contains(&table.as_str()) {
                    all.extend(rows.iter().map(|row| format!("{table} {}", row.get::<_, &str>(0))));
                }
            }
            all
        };
        let before = of_globex().await;
        let erasure = finished(&gateway, &begin(&gateway, "taaaa").await).await;
        let tables = assert_no_rows(&owner, acme).await;
        assert_eq!(erasure["proof"], serde_json::json!({ "tables": tables, "rows": 0 }));
        assert_eq!(of_globex().await, before);
        gateway.end().await;
    });
}

#[test]
fn a_table_that_cannot_be_erased_is_named_and_nothing_is_called_finished() {
    block_on(async {
        let gateway = TestGateway::start(Database::Postgres).await;
        let _ = gateway.plain_tenant("acme").await;
        let owner = gateway.store().await;
        let table =
            "CREATE TABLE extra (tenant_id uuid PRIMARY KEY, note text); INSERT INTO extra SELECT id, 'x' FROM tenant";
        owner.batch_execute(table).await.unwrap();
        let id = begin(&gateway, "acme").await;
        let problem = poll("the erasure is stopped", async || {
            let erasure = gateway.operator.get(&format!("/erasures/{id}")).await.expect(200).body;
            assert_eq!(erasure["state"], "running");
            erasure["problem"].as_str().map(str::to_owned)
        })
        .await;
        assert!(problem.contains("extra"), "{problem}");
        owner.batch_execute("GRANT SELECT, DELETE ON extra TO scimgate_tenant").await.unwrap();
        let erasure = finished(&gateway, &id).await;
        assert_eq!((&erasure["problem"], &erasure["proof"]["rows"]), (&serde_json::Value::Null, &serde_json::json!(0)));
        let _ = assert_no_rows(&owner, &id).await;
        gateway.end().await;
    });
}
