//! Plans of every statement of the store, prepared while the tables were empty and never analysed: the number of rows that each
//! reads is bounded by the number that it returns, however many there are.

mod jobs;
mod mappings;
mod requests;
mod source;

use std::collections::{BTreeMap, BTreeSet};

use pglite_oxide::{PgliteServer, extensions};
use scimgate_tests::cluster::Cluster;
use scimgate_tests::database::connect;
use scimgate_tests::harness::{block_on, in_own_process};
use scimgate_tests::tap::Tap;
use scimgate_tests::{TestGateway, many_users};
use serde_json::Value;

/// Users after each filling. The embedded database plans as the server does, so it is filled less: it needs minutes for the last.
const SIZES: [u32; 3] = [100, 10_000, 100_000];
const EMBEDDED_SIZES: [u32; 2] = [100, 5_000];
/// Rows that a statement may read, besides some for each row that it returns.
const MAX_READ: u64 = 400;
const MAX_READ_PER_ROW: u64 = 8;

/// What is stored besides users and groups: a tenth as many tombstones and references, as many events and places of pages, and
/// other tenants. One group has all users, and one user is in all groups.
const FILL_MORE: &str = "
INSERT INTO resource (tenant_id, id, resource_type, name_key, external_id, active, source, mapping_state, mapping_revision,
    version, created_at, modified_at, deleted_at)
  SELECT t.id, gen_random_uuid(), 'User', 'gone' || n, 'gone' || n, true, '{}', 'same', 0, 2, now(), now(), now()
  FROM tenant t, generate_series({FIRST}, {LAST}, 10) n WHERE t.name = 'acme';
INSERT INTO tombstone_key SELECT tenant_id, resource_type, 'externalId', external_id, id, deleted_at FROM resource
  WHERE deleted_at IS NOT NULL AND external_id LIKE 'gone%' ON CONFLICT DO NOTHING;
INSERT INTO member_ref SELECT t.id, ('0198c0de-0001-7000-8000-' || lpad(to_hex(1 + n % 200), 12, '0'))::uuid, 'later' || n, 'later' || n, now()
  FROM tenant t, generate_series({FIRST}, {LAST}, 10) n WHERE t.name = 'acme';
