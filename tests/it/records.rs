//! Each write is recorded, whatever its outcome, with what the provisioning log and the guard need.

use std::sync::{Arc, Mutex};

use scimgate::mapping::StepResult;
use scimgate::operation::Context;
use scimgate::operation::resource::record::{Action, Effect, Record, Recorder};
use scimgate::operation::resource::{create, delete, patch, replace};
use scimgate_tests::tenant::{group, patch as patch_body, user};
use scimgate_tests::{TestGateway, on_both};
use serde_json::{Value, json};

on_both!(
    each_kind_of_write_is_recorded_with_before_and_after,
    a_refused_write_is_recorded_with_its_error,
    each_mapping_step_is_recorded_with_its_reason,
    leniencies_are_recorded_with_the_write_that_used_them,
);

/// What a record says, without borrowing.
#[derive(Debug)]
struct Kept {
    action: Action,
    result: Result<Effect, String>,
    before: Option<String>,
    after: Option<String>,
    steps: Vec<StepResult>,
    warnings: Vec<String>,
    actor: String,
}

#[derive(Default)]
struct Collector(Mutex<Vec<Kept>>);

impl Recorder for Collector {
    fn record(&self, record: &Record<'_>) {
        assert_eq!(record.request_id, "test");
        assert!(record.attempts <= 24);
        self.0.lock().unwrap().push(Kept {
            action: record.action,
            result: record.result.map_err(|error| format!("{error:?}")),
            before: record.before.map(|stored| stored.source.clone()),
            after: record.after.map(|stored| stored.source.clone()),
            steps: record.steps.iter().map(|step| step.result.clone()).collect(),
            warnings: record.warnings.iter().map(|warning| warning.leniency.name().to_owned()).collect(),
            actor: record.actor.to_owned(),
        });
    }
}

impl Collector {
    fn take(&self) -> Kept {
        let mut kept = self.0.lock().unwrap();
        assert_eq!(kept.len(), 1, "{kept:?}");
        kept.pop().unwrap()
    }
}

async fn context(gateway: &TestGateway, recorder: &Arc<Collector>) -> Context {
    let mut ctx = gateway.context("acme").await;
    ctx.gateway.recorder = Arc::clone(recorder) as Arc<dyn Recorder>;
    ctx
}

fn says(text: Option<&String>, name: &str) -> Value {
    serde_json::from_str::<Value>(text.unwrap()).unwrap()[name].clone()
}

async fn each_kind_of_write_is_recorded_with_before_and_after(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let recorder = Arc::<Collector>::default();
    let users = gateway.context("acme").await.resource_type("Users").unwrap();
    let groups = gateway.context("acme").await.resource_type("Groups").unwrap();

    let made = create::run(context(gateway, &recorder).await, users.clone(), user("ada"), None).await.unwrap();
    let kept = recorder.take();
    assert_eq!((kept.action, kept.result, kept.actor.as_str()), (Action::Create, Ok(Effect::Created), "test"));
    assert!(kept.before.is_none() && says(kept.after.as_ref(), "userName") == "ada@corp.test");
    let ada = made.id().unwrap().to_owned();

    let body = patch_body(json!([{ "op": "replace", "path": "title", "value": "Countess" }]));
    for effect in [Effect::Updated, Effect::Unchanged] {
        let ctx = context(gateway, &recorder).await;
        let _ = patch::run(ctx, users.clone(), &ada, body.clone(), None, None).await.unwrap();
        let kept = recorder.take();
        assert_eq!((kept.action, kept.result), (Action::Patch, Ok(effect)));
        if effect == Effect::Updated {
            assert_eq!(says(kept.before.as_ref(), "title"), Value::Null);
            assert_eq!(says(kept.after.as_ref(), "title"), "Countess");
        }
    }

    let _ =
        replace::run(context(gateway, &recorder).await, users.clone(), &ada, user("ada"), None, None).await.unwrap();
    let kept = recorder.take();
    assert_eq!((kept.action, kept.result), (Action::Replace, Ok(Effect::Updated)));
    assert_eq!(says(kept.before.as_ref(), "title"), "Countess");

    let crew = create::run(context(gateway, &recorder).await, groups.clone(), group("crew"), None).await.unwrap();
    let _ = recorder.take();
    let add = patch_body(json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]));
    let ctx = context(gateway, &recorder).await;
    let _ = patch::run(ctx, groups, crew.id().unwrap(), add, None, None).await.unwrap();
    assert_eq!(recorder.take().result, Ok(Effect::MembersChanged));

    let _ = delete::run(context(gateway, &recorder).await, users, &ada, None).await.unwrap();
    let kept = recorder.take();
    assert_eq!((kept.action, kept.result), (Action::Delete, Ok(Effect::Deleted)));
}

async fn a_refused_write_is_recorded_with_its_error(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let recorder = Arc::<Collector>::default();
    let users = gateway.context("acme").await.resource_type("Users").unwrap();
    let _ = create::run(context(gateway, &recorder).await, users.clone(), user("ada"), None).await.unwrap();
    let _ = recorder.take();
    for (body, part) in [
        (user("ada"), "409"),
        (json!({ "schemas": [], "userName": { "no": "text" } }), "invalidValue"),
        (json!("no object"), "invalidSyntax"),
    ] {
        let _ = create::run(context(gateway, &recorder).await, users.clone(), body, None).await.unwrap_err();
        let error = recorder.take().result.unwrap_err();
        assert!(error.to_lowercase().contains(&part.to_lowercase()), "{error}");
    }
    let nobody = "0198f000-0000-7000-8000-000000000000";
    let _ = delete::run(context(gateway, &recorder).await, users.clone(), nobody, None).await.unwrap_err();
    assert!(recorder.take().result.unwrap_err().contains("404"));
    let body = patch_body(json!([{ "op": "replace", "path": "title", "value": "x" }]));
    let _ = patch::run(context(gateway, &recorder).await, users, "no-id", body, None, None).await.unwrap_err();
    assert!(recorder.take().result.unwrap_err().contains("404"));
}

async fn each_mapping_step_is_recorded_with_its_reason(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let recorder = Arc::<Collector>::default();
    let users = gateway.context("acme").await.resource_type("Users").unwrap();
    for (action, name) in [("nothing", "ada"), ("exclude", "bob"), ("fail", "eve")] {
        let _ = gateway.map("acme", "hostile", &json!({ "do": action }), "refuse").await;
        let done = create::run(context(gateway, &recorder).await, users.clone(), user(name), None).await;
        let kept = recorder.take();
        assert_eq!(done.is_ok(), kept.result.is_ok(), "{kept:?}");
        let [step] = &kept.steps[..] else { panic!("{kept:?}") };
        match action {
            "nothing" => assert!(matches!(step, StepResult::Mapped), "{step:?}"),
            "exclude" => assert!(matches!(step, StepResult::Excluded(reason) if !reason.is_empty()), "{step:?}"),
            _ => assert!(matches!(step, StepResult::Failed(reason) if !reason.is_empty()), "{step:?}"),
        }
    }
}

async fn leniencies_are_recorded_with_the_write_that_used_them(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let recorder = Arc::<Collector>::default();
    let users = gateway.context("acme").await.resource_type("Users").unwrap();
    let mut body = user("ada");
    body["active"] = "True".into();
    let _ = create::run(context(gateway, &recorder).await, users, body, None).await.unwrap();
    assert!(recorder.take().warnings.contains(&"string-boolean".to_owned()));
}
