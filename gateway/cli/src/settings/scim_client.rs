//! A tenant's SCIM client: its profile, and what operators decided whatever the profile says.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Kind, Request, merged};

/// The profile and the decisions.
pub(crate) struct ScimClient;

impl Kind for ScimClient {
    fn name(&self) -> &'static str {
        "client"
    }

    fn of(&self, settings: &Value) -> Value {
        let client = &settings["client"];
        json!({ "profile": client["profile"], "allow": decided(client, true), "refuse": decided(client, false) })
    }

    fn after(&self, now: &Value, wanted: &Value) -> Value {
        merged(now, wanted)
    }

    fn requests(&self, now: &Value, after: &Value) -> Vec<Request> {
        let decided = |client: &Value| -> Vec<String> { [names(&client["allow"]), names(&client["refuse"])].concat() };
        let kept = decided(after);
        let reset: Vec<String> = decided(now).into_iter().filter(|name| !kept.contains(name)).collect();
        let mut body = json!({ "allow": after["allow"], "refuse": after["refuse"], "reset": reset });
        // The same profile again would forget which client was recognised.
        if now["profile"] != after["profile"] {
            body["profile"] = after["profile"].clone();
        }
        vec![Request::Send(Method::PATCH, &["client"], body)]
    }
}

/// The leniencies and choices that an operator allowed, or refused, in order.
fn decided(client: &Value, allowed: bool) -> Vec<String> {
    let all = ["leniencies", "choices"].into_iter().flat_map(|list| client[list].as_array().into_iter().flatten());
    let of_operator = all.filter(|it| it["by"] == "operator");
    let some = of_operator.filter(|it| it["allowed"].as_bool().or(it["made"].as_bool()) == Some(allowed));
    let mut names: Vec<String> = some.filter_map(|it| it["name"].as_str()).map(str::to_owned).collect();
    names.sort();
    names
}

fn names(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_operator_decided_is_compared_and_what_is_decided_no_more_is_reset() {
        let settings = json!({ "client": {
            "profile": "okta",
            "leniencies": [
                { "name": "b", "allowed": true, "by": "operator" }, { "name": "a", "allowed": true, "by": "operator" },
                { "name": "c", "allowed": false, "by": "operator" }, { "name": "d", "allowed": true, "by": "profile" },
            ],
            "choices": [{ "name": "e", "made": false, "by": "operator" }],
        }});
        let now = ScimClient.of(&settings);
        assert_eq!(now, json!({ "profile": "okta", "allow": ["a", "b"], "refuse": ["c", "e"] }));
        let after = ScimClient.after(&now, &json!({ "allow": ["a", "e"] }));
        let [Request::Send(_, _, body)] = &ScimClient.requests(&now, &after)[..] else { panic!("one request") };
        assert_eq!(*body, json!({ "allow": ["a", "e"], "refuse": ["c", "e"], "reset": ["b"] }));
    }
}