INSERT INTO membership SELECT t.id, '0198c0de-0001-7000-8000-0000000000c8', ('0198c0de-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
    'User', now() FROM tenant t, generate_series({FIRST}, {LAST}) n WHERE t.name = 'acme' ON CONFLICT DO NOTHING;
INSERT INTO membership SELECT t.id, ('0198c0de-0001-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, '0198c0de-0000-7000-8000-00000000000a',
    'User', now() FROM tenant t, generate_series(1, 200) n WHERE t.name = 'acme' ON CONFLICT DO NOTHING;
INSERT INTO group_change SELECT t.id, gen_random_uuid(), 0, 1, now() FROM tenant t, generate_series({FIRST}, {LAST}, 10) n WHERE t.name = 'acme';
WITH h AS (UPDATE event_head h SET last_seq = last_seq + {LAST} - {FIRST} + 1 FROM tenant t
  WHERE t.name = 'acme' AND h.tenant_id = t.id RETURNING h.tenant_id, h.last_seq)
INSERT INTO event (tenant_id, seq, type, resource_type, resource_id, version, actor, request_id, at)
  SELECT h.tenant_id, h.last_seq - {LAST} + n, 'user.created', 'User', gen_random_uuid(), 1, 'test', 'test', now()
  FROM h, generate_series({FIRST}, {LAST}) n;
INSERT INTO bookmark (tenant_id, walk, next_index, begun, after_id, total, at)
  SELECT t.id, sha256(n::text::bytea), 1, gen_random_uuid(), gen_random_uuid(), 1, now() FROM tenant t, generate_series({FIRST}, {LAST}) n WHERE t.name = 'acme';
INSERT INTO mapping_reason SELECT t.id, gen_random_uuid(), 'excluded', 1, 1, 'p', 'r', now(), now(), 'a', 'r'
  FROM tenant t, generate_series({FIRST}, {LAST}, 10) n WHERE t.name = 'acme';
INSERT INTO held (tenant_id, id, resource_type, batch_id, kind, event, source, next_state, next_revision, since, at, actor, request_id)
  SELECT t.id, gen_random_uuid(), 'User', '0198c0de-0002-7000-8000-000000000001', 'excluded', 'user.deleted', '{}', 'excluded', 1, now(), now(), 'a', 'r'
  FROM tenant t, generate_series({FIRST}, {LAST}, 10) n WHERE t.name = 'acme';
INSERT INTO held_member (tenant_id, group_id, member_id, member_type, batch_id, at, actor, request_id)
  SELECT t.id, gen_random_uuid(), gen_random_uuid(), 'User', '0198c0de-0002-7000-8000-000000000001', now(), 'a', 'r'
  FROM tenant t, generate_series({FIRST}, {LAST}, 10) n WHERE t.name = 'acme';
INSERT INTO mapped_unique (tenant_id, resource_type, attribute, key, id, seen, next)
  SELECT t.id, 'User', '0 title', 'filled' || n, gen_random_uuid(), true, true FROM tenant t, generate_series({FIRST}, {LAST}) n WHERE t.name = 'acme';
INSERT INTO planned_unique (tenant_id, run, resource_type, attribute, key, id)
  SELECT t.id, j.id, 'User', '0 title', 'filled' || n, gen_random_uuid() FROM tenant t JOIN job j ON j.tenant_id = t.id AND j.kind = 'reconcile',
  generate_series({FIRST}, {LAST}, 10) n WHERE t.name = 'acme';
INSERT INTO planned_conflict (tenant_id, run, id)
  SELECT t.id, j.id, gen_random_uuid() FROM tenant t JOIN job j ON j.tenant_id = t.id AND j.kind = 'reconcile',
  generate_series({FIRST}, {LAST}, 10) n WHERE t.name = 'acme';
INSERT INTO announced_grant (tenant_id, group_id, member_id, grants)
  SELECT t.id, gen_random_uuid(), gen_random_uuid(), '[]' FROM tenant t, generate_series({FIRST}, {LAST}, 10) n WHERE t.name = 'acme';
INSERT INTO provisioning_log (tenant_id, id, request_id, operation, status, duration_us, resource_type, resource_id, failed_id)
  SELECT t.id, f.id, 'r', 'patch', CASE n % 10 WHEN 0 THEN 409 ELSE 200 END, 1, 'User',
    ('0198c0de-0000-7000-8000-' || lpad(to_hex(n % 1000), 12, '0'))::uuid, CASE n % 10 WHEN 0 THEN f.id END
  FROM tenant t, generate_series({FIRST}, {LAST}) n,
    LATERAL (SELECT ('0198c0de-' || lpad(to_hex(n / 65536), 4, '0') || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id) f WHERE t.name = 'acme';
INSERT INTO health_traffic (tenant_id, slot, requests, lookups, found, users, groups, others, changed, deleted, failed, throttled, refused, pages, listed, total)
  SELECT t.id, to_timestamp(600 * n), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM tenant t, generate_series({FIRST}, {LAST}) n WHERE t.name = 'acme';
INSERT INTO webhook_delivery (tenant_id, id, target, body, created_at, due_at)
  SELECT t.id, gen_random_uuid(), 'filled', '{}', now(), now() FROM tenant t, generate_series({FIRST}, {LAST}, 10) n WHERE t.name = 'acme';
INSERT INTO held_reference (tenant_id, group_id, value, batch_id)
  SELECT t.id, gen_random_uuid(), 'v', '0198c0de-0002-7000-8000-000000000001' FROM tenant t, generate_series({FIRST}, {LAST}, 10) n WHERE t.name = 'acme';
INSERT INTO tenant (id, name, created_at, modified_at) SELECT gen_random_uuid(), 'x' || n, now(), now() FROM generate_series({FIRST}, {LAST}, 100) n;
INSERT INTO credential (tenant_id, id, scope, digest, last_four, created_at)
  SELECT id, id, 'scim', sha256(id::text::bytea), 'last', now() FROM tenant WHERE name LIKE 'x%' ON CONFLICT DO NOTHING;
INSERT INTO oauth_client (tenant_id, id, token_seconds, issuer, subject, created_at)
  SELECT id, id, 3600, 'https://issuer.test', 'x', now() FROM tenant WHERE name LIKE 'x%' ON CONFLICT DO NOTHING;
INSERT INTO oauth_secret SELECT id, id, id, sha256(id::text::bytea), 'last', now(), now() FROM tenant WHERE name LIKE 'x%' ON CONFLICT DO NOTHING;
INSERT INTO used_assertion SELECT t.id, sha256(n::text::bytea), now() - interval '1 year' FROM tenant t, generate_series({FIRST}, {LAST}, 10) n WHERE t.name = 'acme';
INSERT INTO tenant_health SELECT id, 1, 'healthy', 2, now(), '{}', '{}' FROM tenant WHERE name LIKE 'x%' ON CONFLICT DO NOTHING;
INSERT INTO mapping_revision SELECT id, 1, 'keep', '[]', now() FROM tenant WHERE name LIKE 'x%' ON CONFLICT DO NOTHING;
INSERT INTO job (tenant_id, kind, id, state, revision, after_id, begun_at, moved_at)
  SELECT id, 'reconcile', id, 'finished', 1, id, now(), now() FROM tenant WHERE name LIKE 'x%' ON CONFLICT DO NOTHING;
";

/// Statements that read more, by a part of their text, with the reason.
const UNBOUNDED: &[(&str, &str)] = &[
    ("FROM pg_class c", "reads the catalogue"),
    ("FROM pg_index i JOIN pg_class c", "the same"),
    ("FROM tenant WHERE key_layout", "the last step of an upgrade, over all tenants"),
    ("UPDATE tenant SET key_layout = 2", "the same"),
    ("AND j.kind = 'retention'", "which tenants are to be purged, once in ten minutes, over all tenants"),
    ("r.id IN (SELECT m.member_id", "a filter that is planned each time, by statistics"),
    ("r.name_key >= $", "the same"),
    ("m.type = ANY(", "the same"),
    ("FROM event_head h WHERE h.tenant_id = $1) - $3", "looks through the last MAX_EXAMINED_EVENTS events"),
    ("WITH page AS MATERIALIZED (SELECT id, mapping_revision", "counts pages of 10,000 rows, without their documents"),
    ("FROM held LIMIT 10000", "counts at most 10,000 rows of all tenants, twice a minute"),
    ("state IN ('stale', 'never') LIMIT 10000", "the same"),
    (
        "WITH page AS MATERIALIZED (SELECT id, request_id",
        "looks through 500 rows by time, for those of an operation or a request",
    ),
    ("max(coalesce(keep_log", "the longest retention of a log, once an hour, over all tenants"),
    ("FROM pg_inherits i", "reads the catalogue"),
    ("FROM held x WHERE x.tenant_id = u.id LIMIT", "counts at most 1,000 rows of each of 25 tenants"),
    ("FROM tenant_health h", "counts at most 100,000 tenants, twice a minute"),
    ("SELECT x.cause, x.status", "looks through the last 2,000 failures"),
    ("resource_key k WHERE", "keys of the version before, until an upgrade is finished"),
];
/// SQL that is not sent while plans are reported, with the reason.
const NOT_SENT: &[(&str, &str)] = &[
    ("INSERT INTO root_key", "sent once, when the database is new"),
    ("INSERT INTO event_head", "sent once for a tenant, before its first event is numbered"),
    ("FROM pg_stat_activity a WHERE a.pid", "sent at the start, to a server without room for connections"),
];

/// Rows that a plan read from tables and indexes, including those that it filtered out.
fn rows_read(node: &Value) -> u64 {
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    let own = if node["Relation Name"].is_string() || node["Node Type"] == "Bitmap Index Scan" {
        (number("Actual Rows") + number("Rows Removed by Filter") + number("Rows Removed by Index Recheck"))
            * number("Actual Loops")
    } else {
        0.0
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows")]
    let own = own as u64;
    own + node["Plans"].as_array().into_iter().flatten().map(rows_read).sum::<u64>()
}

/// The plan's scans that read many rows.
fn scans(node: &Value, found: &mut BTreeSet<String>) {
    let below = node["Plans"].as_array().into_iter().flatten();
    let own = rows_read(node) - below.clone().map(rows_read).sum::<u64>();
    if own > MAX_READ {
        found.insert(format!(
            "{} {} {} {}: {own}",
            node["Node Type"], node["Relation Name"], node["Index Name"], node["Index Cond"]
        ));
    }
    below.for_each(|below| scans(below, found));
}

/// What is wrong with plans, one line for each statement.
fn complaints(plans: &[Value]) -> BTreeMap<String, String> {
    let mut wrong = BTreeMap::new();
    for plan in plans {
        let text = plan["Query Text"].as_str().unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of rows")]
        let returned = plan["Plan"]["Actual Rows"].as_f64().unwrap_or_default() as u64;
        let read = rows_read(&plan["Plan"]);
        let is_known = UNBOUNDED.iter().any(|(part, _)| text.contains(part));
        if read > MAX_READ + MAX_READ_PER_ROW * returned && !is_known {
            let mut found = BTreeSet::new();
            scans(&plan["Plan"], &mut found);
            wrong.insert(text.to_owned(), format!("{read} rows read for {returned}: {found:?}"));
        }
    }
    wrong
}

/// Fills a database at an address from empty, and sends every statement at each size.
async fn check(url: &str, sizes: &[u32]) {
    let store = connect(url, 1);
    store.migrate().await.unwrap();
    drop(store);
    let tap = Tap::start(url).await;
    let gateway = TestGateway::over(&tap.url).await;
    let tenant = gateway.plain_tenant("acme").await;
    let _ = tap.run("INSERT INTO lease VALUES ('statistics', gen_random_uuid(), 'infinity')").await;
    tap.report_plans().await;
    let mut executed = String::new();
    let mut wrong = Vec::new();
    requests::send_all((&tap, &gateway), &tenant, "empty").await;
    let mut first = 1;
    for &last in sizes {
        let begun = std::time::Instant::now();
        // In parts: the gateway's own requests meanwhile have a time limit.
        for from in (first..=last).step_by(2_000) {
            let to = last.min(from + 1_999);
            let sql = many_users::sql("acme", from, to) + FILL_MORE;
            let _ = tap.run(&sql.replace("{FIRST}", &from.to_string()).replace("{LAST}", &to.to_string())).await;
        }
        eprintln!("filled to {last}: {:?}", begun.elapsed());
        let _ = tap.plans();
        requests::send_all((&tap, &gateway), &tenant, &format!("n{last}")).await;
        let plans = tap.plans();
        for plan in &plans {
            executed.push_str(plan["Query Text"].as_str().unwrap());
            executed.push('\n');
        }
        eprintln!("requests: {:?}, {} plans", begun.elapsed(), plans.len());
        wrong.extend(complaints(&plans).into_iter().map(|(text, why)| format!("{last} users, {why}\n{text}")));
        first = last + 1;
    }
    let analysed = tap.run("SELECT relname::text FROM pg_class WHERE relname = 'resource' AND reltuples >= 0").await;
    assert_eq!(analysed, Vec::<String>::new(), "a table was analysed");
    gateway.end().await;
    let missing: Vec<String> = source::sql()
        .into_iter()
        .filter(|(piece, _)| {
            !executed.contains(piece.as_str()) && !NOT_SENT.iter().any(|(part, _)| piece.contains(part))
        })
        .map(|(piece, file)| format!("{file}: not sent: {piece}"))
        .collect();
    assert!(wrong.is_empty() && missing.is_empty(), "{}\n{}", wrong.join("\n\n"), missing.join("\n"));
}

#[test]
fn every_statement_reads_a_bounded_number_of_rows_on_postgres() {
    block_on(async {
        let cluster = Cluster::start(&["autovacuum = off"]);
        check(&cluster.url("postgres"), &SIZES).await;
    });
}

#[test]
fn every_statement_reads_a_bounded_number_of_rows_on_the_embedded_database() {
    in_own_process(|| {
        // Before anything that creates a plugin engine.
        let server = PgliteServer::builder()
            .temporary()
            .relaxed_durability(true)
            .extension(extensions::AUTO_EXPLAIN)
            .tcp("127.0.0.1:0".parse().unwrap())
            .start()
            .unwrap();
        let url = server.database_url();
        block_on(async { check(&url, &EMBEDDED_SIZES).await });
        drop(server);
    });
}
