//! Query plans of lists and member changes: the number of rows read is bounded by the number returned or changed, with and
//! without the tables' statistics.

use std::path::PathBuf;

use scimgate_tests::cluster::Cluster;
use scimgate_tests::database::owner;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::Prepared;
use scimgate_tests::tenant::patch;
use scimgate_tests::{Tenant, many_users};
use serde_json::{Value, json};

const USERS: u32 = 20_000;

/// The server logs the plan of each statement, with the numbers of rows.
const AUTO_EXPLAIN: [&str; 7] = [
    "session_preload_libraries = 'auto_explain'",
    "auto_explain.log_min_duration = 0",
    "auto_explain.log_analyze = on",
    "auto_explain.log_timing = off",
    "auto_explain.log_format = json",
    // The test creates the statistics.
    "autovacuum = off",
    "log_line_prefix = ''",
];

const ID: &str = "0198c0de-0000-7000-8000-000000000309";
const GROUP: &str = "0198c0de-0001-7000-8000-000000000009";

/// Without statistics, in the first minute of a database and always on the embedded one, the planner takes every tenant for
/// small, and every index for equally good.
const WITH_STATISTICS: &str = "with statistics";

/// Each query, its total, and the most rows that may be read for it.
fn queries() -> Vec<(String, u64, u64)> {
    let filter = |path: &str, filter: &str, total, max| {
        (format!("/{path}?count=100&filter={}", filter.replace('"', "%22").replace(' ', "%20")), total, max)
    };
    let page = |path: &str, total, max| (format!("/{path}"), total, max);
    vec![
        filter("Users", "userName eq \"U777@corp.test\"", 1, 20),
        filter("Users", "userName eq \"nobody\"", 0, 20),
        filter("Users", "externalId eq \"x777\"", 1, 20),
        filter("Users", "externalId eq \"none\"", 0, 20),
        filter("Users", "emails.value eq \"m777@corp.test\"", 1, 20),
        filter("Users", "emails eq \"none\"", 0, 20),
        filter("Users", "emails[type eq \"work\" and value eq \"m777@corp.test\"]", 1, 20),
        filter("Users", "userName eq \"u777@corp.test\" and active eq true", 1, 20),
        filter("Users", "userName eq \"u777@corp.test\" or emails.value eq \"m778@corp.test\"", 2, 30),
        filter("Users", "userName sw \"u777@\"", 1, 20),
        filter("Users", &format!("id eq \"{ID}\""), 1, 20),
        filter("Groups", "displayName eq \"g9\"", 1, 20),
        filter("Groups", &format!("id eq \"{GROUP}\" and members eq \"{ID}\""), 0, 40),
        page("Users?count=100", u64::from(USERS), 810),
        page("Users?count=1", u64::from(USERS), 20),
        page("Users", u64::from(USERS), 810),
        page("Users?startIndex=301&count=100", u64::from(USERS), 1_110),
        page("Users?sortBy=userName&count=100", u64::from(USERS), 810),
        page("Users?sortBy=userName&sortOrder=descending&count=100", u64::from(USERS), 810),
        page("Users?sortBy=id&sortOrder=descending&count=100", u64::from(USERS), 810),
        page("Groups?excludedAttributes=members&count=100", 200, 620),
        page("Users?count=0", u64::from(USERS), 20),
    ]
}

/// The server's log with the plans.
struct Log {
    path: PathBuf,
    read: usize,
}

impl Log {
    /// The plans since the last call, of statements that read resources.
    fn plans(&mut self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.path).unwrap();
        let new = text[self.read..].to_owned();
        self.read = text.len();
        let mut plans = Vec::new();
        let mut lines = new.lines().peekable();
        while let Some(line) = lines.next() {
            if !line.ends_with("plan:") {
                continue;
            }
            let mut plan = String::new();
            while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
                plan.push_str(more);
            }
            let plan: Value = serde_json::from_str(&plan).unwrap();
            let text = plan["Query Text"].as_str().unwrap();
            // The sequencer numbers events at any time.
            let is_numbering = text.contains("event_head");
            if !is_numbering && (text.contains("resource r") || text.contains("resource_count")) {
                plans.push(plan);
            }
        }
        plans
    }
}

/// How many rows a plan read from tables and indexes, including those that it filtered out.
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

/// A plan's steps, one a line.
fn outline(node: &Value, depth: usize) -> String {
    let word = |name: &str| node[name].as_str().map(|word| format!(" {word}")).unwrap_or_default();
    let number = |name: &str| node[name].to_string();
    let own = format!(
        "{:depth$}{}{}{}{} rows {} estimated {}, filtered out {}, loops {}\n",
        "",
        node["Node Type"].as_str().unwrap(),
        word("Index Name"),
        word("Index Cond"),
        word("Filter"),
        number("Actual Rows"),
        number("Plan Rows"),
        number("Rows Removed by Filter"),
        number("Actual Loops"),
    );
    let below = node["Plans"].as_array().into_iter().flatten().map(|below| outline(below, depth + 2));
    own + &below.collect::<String>()
}

