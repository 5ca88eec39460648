//! Filter pushdown: the database together with the evaluator finds what the evaluator alone finds, for generated schemas,
//! documents and filters, on both databases.

mod documents;
mod filters;
pub(crate) mod random;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use scimgate::operation::{Context, list};
use scimgate::store::membership::Members;
use scimgate::store::resource::content::{Content, Written};
use scimgate::store::resource::filter_sql::Plan;
use scimgate::store::resource::insert::Insert;
use scimgate::store::resource::key::Keys;
use scimgate::store::resource::read::{MappingState, RowVersion};
use scimgate::store::resource::update::Update;
use scimgate::store::stamp::Stamp;
use scimgate_scim::filter::Filter;
use scimgate_scim::leniency::{Leniencies, Warnings};
use scimgate_scim::schema::ResourceType;
use scimgate_scim::search::Search;
use scimgate_tests::{Database, TestGateway, on_both};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use filters::{Kind, OPERATORS, Subject};
use random::Random;

on_both!(pushdown_gives_the_results_of_the_evaluator);

const SEED: u64 = 7644;
/// Sets of documents, and filters on each; fewer on the embedded database, which has one connection.
const POSTGRES: (usize, usize) = (24, 440);
const EMBEDDED: (usize, usize) = (2, 440);
const USERS: usize = 18;
const GROUPS: usize = 7;

/// What the random cases covered.
#[derive(Default)]
struct Coverage {
    cases: usize,
    /// For each kind of condition, whether it alone ever matched a document, and ever did not.
    kinds: BTreeMap<Kind, [bool; 2]>,
    required: BTreeSet<Kind>,
    exact: usize,
    narrowed: usize,
    undecided: usize,
}

