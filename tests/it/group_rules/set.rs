//! Setting rules: what is refused, what the product and the SCIM client see of them, and why.

use scimgate_tests::tenant::{group, user};
use scimgate_tests::{TestGateway, on_both, on_postgres};
use serde_json::{Value, json};

use super::{PATH, Watched, announced, role, set_rules, sorted};

on_both!(the_product_sees_what_rules_give_and_the_client_sees_nothing);
on_postgres!(
    rules_are_shown_as_they_were_set_and_refused_with_what_is_wrong,
    changed_rules_are_announced_to_each_user_that_they_change,
    an_explanation_says_which_group_gives_what_by_which_rule,
);

async fn rules_are_shown_as_they_were_set_and_refused_with_what_is_wrong(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let crew = tenant.group("Crew").await;
    let empty = gateway.operator.get(PATH).await.expect(200).body;
    assert_eq!(empty, json!({ "rules": [], "groups": [], "changedAt": null, "changedBy": null, "announced": true }));
    let rules = json!([
        { "group": { "id": crew }, "role": { "value": "admin", "display": "Administrator", "type": "app", "primary": true } },
        { "group": { "displayName": "crew" }, "entitlement": { "value": "seat", "primary": false } },
        { "group": { "externalId": "nobody" }, "role": { "value": "ghost", "primary": false } },
    ]);
    let set = gateway.operator.put(PATH, &json!({ "rules": rules })).await.expect(200).body;
    assert_eq!((&set["rules"], &set["groups"]), (&rules, &json!([1, 1, 0])));
    assert!(set["changedAt"].is_string() && set["changedBy"].is_string(), "{set}");
    announced(gateway).await;
    let seen = gateway.operator.get(PATH).await.expect(200).body;
    assert_eq!((&seen["rules"], &seen["announced"]), (&rules, &json!(true)));
    let many: Vec<Value> = (0..201).map(|number| role(&format!("g{number}"), "admin")).collect();
    let cases = [
        (json!([{ "group": { "name": "A" }, "role": { "value": "a" } }]), "unknown field `name`"),
        (json!([{ "group": { "displayName": "A" }, "role": { "value": "a", "text": "b" } }]), "unknown field `text`"),
        (json!([{ "group": { "displayName": "A" }, "roles": [] }]), "unknown field `roles`"),
        (
            json!([role("A", "a"), { "group": { "displayName": "A" } }]),
            "Rule 2: it gives exactly one role or one entitlement.",
        ),
        (
            json!([{ "group": {}, "role": { "value": "a" } }]),
            "Rule 1: group has exactly one of id, externalId and displayName.",
        ),
        (
            json!([{ "group": { "id": "7" }, "role": { "value": "a" } }]),
            "Rule 1: group.id \"7\" is not an id of a resource.",
        ),
        (json!([role("A", "a"), role("a", "a")]), "Rule 2: an earlier rule gives the role a to the same group."),
        (json!([role("A\u{0}", "a")]), "Rule 1: group.displayName has a control character."),
        (json!(many), "There are 201 group rules; a tenant has at most 200."),
    ];
    for (rules, why) in cases {
        let refused = gateway.operator.put(PATH, &json!({ "rules": rules })).await.expect(400);
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{detail}");
    }
    assert_eq!(gateway.operator.get(PATH).await.expect(200).body["rules"], rules, "a refused change changes nothing");
    let job = "/tenants/acme/jobs/group-rules";
    assert_eq!(gateway.operator.get(job).await.expect(200).body["state"], "running");
    let refused = gateway.operator.patch(job, &json!({ "state": "cancelled" })).await.expect(409);
    assert!(refused.text.contains("`scimgate group-rules off acme` ends it"), "{}", refused.text);
    let gone = gateway.operator.delete(PATH).await.expect(200).body;
    assert_eq!(gone["rules"], json!([]));
    announced(gateway).await;
    assert_eq!(gateway.operator.get(job).await.expect(200).body["state"], "finished");
}

