//! The life of a tenant: its end, how long it keeps what is deleted, and its name.

mod coverage;
mod erase;
mod rename;
mod retention;
mod writers;

use scimgate_tests::{TestGateway, poll};
use serde_json::{Value, json};

/// Asks for a tenant's erasure; returns the tenant's id.
pub(crate) async fn begin(gateway: &TestGateway, name: &str) -> String {
    let path = format!("/tenants/{name}/erasure");
    let begun = gateway.operator.post(&path, &json!({ "confirm": name })).await.expect(202).body;
    assert!(["running", "finished"].contains(&begun["state"].as_str().unwrap()), "{begun}");
    begun["tenant"].as_str().unwrap().to_owned()
}

/// The erasure once it has ended.
pub(crate) async fn finished(gateway: &TestGateway, id: &str) -> Value {
    poll("the erasure has ended", async || {
        let erasure = gateway.operator.get(&format!("/erasures/{id}")).await.expect(200).body;
        (erasure["state"] == "finished").then_some(erasure)
    })
    .await
}

/// Checks that the database has no row of the tenant in any table of tenants, and returns the number of tables.
pub(crate) async fn assert_no_rows(owner: &tokio_postgres::Client, id: &str) -> usize {
    let tables = owner.query("SELECT DISTINCT name FROM tenant_tables()", &[]).await.unwrap();
    for table in &tables {
        let table: &str = table.get(0);
        let sql = format!("SELECT count(*) FROM {table} WHERE tenant_id = '{id}'");
        assert_eq!(owner.query_one(&sql, &[]).await.unwrap().get::<_, i64>(0), 0, "{table}");
    }
    tables.len()
}

/// The text of every row of every table, as a dump has it, with each table's name.
pub(crate) async fn dump(owner: &tokio_postgres::Client) -> Vec<(String, String)> {
    let sql = "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace ORDER BY 1";
    let mut all = Vec::new();
    for table in owner.query(sql, &[]).await.unwrap() {
        let table: String = table.get(0);
        let rows = owner.query(&format!("SELECT t::text FROM {table} t"), &[]).await.unwrap();
        let text = rows.iter().map(|row| row.get::<_, &str>(0)).collect::<Vec<_>>().join("\n");
        all.push((table, text));
    }
    all
}
