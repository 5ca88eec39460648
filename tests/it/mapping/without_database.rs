//! Chains run by a mapper that has its plugins in memory and no database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use scimgate::clock::Clock;
use scimgate::mapping::{
    Chain, DocumentInfo, MapError, Mapper, MapperConfig, MappingOutcome, MappingRun, OnFailure, Step, StepResult,
};
use scimgate_plugin_host::{Host, HostConfig};
use scimgate_scim::access::Overlay;
use scimgate_scim::schema::registry::Registry;
use scimgate_tests::harness::block_on;
use scimgate_tests::plugin;
use scimgate_tests::tenant::{group, user};
use serde_json::{Value, json};

/// A mapper with the tutorial's plugin and the hostile one.
struct InMemory {
    mapper: Mapper,
    tutorial: String,
    hostile: String,
}

impl InMemory {
    fn new() -> Self {
        let host = Host::new(HostConfig::default()).unwrap();
        let mut plugins = BTreeMap::new();
        let [tutorial, hostile] = ["tutorial", "hostile"].map(|name| {
            let digest = host.prepare(&plugin(name)).unwrap().digest();
            plugins.insert(digest.clone(), plugin(name));
            digest
        });
        Self { mapper: Mapper::new(host, plugins, Clock::system(), MapperConfig::default()), tutorial, hostile }
    }

    fn tutorial(&self, config: Value) -> Step {
        Step { plugin: self.tutorial.clone(), config, resource_types: Vec::new() }
    }

    fn hostile(&self, config: Value) -> Step {
        Step { plugin: self.hostile.clone(), config, resource_types: Vec::new() }
    }

    async fn run(&self, steps: Vec<Step>, resource_type: &str, document: &Value) -> MappingRun {
        let registry = Registry::standard();
        let chain = Chain { revision: 1, on_failure: OnFailure::Refuse, steps };
        let info = DocumentInfo {
            tenant: "acme",
            resource_type: &Arc::clone(registry.resource_type(resource_type).unwrap()),
            id: uuid::Uuid::nil(),
            last_modified: "2026-01-02T03:04:05Z".to_owned(),
            size: document.to_string().len(),
        };
        self.mapper.run(&chain, info, Arc::new(document.as_object().unwrap().clone())).await
    }
}

fn unchanged(document: &Value) -> Overlay {
    Overlay::new(Arc::new(document.as_object().unwrap().clone()), None)
}

fn results(run: &MappingRun) -> Vec<&StepResult> {
    run.steps.iter().map(|step| &step.result).collect()
}

#[test]
fn a_chain_runs_without_a_database() {
    block_on(async {
        let plugins = InMemory::new();
        let steps = vec![
            plugins.tutorial(json!({ "buildDisplayName": true })),
            plugins.hostile(json!({ "do": "count" })),
            plugins.hostile(json!({ "do": "log", "size": 3 })),
        ];
        let run = plugins.run(steps, "User", &user("ada")).await;
        let Ok(MappingOutcome::Mapped(mapped)) = &run.result else { panic!("{run:?}") };
        let mapped = mapped.to_map();
        assert_eq!((&mapped["displayName"], &mapped["title"]), (&json!("ada Byron"), &json!("1")));
        assert!(!mapped.contains_key("id"));

        assert_eq!(results(&run), [&StepResult::Mapped; 3]);
        let titles: Vec<_> = run.steps.iter().map(|step| (step.number, step.title.as_str())).collect();
        assert_eq!(titles, [(1, "tutorial@0.1.0"), (2, "hostile@0.1.0"), (3, "hostile@0.1.0")]);
        assert!(run.steps.iter().all(|step| step.cpu > Duration::ZERO), "{run:?}");
        let log: Vec<_> = run.steps[2].log.iter().map(|line| line.message.as_str()).collect();
        assert_eq!(log, ["xxx"]);
    });
}

#[test]
fn a_step_that_ends_the_run_is_the_last_in_the_report() {
    block_on(async {
        let plugins = InMemory::new();
        let rule = json!({ "path": "userName", "equals": "ada@corp.test" });
        let ends = [
            (
                plugins.tutorial(json!({ "excludeWhere": rule })),
                StepResult::Excluded("userName is \"ada@corp.test\".".to_owned()),
            ),
            (
                plugins.tutorial(json!({ "rejectWhere": rule })),
                StepResult::Rejected("userName must not be \"ada@corp.test\".".to_owned()),
            ),
            (plugins.hostile(json!({ "do": "fail" })), StepResult::Failed("I would rather not".to_owned())),
        ];
        for (step, expected) in ends {
            let first = plugins.hostile(json!({ "do": "nothing" }));
            let run = plugins.run(vec![first.clone(), step, first], "User", &user("ada")).await;
            assert_eq!(results(&run), [&StepResult::Mapped, &expected]);
            assert_eq!(run.result.is_ok(), matches!(expected, StepResult::Excluded(_)), "{run:?}");
        }
    });
}

#[test]
fn a_step_for_another_resource_type_is_skipped() {
    block_on(async {
        let plugins = InMemory::new();
        let run = plugins.run(vec![plugins.tutorial(json!({}))], "Group", &group("Crew")).await;
        assert_eq!(results(&run), [&StepResult::Skipped]);
        assert_eq!(run.result.unwrap(), MappingOutcome::Mapped(unchanged(&group("Crew"))));
        assert_eq!(run.steps[0].cpu, Duration::ZERO);
    });
}

#[test]
fn a_step_whose_plugin_is_missing_fails() {
    block_on(async {
        let plugins = InMemory::new();
        let step = Step { plugin: "aa".to_owned(), config: json!({}), resource_types: Vec::new() };
        let run = plugins.run(vec![step], "User", &user("ada")).await;
        assert!(matches!(&run.result, Err(MapError::Unusable { digest, .. }) if digest == "aa"), "{run:?}");
        let reason = "plugin aa cannot be used: it is not stored".to_owned();
        assert_eq!(results(&run), [&StepResult::Failed(reason)]);
        assert_eq!((run.steps[0].plugin.as_str(), run.steps[0].title.as_str()), ("aa", ""));
    });
}

#[test]
fn a_chain_without_steps_allocates_no_report() {
    block_on(async {
        let run = InMemory::new().run(Vec::new(), "User", &user("ada")).await;
        assert_eq!(run.steps.capacity(), 0);
        assert_eq!(run.result.unwrap(), MappingOutcome::Mapped(unchanged(&user("ada"))));
    });
}