async fn the_product_sees_what_rules_give_and_the_client_sees_nothing(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let mut body = user("ada");
    body["roles"] = json!([{ "value": "Writer", "primary": true }]);
    let ada = tenant.post("/Users", &body).await.expect(201).id();
    let bob = tenant.user("bob").await;
    let mut crew = group("Crew");
    crew["members"] = json!([{ "value": ada }, { "value": bob }]);
    let _ = tenant.post("/Groups", &crew).await.expect(201);
    let source = [tenant.get("/Users").await.expect(200).text, tenant.get("/Groups").await.expect(200).text];
    let before = tenant.directory(&format!("/users/{ada}")).await.expect(200).body;
    let seat = json!({ "group": { "externalId": "Crew" }, "entitlement": { "value": "seat", "type": "license" } });
    let admin =
        json!({ "group": { "displayName": "CREW" }, "role": { "value": "admin", "display": "A", "primary": true } });
    set_rules(gateway, &[role("crew", "writer"), admin, seat]).await;
    announced(gateway).await;
    let mut seen = tenant.directory(&format!("/users/{ada}")).await.expect(200).body;
    assert_eq!(
        seen["roles"],
        json!([{ "value": "Writer", "primary": true }, { "value": "admin", "display": "A", "byGroup": true }]),
        "what the document has is shown once, and it has the primary one"
    );
    assert_eq!(seen["entitlements"], json!([{ "value": "seat", "type": "license", "byGroup": true }]));
    seen["roles"] = before["roles"].clone();
    seen.as_object_mut().unwrap().remove("entitlements");
    assert_eq!(seen, before, "nothing else differs");
    let seen = tenant.directory(&format!("/users/{bob}")).await.expect(200).body;
    let both = json!([
        { "value": "writer", "byGroup": true },
        { "value": "admin", "display": "A", "primary": true, "byGroup": true },
    ]);
    assert_eq!(seen["roles"], both);
    let after = [tenant.get("/Users").await.expect(200).text, tenant.get("/Groups").await.expect(200).text];
    assert_eq!(after, source, "the SCIM client sees the same documents and versions");
    let found = tenant.get("/Users?filter=roles.value eq \"admin\"").await.expect(200).body;
    assert_eq!(found["totalResults"], 0);
}

async fn changed_rules_are_announced_to_each_user_that_they_change(gateway: &TestGateway) {
    let mut watched = Watched::new(gateway).await;
    let [ada, bob, eve] =
        [watched.tenant.user("ada").await, watched.tenant.user("bob").await, watched.tenant.user("eve").await];
    let [crew, band] = [watched.tenant.group("Crew").await, watched.tenant.group("Band").await];
    for (group, member) in [(&crew, &ada), (&crew, &bob), (&band, &bob), (&band, &eve)] {
        watched.add(group, member).await;
    }
    let _ = watched.look().await;
    set_rules(gateway, &[role("Crew", "admin")]).await;
    assert_eq!(watched.changed().await, sorted(&[&ada, &bob]));
    // Bob has the same by another group.
    set_rules(gateway, &[role("Band", "admin")]).await;
    assert_eq!(watched.changed().await, sorted(&[&ada, &eve]));
    let described = json!({ "group": { "displayName": "Band" }, "role": { "value": "admin", "display": "Admin" } });
    set_rules(gateway, std::slice::from_ref(&described)).await;
    assert_eq!(watched.changed().await, sorted(&[&bob, &eve]));
    set_rules(gateway, &[described, role("Nobody", "ghost")]).await;
    assert_eq!(watched.changed().await, Vec::<String>::new());
    let _ = gateway.operator.delete(PATH).await.expect(200);
    assert_eq!(watched.changed().await, sorted(&[&bob, &eve]));
    // What happens without rules is not followed, and known when there are some again.
    watched.remove(&band, &eve).await;
    assert_eq!(watched.changed().await, Vec::<String>::new());
    set_rules(gateway, &[role("Band", "admin")]).await;
    assert_eq!(watched.changed().await, [bob]);
}

async fn an_explanation_says_which_group_gives_what_by_which_rule(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let mut body = user("ada");
    body["roles"] = json!([{ "value": "admin" }]);
    let ada = tenant.post("/Users", &body).await.expect(201).id();
    let mut crew = group("Crew");
    crew["members"] = json!([{ "value": ada }]);
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    let seat = json!({ "group": { "id": crew }, "entitlement": { "value": "seat" } });
    set_rules(gateway, &[role("Other", "owner"), seat, role("crew", "admin")]).await;
    let explained = gateway.operator.get("/tenants/acme/explanation?resource=ada").await.expect(200).body;
    let granted = |rule: i64, attribute: &str, value: &str, in_document: bool| json!({ "rule": rule, "attribute": attribute, "value": value, "groupId": crew, "groupName": "Crew", "inDocument": in_document });
    assert_eq!(
        explained["granted"],
        json!([granted(2, "entitlements", "seat", false), granted(3, "roles", "admin", true)])
    );
    let sentences: Vec<&str> = explained["sentences"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let seat = format!("By group rule 2 it has the entitlement seat, as a member of the group {crew}, called Crew.");
    let admin = format!(
        "By group rule 3 it has the role admin, as a member of the group {crew}, called Crew. The mapped document has it as well, so it is shown once."
    );
    assert!(sentences.contains(&seat.as_str()) && sentences.contains(&admin.as_str()), "{sentences:?}");
}
