//! Answers in a form that no server should give, and in forms that are any server's right, whoever plays.

use scimgate_simulate::okta::Form;
use scimgate_tests::broken::{Asked, Reply};
use scimgate_tests::{TestGateway, on_postgres};
use serde_json::{Value, json};

use super::Player;
use super::stage::{Answering, Asking, Stage, assert_named, is};

on_postgres!(
    answers_in_the_wrong_form_are_named_by_every_client,
    members_that_are_excluded_and_shown_are_named,
    legal_forms_are_none_of_our_business,
);

/// A fault, the name of what it does wrong, and the attribute that the finding is about.
type Case = (fn(&Asked, &mut Reply), &'static str, &'static str);

const WRONG: [Case; 8] = [
    (|_, reply| edit_errors(reply, |error| error["status"] = json!(404)), "error-shape", "error"),
    (|_, reply| edit_errors(reply, |error| error["schemas"] = json!([])), "error-shape", "error"),
    (
        |_, reply| {
            if reply.status == 404 {
                reply.text.clear();
            }
        },
        "error-shape",
        "error",
    ),
    (
        |_, reply| {
            if reply.status == 404 {
                "Not Found".clone_into(&mut reply.text);
            }
        },
        "not-json",
        "body",
    ),
    (|asked, reply| edit_shown(asked, reply, |it| drop(it.remove("schemas"))), "resource-shape", "schemas"),
    (|asked, reply| edit_shown(asked, reply, untyped), "resource-shape", "meta.resourceType"),
    (|asked, reply| edit_shown(asked, reply, elsewhere), "location-wrong", "meta.location"),
    (|asked, reply| edit_shown(asked, reply, of_another), "location-wrong", "meta.location"),
];

/// Whatever is a 404; each client sees some.
fn edit_errors(reply: &mut Reply, change: impl FnOnce(&mut Value)) {
    if reply.status == 404 {
        reply.edit(change);
    }
}

/// Whatever is read by its id.
fn edit_shown(asked: &Asked, reply: &mut Reply, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let is_one = is(asked, "GET", "/Users/") || is(asked, "GET", "/Groups/");
    if is_one && reply.status == 200 {
        reply.edit(|body| change(body.as_object_mut().unwrap()));
    }
}

fn untyped(resource: &mut serde_json::Map<String, Value>) {
    drop(resource["meta"].as_object_mut().unwrap().remove("resourceType"));
}

fn elsewhere(resource: &mut serde_json::Map<String, Value>) {
    resource["meta"]["location"] = "https://scim.test/v2/Users".into();
}

fn of_another(resource: &mut serde_json::Map<String, Value>) {
    let location = resource["meta"]["location"].as_str().unwrap().replace("/Users/", "/Users/0");
    resource["meta"]["location"] = location.replace("/Groups/", "/Groups/0").into();
}

async fn answers_in_the_wrong_form_are_named_by_every_client(gateway: &TestGateway) {
    for (number, (fault, name, attribute)) in WRONG.into_iter().enumerate() {
        // In turns: the checks are those of all clients.
        let player = Player::ALL[number % Player::ALL.len()];
        let stage = Stage::at(gateway, &format!("tenant-{number}")).await;
        let report = stage.of(player, Answering(fault)).await;
        assert_named(&report, &[name]);
        let mut of_others = report.findings.iter().filter(|finding| finding.attribute != attribute);
        assert_eq!(of_others.next().map(|finding| &finding.attribute), None, "{player:?}");
    }
}

async fn members_that_are_excluded_and_shown_are_named(gateway: &TestGateway) {
    let stage = Stage::new(gateway).await;
    let shows = |asked: &mut Asked| asked.path = asked.path.replace("excludedAttributes=members", "nobody=knows");
    for player in [Player::Entra, Player::Okta(Form::Wizard), Player::SailPoint] {
        let report = stage.of(player, Asking(shows)).await;
        assert_named(&report, &["exclusion-ignored"]);
        assert!(report.findings.iter().any(|finding| finding.resource == "list groups"), "{:#?}", report.findings);
    }
}

/// What servers may do: each of these is green.
const LEGAL: [fn(&Asked, &mut Reply); 7] = [
    // Nothing but what `attributes` names.
    |asked, reply| {
        if asked.path.contains("?attributes=id") {
            edit_all(asked, reply, &|it| it.as_object_mut().unwrap().retain(|name, _| name == "id"));
        }
    },
    // Behind a proxy, by another name.
    |asked, reply| {
        edit_all(asked, reply, &|it| {
            if let Some(location) = it.pointer_mut("/meta/location") {
                *location = location.as_str().unwrap().split_once("/scim/").unwrap().1.into();
            }
        });
        if let Some((_, path)) = header(reply, "location").split_once("/scim/") {
            drop(reply.headers.insert("location", path.parse().unwrap()));
        }
    },
    |asked, reply| edit_all(asked, reply, &|it| drop(it.as_object_mut().unwrap().remove("meta"))),
    |asked, reply| edit_all(asked, reply, &|it| it["urn:example:more"] = json!({ "shoeSize": 42, "nested": [[]] })),
    // Errors without words.
    |_, reply| {
        if reply.status >= 400 {
            reply.edit(|error| error.as_object_mut().unwrap().retain(|name, _| name == "schemas" || name == "status"));
        }
    },
    |_, reply| drop(reply.headers.insert("content-type", "application/json; charset=utf-8".parse().unwrap())),
    // PATCH without a body, and PUT too.
    |asked, reply| {
        if ["PATCH", "PUT"].contains(&asked.method.as_str()) && reply.status == 200 {
            (reply.status, reply.text) = (204, String::new());
        }
    },
];

fn header(reply: &Reply, name: &str) -> String {
    reply.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// Every resource that is shown, alone or in a list.
fn edit_all(asked: &Asked, reply: &mut Reply, change: &dyn Fn(&mut Value)) {
    let of_resources = ["/Users", "/Groups"].iter().any(|path| asked.path.contains(path));
    if of_resources && matches!(reply.status, 200 | 201) {
        reply.edit(|body| {
            let shown = match body.get_mut("Resources") {
                Some(listed) => listed.as_array_mut().unwrap().as_mut_slice(),
                None => std::slice::from_mut(body),
            };
            shown.iter_mut().filter(|it| it.get("id").is_some()).for_each(change);
        });
    }
}

async fn legal_forms_are_none_of_our_business(gateway: &TestGateway) {
    for (number, player) in Player::ALL.into_iter().enumerate() {
        let stage = Stage::at(gateway, &format!("tenant-{number}")).await;
        for fault in LEGAL {
            assert_named(&stage.of(player, Answering(fault)).await, &[]);
        }
    }
}
