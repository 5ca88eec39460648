//! Chains run by a mapper that has its plugins in memory and no database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use scimgate::clock::Clock;
use scimgate::mapping::{
    Chain, DocumentInfo, FailureKind, MapError, Mapper, MapperConfig, MappingOutcome, MappingRun, OnFailure, PathError,
    Step, StepResult,
};
use scimgate_plugin_host::{Host, HostConfig};
use scimgate_scim::access::Overlay;
use scimgate_scim::schema::registry::Registry;
use scimgate_tests::harness::block_on;
use scimgate_tests::tenant::{group, user};
use scimgate_tests::{plugin, plugin_cache};
use serde_json::{Value, json};

/// A mapper with the tutorial's plugin and the hostile one.
struct InMemory {
    mapper: Mapper,
    tutorial: String,
    hostile: String,
}

impl InMemory {
    fn new() -> Self {
        let host = Host::new(HostConfig { cache: Some(plugin_cache()), ..HostConfig::default() }).unwrap();
        let mut plugins = BTreeMap::new();
        let [tutorial, hostile] = ["tutorial", "hostile"].map(|name| {
            let digest = host.prepare(&plugin(name)).unwrap().digest();
            plugins.insert(digest.clone(), plugin(name));
            digest
        });
        Self { mapper: Mapper::new(host, plugins, Clock::system(), MapperConfig::default()), tutorial, hostile }
    }

    fn tutorial(&self, config: Value) -> Step {
        Step { plugin: self.tutorial.clone(), config: config.into(), resource_types: Vec::new() }
    }

    fn hostile(&self, config: Value) -> Step {
        Step { plugin: self.hostile.clone(), config: config.into(), resource_types: Vec::new() }
    }

    async fn run(&self, steps: Vec<Step>, resource_type: &str, document: &Value) -> MappingRun {
        let registry = Registry::standard();
        let chain = Chain { revision: 1, on_failure: OnFailure::Refuse, steps };
        let info = DocumentInfo {
            tenant: "acme",
            resource_type: &Arc::clone(registry.resource_type(resource_type).unwrap()),
            rules: None,
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
fn a_trace_has_the_outcome_of_a_run_and_the_documents_between_the_steps() {
    block_on(async {
        let plugins = InMemory::new();
        let registry = Registry::standard();
        let resource_type = Arc::clone(registry.resource_type("User").unwrap());
        let source = Arc::new(user("ada").as_object().unwrap().clone());
        let info = || DocumentInfo {
            tenant: "acme",
            resource_type: &resource_type,
            rules: None,
            id: uuid::Uuid::nil(),
            last_modified: "2026-01-02T03:04:05Z".to_owned(),
            size: 1_000,
        };
        let (map, nothing) =
            (plugins.tutorial(json!({ "buildDisplayName": true })), plugins.hostile(json!({ "do": "nothing" })));
        let exclude = plugins.hostile(json!({ "do": "exclude" }));
        let wrong = plugins.hostile(json!({ "do": "write", "path": "badge" }));
        for (steps, documents) in [
            (vec![map.clone(), nothing.clone()], 3),
            (vec![map.clone(), exclude.clone(), nothing.clone()], 3),
            (vec![map.clone(), wrong.clone(), nothing.clone()], 2),
        ] {
            let chain = Chain { revision: 1, on_failure: OnFailure::Refuse, steps };
            let run = plugins.mapper.run(&chain, info(), Arc::clone(&source)).await;
            let trace = plugins.mapper.trace(&chain, info(), Arc::clone(&source)).await;
            let dry = plugins.mapper.dry_run(&chain, info(), Arc::clone(&source)).await;
            assert_eq!(results(&trace.run), results(&run));
            assert_eq!(results(&dry), results(&run));
            assert_eq!(trace.run.result.as_ref().ok(), run.result.as_ref().ok());
            assert_eq!(trace.documents.len(), documents);
            assert_eq!(trace.documents[0].to_map(), *source);
            assert_eq!(trace.documents[1].to_map()["displayName"], "ada Byron");
        }
        // Each step is tried, and the next has the document as it was before one that ends a run.
        let chain = Chain { revision: 1, on_failure: OnFailure::Refuse, steps: vec![exclude, wrong, map, nothing] };
        let trial = plugins.mapper.try_steps(&chain, info(), Arc::clone(&source)).await.unwrap();
        let results: Vec<_> = trial.steps.iter().map(|step| &step.result).collect();
        assert!(matches!(
            results[..],
            [StepResult::Excluded(_), StepResult::Failed(_), StepResult::Mapped, StepResult::Mapped]
        ));
        let refused = &trial.steps[1].refused_paths[0];
        assert_eq!((refused.call, refused.path.as_str()), ("set", "badge"));
        assert!(
            matches!(&refused.error, PathError::Unknown(why) if why.starts_with("badge is not an attribute of User"))
        );
        assert_eq!((trial.steps[1].failure, trial.bad_output), (Some(FailureKind::Reported), None));
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
        let step = Step { plugin: "aa".to_owned(), config: json!({}).into(), resource_types: Vec::new() };
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
