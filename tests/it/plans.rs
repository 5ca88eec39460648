//! How the server answers lists and changes members: what it reads is bounded by what is shown or changed, whatever is
//! asked for and whether the server knows the tables' statistics or not.

use std::path::PathBuf;

use scimgate_tests::cluster::Cluster;
use scimgate_tests::database::owner;
use scimgate_tests::harness::block_on;
use scimgate_tests::served::Prepared;
use scimgate_tests::tenant::patch;
use scimgate_tests::{Tenant, many_users};
use serde_json::{Value, json};

const USERS: u32 = 20_000;

/// The server writes down how it carried out each statement, with the numbers of rows.
const EXPLAIN: [&str; 7] = [
    "session_preload_libraries = 'auto_explain'",
    "auto_explain.log_min_duration = 0",
    "auto_explain.log_analyze = on",
    "auto_explain.log_timing = off",
    "auto_explain.log_format = json",
    // Statistics come when the test says so.
    "autovacuum = off",
    "log_line_prefix = ''",
];

const ID: &str = "0198c0de-0000-7000-8000-000000000309";
const GROUP: &str = "0198c0de-0001-7000-8000-000000000009";

/// When the server knows how many rows there are of what. Until then, for the first minute of a database and for ever on the
/// embedded one, it takes any tenant for a small one, and any index of it for as good as another.
const KNOWN: &str = "with statistics";

/// What is asked, how many are there in all, and the most rows that may be read for it.
fn questions() -> Vec<(String, u64, u64)> {
    let of = |path: &str, filter: &str, total, most| {
        (format!("/{path}?count=100&filter={}", filter.replace('"', "%22").replace(' ', "%20")), total, most)
    };
    let page = |path: &str, total, most| (format!("/{path}"), total, most);
    vec![
        of("Users", "userName eq \"U777@corp.test\"", 1, 20),
        of("Users", "userName eq \"nobody\"", 0, 20),
        of("Users", "externalId eq \"x777\"", 1, 20),
        of("Users", "externalId eq \"none\"", 0, 20),
        of("Users", "emails.value eq \"m777@corp.test\"", 1, 20),
        of("Users", "emails eq \"none\"", 0, 20),
        of("Users", "emails[type eq \"work\" and value eq \"m777@corp.test\"]", 1, 20),
        of("Users", "userName eq \"u777@corp.test\" and active eq true", 1, 20),
        of("Users", "userName eq \"u777@corp.test\" or emails.value eq \"m778@corp.test\"", 2, 30),
        of("Users", "userName sw \"u777@\"", 1, 20),
        of("Users", "emails.value sw \"m777@\"", 1, 20),
        of("Users", &format!("id eq \"{ID}\""), 1, 20),
        of("Groups", "displayName eq \"g9\"", 1, 20),
        of("Groups", &format!("id eq \"{GROUP}\" and members eq \"{ID}\""), 0, 40),
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

/// The plans that the server writes down.
struct Log {
    path: PathBuf,
    read: usize,
}

impl Log {
    /// Those since the last time, of statements that look at resources, with their text.
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
            if text.contains("resource r") || text.contains("resource_count") {
                plans.push(plan);
            }
        }
        plans
    }
}

/// How many rows a plan took from tables and indexes, those that it then left out included.
fn rows_read(node: &Value) -> u64 {
    let number = |name: &str| node[name].as_f64().unwrap_or_default();
    let own = if node["Node Type"].as_str().unwrap().contains("Scan") {
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
        "{:depth$}{}{}{}{} rows {} reckoned {}, left out {}, loops {}\n",
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
    let known = |question: &(String, u64, u64)| {
        when == KNOWN || !question.0.contains("filter") && !question.0.contains("userName")
    };
    // Three times each: the first is planned, the others are by the plan that was kept.
    for (question, total, most) in questions().into_iter().filter(known).flat_map(|it| [it.clone(), it.clone(), it]) {
        let answer = tenant.get(&question).await.expect(200);
        assert_eq!(answer.body["totalResults"], total, "{question}");
        let plans = log.plans();
        assert!(!plans.is_empty(), "{question}: nothing was written down");
        let read: u64 = plans.iter().map(|plan| rows_read(&plan["Plan"])).sum();
        if read > most {
            let plans: Vec<String> = plans.iter().map(|plan| outline(&plan["Plan"], 0)).collect();
            wrong.push(format!("{when} {question}: {read} rows\n{}", plans.join("\n")));
        }
    }
    if when == KNOWN {
        for order in ["", "&sortBy=userName", "&sortBy=userName&sortOrder=descending"] {
            wrong.extend(check_walk(tenant, log, order).await);
        }
    }
    wrong
}

/// Page 16 by cursor reads no more than page 2, forward and backward.
async fn check_walk(tenant: &Tenant, log: &mut Log, order: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let page = async |cursor: &str| tenant.get(&format!("/Users?count=100{order}&cursor={cursor}")).await.expect(200);
    let mut at = page("").await;
    for number in 2..=16 {
        let _ = log.plans();
        at = page(at.body["nextCursor"].as_str().unwrap()).await;
        let there = log.plans();
        let back = page(at.body["previousCursor"].as_str().unwrap()).await;
        assert_eq!(back.body["Resources"].as_array().unwrap().len(), 100);
        for (way, plans) in [("forward", there), ("backward", log.plans())] {
            let read: u64 = plans.iter().map(|plan| rows_read(&plan["Plan"])).sum();
            if read > 900 {
                let plans: Vec<String> = plans.iter().map(|plan| outline(&plan["Plan"], 0)).collect();
                wrong.push(format!("page {number} {way}{order}: {read} rows\n{}", plans.join("\n")));
            }
        }
    }
    wrong
}

/// Eight thousand members in one request, half of whom are there already: each is looked up, and none is held against all
/// the others.
async fn check_members(tenant: &Tenant, log: &mut Log, when: &str) -> Vec<String> {
    const MEMBERS: u32 = 8_000;
    let add = |from: u32, value: fn(u32) -> String| {
        let members: Vec<Value> = (from..from + MEMBERS).map(|number| json!({ "value": value(number) })).collect();
        patch(json!([{ "op": "add", "path": "members", "value": members }]))
    };
    let mut wrong = Vec::new();
    let group = format!("/Groups/{GROUP}");
    // By their ids, by their externalIds, by their userNames.
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
        let cluster = Cluster::start(&EXPLAIN);
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
        wrong.extend(check(&tenants[0], &mut log, KNOWN).await);
        wrong.extend(check_members(&tenants[1], &mut log, KNOWN).await);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(served.running.terminate().await.0.success());
    });
}