#[expect(clippy::disallowed_methods, reason = "another seed can be set by hand")]
fn seed() -> u64 {
    std::env::var("SCIMGATE_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(SEED)
}

async fn pushdown_gives_the_results_of_the_evaluator(gateway: &TestGateway) {
    let seed = seed();
    eprintln!("seed {seed}; set another one by SCIMGATE_TEST_SEED");
    let mut random = Random::new(seed);
    let mut coverage = Coverage::default();
    let (sets, filters) = if gateway.database() == Database::Postgres { POSTGRES } else { EMBEDDED };
    for set in 0..sets {
        let stored = Stored::fill(gateway, &format!("set-{set}"), &mut random).await;
        stored.check(filters, &mut coverage, &mut random).await;
    }
    coverage.check(sets * filters, gateway.database());
}

/// Whether the database has the attribute's values.
fn is_indexed(name: &str) -> bool {
    let indexed =
        ["id", "externalId", "userName", "displayName", "active", "meta.", "emails.value", "members", "groups"];
    indexed.iter().any(|indexed| name.starts_with(indexed))
}

/// The index of a type, an attribute of it, and an operator.
type Condition = (usize, Subject, &'static str);

/// The types that a filter is on, its text, the kind of its first condition, and whether that is the only one.
type Case = (Vec<Arc<ResourceType>>, String, Kind, bool);

/// A tenant with its documents as the evaluator gets them.
struct Stored {
    ctx: Context,
    types: Vec<Arc<ResourceType>>,
    documents: Vec<Map<String, Value>>,
}

impl Stored {
    async fn fill(gateway: &TestGateway, name: &str, random: &mut Random) -> Self {
        let _ = gateway.plain_tenant(name).await;
        for resource_type in ["User", "Group"] {
            let schema = documents::extension(&format!("urn:example:generated:2.0:{resource_type}"), random);
            let body = json!({ "schema": schema, "resourceType": resource_type });
            let _ = gateway.operator.post(&format!("/tenants/{name}/schemas"), &body).await.expect(201);
        }
        let base_url = format!("{}/scim/v2", gateway.gateway.public_url).into();
        let ctx = Context { base_url, ..gateway.context(name).await };
        let types = ctx.settings.registry.resource_types().to_vec();
        let mut stored = Self { ctx, types, documents: Vec::new() };
        stored.write(gateway, random).await;
        let everything = stored.list(&stored.types, Search { count: Some("1000".into()), ..Search::default() }).await;
        let resources = everything.unwrap()["Resources"].as_array().unwrap().clone();
        assert_eq!(resources.len(), USERS + GROUPS);
        stored.documents = resources.into_iter().map(|it| it.as_object().unwrap().clone()).collect();
        stored
    }

    async fn write(&self, gateway: &TestGateway, random: &mut Random) {
        let mut serial = 0;
        let mut ids: Vec<Uuid> = Vec::new();
        for number in 0..USERS + GROUPS {
            // Times differ by less than the precision in replies.
            gateway.clock.advance(Duration::from_micros(377));
            let resource_type = &self.types[usize::from(number >= USERS)];
            let document = documents::document(resource_type, &mut serial, random);
            let members = (number >= USERS).then(|| {
                let mut add: Vec<String> = (0..random.below(6)).map(|_| random.pick(&ids).to_string()).collect();
                if random.once_in(2) {
                    add.push((*random.pick(&["nobody", "NOBODY", "0198c0de-0000-7000-8000-000000000000"])).to_owned());
                }
                add.sort();
                add.dedup();
                Members { add, ..Members::default() }
            });
            let id = self.ctx.gateway.clock.new_id();
            ids.push(id);
            let keys = self.ctx.settings.keys(&document, resource_type);
            let content = self.content(document, &keys);
            let store = &self.ctx.store;
            let new = Insert { resource_type: &resource_type.name, id, content: &content, members: members.as_ref() };
            let (written, _) = store.insert(&new, &self.ctx.stamp()).await.unwrap();
            assert_eq!(written, Written::Done(1));
            if random.once_in(3) {
                gateway.clock.advance(Duration::from_micros(1_200));
                let (before, stamp): (_, Stamp) = (&keys, self.ctx.stamp());
                let name = resource_type.name.as_str();
                let update = Update {
                    members_guard: &scimgate::store::guard::MembersGuard::Off,
                    resource_type: name,
                    id,
                    row: RowVersion {
                        version: 1,
                        mapping_revision: content.mapping_revision,
                        mapping_state: content.mapping_state,
                    },
                    member_changes: None,
                    before,
                    content: &content,
                    members: None,
                    reads_groups: false,
                };
                let (written, joined, _) = store.update(&update, &stamp).await.unwrap();
                assert_eq!((written, joined), (Written::Done(2), 0));
            }
        }
    }

    fn content(&self, document: Map<String, Value>, keys: &Keys) -> Content {
        Content {
            source: Value::Object(document).to_string(),
            set_aside: None,
            mapped: None,
            mapping_state: MappingState::Same,
            mapping_revision: 0,
            schema_revision: self.ctx.settings.schema_revision,
            key_layout: self.ctx.settings.search.layout,
            awaits_references: self.ctx.settings.awaits_references,
            keys: keys.clone(),
            event: None,
            reason: scimgate::store::mapping_reason::ReasonChange::None,
            hold: scimgate::store::held::HoldChange::None,
            unique: scimgate::store::mapped_unique::UniqueChange::None,
            has_ruled_names: false,
            origin: None,
        }
    }

    async fn list(&self, types: &[Arc<ResourceType>], search: Search) -> Result<Value, scimgate::operation::Error> {
        let text = list::run(self.ctx.clone(), types.to_vec(), search).await?;
        Ok(serde_json::from_str(&text).unwrap())
    }

    async fn check(&self, filters: usize, coverage: &mut Coverage, random: &mut Random) {
        let subjects_of: Vec<Vec<Subject>> = self.types.iter().map(|it| filters::subjects(it)).collect();
        let mut conditions: Vec<Condition> = Vec::new();
        for (type_index, subjects) in subjects_of.iter().enumerate() {
            for subject in subjects {
                for operator in OPERATORS.into_iter().filter(|operator| filters::applies(operator, subject)) {
                    coverage.required.insert(subject.kind(operator, false));
                    conditions.push((type_index, subject.clone(), operator));
                }
            }
        }
        let mut of_kind: BTreeMap<Kind, Vec<_>> = BTreeMap::new();
        for condition in &conditions {
            let (_, subject, operator) = condition;
            of_kind.entry(subject.kind(operator, false)).or_default().push(condition.clone());
        }
        let of_kind: Vec<_> = of_kind.into_values().collect();
        let cases = self.cases(filters, (&subjects_of, &conditions, &of_kind), random);
        let answers = stream::iter(cases).map(async |(types, text, kind, alone)| {
            let (matches, plan) = self.compare(&types, &text).await;
            (kind, alone, matches, plan)
        });
        let mut answers = Box::pin(answers.buffer_unordered(6));
        while let Some((kind, alone, matches, plan)) = answers.next().await {
            coverage.cases += 1;
            match (plan.is_exact(), plan.narrows()) {
                (true, _) => coverage.exact += 1,
                (false, true) => coverage.narrowed += 1,
                (false, false) => coverage.undecided += 1,
            }
            let seen = coverage.kinds.entry(kind).or_default();
            seen[0] |= alone && matches > 0;
            seen[1] |= alone && matches < self.documents.len();
        }
    }

    /// Filters on these conditions: each kind of attribute compared with null, then random ones.
    fn cases(
        &self,
        filters: usize,
        (subjects_of, conditions, of_kind): (&[Vec<Subject>], &[Condition], &[Vec<Condition>]),
        random: &mut Random,
    ) -> Vec<Case> {
        let (indexed, _): (Vec<_>, Vec<_>) = conditions.iter().cloned().partition(|(_, it, _)| is_indexed(&it.name));
        let mut cases = Vec::new();
        // Each kind of attribute compared with null, alone: too rare by chance.
        for of_one in of_kind {
            let (type_index, subject, operator) = random.pick(of_one);
            if matches!(*operator, "eq" | "ne") {
                let text = format!("{} {operator} null", subject.name);
                cases.push((vec![self.types[*type_index].clone()], text, subject.kind(operator, true), true));
            }
        }
        for _ in cases.len()..filters {
            let (type_index, subject, operator) = match random.below(4) {
                0 => random.pick(&indexed).clone(),
                1 => random.pick(conditions).clone(),
                _ => {
                    let of_one = random.pick(of_kind);
                    random.pick(of_one).clone()
                }
            };
            // A query at the root is on both types.
            let types = if random.once_in(6) { self.types.clone() } else { vec![self.types[type_index].clone()] };
            let (first, kind) = filters::leaf(&subject.name, &subject, operator, &self.documents, random);
            let alone = random.once_in(2);
            let text =
                if alone { first } else { filters::around(first, &subjects_of[type_index], &self.documents, random) };
            if text.len() <= scimgate_scim::filter::MAX_BYTES {
                cases.push((types, text, kind, alone));
            }
        }
        cases
    }

    /// Compares both results of a filter; returns the number of matches and the plan.
    async fn compare(&self, types: &[Arc<ResourceType>], text: &str) -> (usize, Plan) {
        let each: Vec<&ResourceType> = types.iter().map(AsRef::as_ref).collect();
        let parsed = Filter::parse_with(text, &each, &Leniencies::all(), &mut Warnings::default());
        let filter = parsed.unwrap_or_else(|why| panic!("{text}: {why}"));
        let is_of_types =
            |document: &&Map<String, Value>| each.iter().any(|it| document["meta"]["resourceType"] == it.name);
        let expected: Vec<&Value> = self
            .documents
            .iter()
            .filter(is_of_types)
            .filter(|document| filter.matches(document))
            .map(|document| &document["id"])
            .collect();
        let search = Search { filter: Some(text.into()), count: Some("1000".into()), ..Search::default() };
        let answer = self.list(types, search).await.unwrap_or_else(|why| panic!("{text}: {why:?}"));
        let found: Vec<&Value> = answer["Resources"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
        let wrong = self.documents.iter().find(|it| found.contains(&&it["id"]) != expected.contains(&&it["id"]));
        assert_eq!(wrong, None, "the evaluator alone decides otherwise\n{text}");
        assert_eq!(found, expected, "in the order of ids\n{text}");
        assert_eq!(answer["totalResults"], expected.len(), "{text}");
        let plan = Plan::of(&filter, types, (&self.types, &self.ctx.base_url), &self.ctx.settings.search);
        (expected.len(), plan)
    }
}

impl Coverage {
    fn check(&self, filters: usize, database: Database) {
        let Self { cases, exact, narrowed, undecided, .. } = self;
        eprintln!(
            "{cases} cases: {exact} decided by the database, {narrowed} narrowed, {undecided} by the evaluator; {} kinds of conditions",
            self.kinds.len()
        );
        assert!(*cases * 20 >= filters * 19, "too many filters were too long");
        for (what, number) in [("decided", exact), ("narrowed", narrowed), ("undecided", undecided)] {
            assert!(*number * 20 > *cases, "only {number} of {cases} are {what}");
        }
        if database == Database::Embedded {
            return;
        }
        assert!(*cases >= 10_000);
        let null = |kind: &Kind| Kind { null: true, ..kind.clone() };
        let with_null = self.required.iter().filter(|kind| matches!(kind.operator, "eq" | "ne")).map(null);
        for kind in self.required.iter().cloned().chain(with_null) {
            // A complex attribute without `value` can only be compared with null.
            if kind.of == "Complex" && kind.operator != "pr" && !self.kinds.contains_key(&kind) {
                continue;
            }
            let seen = self.kinds.get(&kind).unwrap_or_else(|| panic!("no filter has {kind:?}"));
            assert_eq!(*seen, [true, true], "matched, and did not match: {kind:?}");
        }
    }
}