async fn check(tenant: &Tenant, log: &mut Log, when: &str) -> Vec<String> {
    let _ = log.plans();
    let mut wrong = Vec::new();
    let applies = |query: &(String, u64, u64)| {
        when == WITH_STATISTICS || !query.0.contains("filter") && !query.0.contains("userName")
    };
    // Three times each: the first creates the plan, the others reuse it.
    for (query, total, max) in queries().into_iter().filter(applies).flat_map(|it| [it.clone(), it.clone(), it]) {
        let answer = tenant.get(&query).await.expect(200);
        assert_eq!(answer.body["totalResults"], total, "{query}");
        let plans = log.plans();
        assert!(!plans.is_empty(), "{query}: no plan was logged");
        let read: u64 = plans.iter().map(|plan| rows_read(&plan["Plan"])).sum();
        if read > max {
            let plans: Vec<String> = plans.iter().map(|plan| outline(&plan["Plan"], 0)).collect();
            wrong.push(format!("{when} {query}: {read} rows\n{}", plans.join("\n")));
        }
    }
    if when == WITH_STATISTICS {
        for order in ["", "&sortBy=userName", "&sortBy=userName&sortOrder=descending"] {
            wrong.extend(check_cursor_pages(tenant, log, order).await);
        }
    }
    wrong
}

/// Page 16 by cursor reads no more than page 2, forward and backward.
async fn check_cursor_pages(tenant: &Tenant, log: &mut Log, order: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let page = async |cursor: &str| tenant.get(&format!("/Users?count=100{order}&cursor={cursor}")).await.expect(200);
    let mut current = page("").await;
    for number in 2..=16 {
        let _ = log.plans();
        current = page(current.body["nextCursor"].as_str().unwrap()).await;
        let forward = log.plans();
        let back = page(current.body["previousCursor"].as_str().unwrap()).await;
        assert_eq!(back.body["Resources"].as_array().unwrap().len(), 100);
        for (direction, plans) in [("forward", forward), ("backward", log.plans())] {
            let read: u64 = plans.iter().map(|plan| rows_read(&plan["Plan"])).sum();
            if read > 900 {
                let plans: Vec<String> = plans.iter().map(|plan| outline(&plan["Plan"], 0)).collect();
                wrong.push(format!("page {number} {direction}{order}: {read} rows\n{}", plans.join("\n")));
            }
        }
    }
    wrong
}

/// Eight thousand members in one request, half of them members already: each is looked up by itself, not compared with all
/// others.
async fn check_members(tenant: &Tenant, log: &mut Log, when: &str) -> Vec<String> {
    const MEMBERS: u32 = 8_000;
    let add = |from: u32, value: fn(u32) -> String| {
        let members: Vec<Value> = (from..from + MEMBERS).map(|number| json!({ "value": value(number) })).collect();
        patch(json!([{ "op": "add", "path": "members", "value": members }]))
    };
    let mut wrong = Vec::new();
    let group = format!("/Groups/{GROUP}");
    // By ids, by externalIds, by userNames.
    for (from, value) in [
        (1, many_users::id as fn(u32) -> String),
        (1 + MEMBERS / 2, many_users::id),
        (1 + MEMBERS / 2, |number| format!("x{number}")),
        (1 + MEMBERS, |number| format!("U{number}@corp.test")),
    ] {
        let _ = log.plans();
        let _ = tenant.patch(&group, &add(from, value)).await.expect(204);
        let plans = log.plans();
        let read: u64 = plans.iter().map(|plan| rows_read(&plan["Plan"])).sum();
        if read > 40 * u64::from(MEMBERS) {
            let plans: Vec<String> = plans.iter().map(|plan| outline(&plan["Plan"], 0)).collect();
            wrong.push(format!("{when}, {MEMBERS} members from {from}: {read} rows\n{}", plans.join("\n")));
        }
    }
    let all: Vec<Value> = (1..=2 * MEMBERS).map(|number| json!({ "value": many_users::id(number) })).collect();
    let remove = patch(json!([{ "op": "remove", "path": "members", "value": all }]));
    let _ = tenant.patch(&group, &remove).await.expect(204);
    wrong
}

#[test]
fn requests_read_a_bounded_number_of_rows() {
    block_on(async {
        let cluster = Cluster::start(&AUTO_EXPLAIN);
        let served = Prepared::new(&cluster.url("postgres"), &[]).await.serve(&["--pool-size", "1"]).await;
        let database = owner(&cluster.url("postgres")).await;
        let mut log = Log { path: cluster.data().join("log"), read: 0 };
        let mut tenants = Vec::new();
        for name in ["acme", "globex"] {
            tenants.push(Tenant::plain(&served.operator, name, served.addresses()).await);
            many_users::fill(&database, name, USERS).await;
        }
        let mut wrong = check(&tenants[0], &mut log, "without statistics").await;
        wrong.extend(check_members(&tenants[1], &mut log, "without statistics").await);
        database.batch_execute("VACUUM ANALYZE").await.unwrap();
        wrong.extend(check(&tenants[0], &mut log, WITH_STATISTICS).await);
        wrong.extend(check_members(&tenants[1], &mut log, WITH_STATISTICS).await);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(served.running.terminate().await.0.success());
    });
}
