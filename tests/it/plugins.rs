//! The registry of plugins: versions never change what they mean, whoever uploads, removes or uses them at the same moment.

mod older;
mod pull;
mod races;
mod signatures;

use scimgate_tests::plugins::Plain;
use scimgate_tests::tenant::device;
use scimgate_tests::{Answer, Request, TestGateway, on_both};
use serde_json::{Value, json};

on_both!(
    a_version_never_changes_what_it_means,
    a_name_is_a_slug_and_a_version_is_semantic,
    a_tenants_own_plugin_is_for_that_tenant_alone,
    a_release_in_use_is_not_removed_and_a_yanked_one_not_used_anew,
    the_newest_dev_pushes_are_kept_and_those_in_use,
);

/// Uploads a plugin with these parameters.
async fn push(gateway: &TestGateway, plugin: &Plain<'_>, query: &str) -> Answer {
    let upload = Request::new("POST", &format!("/plugins{query}"));
    gateway.operator.send(upload.body("application/wasm", plugin.wasm())).await
}

/// A mapping of one step.
fn mapping(plugin: &str) -> Value {
    json!({ "steps": [{ "plugin": plugin }] })
}

async fn draft(gateway: &TestGateway, tenant: &str, plugin: &str) -> Answer {
    gateway.operator.post(&format!("/tenants/{tenant}/mapping/revisions"), &mapping(plugin)).await
}

fn text<'a>(answer: &'a Answer, member: &str) -> &'a str {
    answer.body[member].as_str().unwrap_or_else(|| panic!("{} has no {member}", answer.text))
}

/// The names and versions of a list.
async fn listed(gateway: &TestGateway, query: &str) -> Vec<String> {
    let list = gateway.operator.get(&format!("/plugins{query}")).await.expect(200).body;
    let plugins = list["plugins"].as_array().unwrap().iter();
    plugins.map(|it| format!("{}@{}", it["name"].as_str().unwrap(), it["version"].as_str().unwrap())).collect()
}

async fn a_version_never_changes_what_it_means(gateway: &TestGateway) {
    let (one, other) = (Plain::new("house", "0.1.0", "one"), Plain::new("house", "0.1.0", "other"));
    let first = push(gateway, &one, "").await.expect(201);
    assert_eq!(
        (&first.body["added"], &first.body["dev"], &first.body["tenant"]),
        (&json!(true), &json!(false), &Value::Null)
    );
    let shown = gateway.operator.get("/plugins/house/0.1.0").await.expect(200);
    gateway.clock.advance(std::time::Duration::from_mins(1));
    assert_eq!(push(gateway, &one, "").await.expect(200).body["added"], false);
    assert_eq!(gateway.operator.get("/plugins/house/0.1.0").await.expect(200).body, shown.body, "nothing changed");

    let refusal = push(gateway, &other, "").await.expect(409);
    let dev = push(gateway, &other, "?dev=true").await.expect(201);
    let (known, new) = (text(&first, "digest"), text(&dev, "digest"));
    let detail = text(&refusal, "detail");
    assert!(detail.contains(known) && detail.contains(new) && detail.contains("A version never changes"), "{detail}");
    assert_eq!(text(&dev, "version"), format!("0.1.0+sha256-{}", &new[..12]));
    assert_eq!(push(gateway, &other, "?dev=true").await.expect(200).body["version"], dev.body["version"]);
    let _ = push(gateway, &other, "?force=true").await.expect(409);
    let _ = push(gateway, &other, "?dev=maybe").await.expect(400);

    let next = push(gateway, &Plain::new("house", "0.2.0", "other"), "").await.expect(201);
    let _ = push(gateway, &Plain::new("hut", "0.2.0", "other"), "").await.expect(201);
    let dev = format!("house@{}", text(&dev, "version"));
    assert_eq!(listed(gateway, "").await, ["house@0.1.0", &dev, "house@0.2.0", "hut@0.2.0"]);
    assert_eq!(listed(gateway, "?name=house&limit=2").await, ["house@0.1.0", &dev]);
    let page = gateway.operator.get("/plugins?limit=2").await.expect(200).body;
    let after = page["next"].as_str().unwrap().replace('+', "%2B");
    assert_eq!(listed(gateway, &format!("?after={after}")).await, ["house@0.2.0", "hut@0.2.0"]);

    // By name and version, by digest, and no more by the name alone.
    let _ = gateway.plain_tenant("acme").await;
    for (wanted, digest, version) in
        [("house@0.1.0", known, "0.1.0"), (known, known, "0.1.0"), (&dev, new, &dev["house@".len()..])]
    {
        let drafted = draft(gateway, "acme", wanted).await.expect(201).body["steps"][0].clone();
        assert_eq!((&drafted["plugin"], &drafted["version"]), (&json!(digest), &json!(version)));
    }
    let refusal = draft(gateway, "acme", "house").await.expect(400);
    let detail = "Step 1 (house): it has several versions. Name the one you mean: house@0.1.0, house@0.2.0.";
    assert_eq!(text(&refusal, "detail"), detail);
    assert_eq!(next.body["added"], true);
    for path in
        ["/plugins/house/9.9.9", "/plugins/none/0.1.0", "/plugins/house/%00", "/plugins/house/0.1.0?tenant=acme"]
    {
        let _ = gateway.operator.get(path).await.expect(404);
    }
    let _ = gateway.operator.get("/plugins?tenant=nobody").await.expect(404);
}

async fn a_name_is_a_slug_and_a_version_is_semantic(gateway: &TestGateway) {
    for (name, version, types, why) in [
        ("House", "1.0.0", &["User"][..], "a-z, 0-9 and -"),
        ("house!", "1.0.0", &["User"], "a-z, 0-9 and -"),
        ("house", "1.0", &["User"], "Semantic Versioning"),
        ("house", "1.0.0+mine", &["User"], "build metadata (+mine), which only dev pushes get"),
        ("house", "1.0.0", &["Usr"], "it is only for Usr, and the resource types of all tenants are User, Group"),
    ] {
        for query in ["", "?dev=true"] {
            let refusal = push(gateway, &Plain { types, ..Plain::new(name, version, "") }, query).await.expect(400);
            assert!(text(&refusal, "detail").contains(why), "{}", refusal.text);
        }
    }
    assert_eq!(listed(gateway, "").await, Vec::<String>::new());
    let devices = Plain { types: &["User", "Device"], ..Plain::new("house", "1.0.0-rc.1", "") };
    let pushed = push(gateway, &devices, "").await.expect(201);
    assert_eq!(pushed.body["warnings"], json!(["It is also for Device, which only tenants have that define it."]));
    // Of a tenant's own plugin each type is one of the tenant's.
    let _ = gateway.plain_tenant("acme").await;
    let refusal = push(gateway, &devices, "?tenant=acme").await.expect(400);
    assert!(text(&refusal, "detail").contains("it is for Device, and the tenant has"), "{}", refusal.text);
    let _ = gateway.operator.post("/tenants/acme/resource-types", &device()).await.expect(201);
    let own = push(gateway, &devices, "?tenant=acme").await.expect(201);
    assert_eq!((&own.body["tenant"], &own.body["warnings"]), (&json!("acme"), &json!([])));
}

async fn a_tenants_own_plugin_is_for_that_tenant_alone(gateway: &TestGateway) {
    for tenant in ["acme", "globex"] {
        let _ = gateway.plain_tenant(tenant).await;
    }
    let own = push(gateway, &Plain::new("own", "1.0.0", ""), "?tenant=acme").await.expect(201);
    let digest = text(&own, "digest");
    for wanted in ["own@1.0.0", "own", digest] {
        assert_eq!(draft(gateway, "acme", wanted).await.expect(201).body["steps"][0]["plugin"], digest);
        let refusal = draft(gateway, "globex", wanted).await.expect(400);
        assert!(text(&refusal, "detail").contains("there is no such plugin"), "{}", refusal.text);
    }
    assert_eq!(listed(gateway, "").await, Vec::<String>::new());
    assert_eq!(listed(gateway, "?tenant=globex").await, Vec::<String>::new());
    assert_eq!(listed(gateway, "?tenant=acme").await, ["own@1.0.0"]);
    for path in ["/plugins/own/1.0.0", "/plugins/own/1.0.0?tenant=globex"] {
        let _ = gateway.operator.get(path).await.expect(404);
        let _ = gateway.operator.delete(path).await.expect(404);
    }

    // The same name and version for all: the tenant's own comes first, the other is left by its digest.
    let all = push(gateway, &Plain::new("own", "1.0.0", "all"), "").await.expect(201);
    let (all, own) = (text(&all, "digest"), digest);
    for (tenant, meant) in [("acme", own), ("globex", all)] {
        for wanted in ["own", "own@1.0.0"] {
            assert_eq!(draft(gateway, tenant, wanted).await.expect(201).body["steps"][0]["plugin"], meant);
        }
    }
    assert_eq!(draft(gateway, "acme", all).await.expect(201).body["steps"][0]["plugin"], all);
    // The same bytes may be everybody's, under one digest.
    let _ = push(gateway, &Plain::new("own", "1.0.0", ""), "?tenant=globex").await.expect(201);
    let _ = gateway.operator.delete("/plugins/own/1.0.0?tenant=globex").await.expect(204);
    assert_eq!(gateway.operator.get("/plugins/own/1.0.0?tenant=acme").await.expect(200).body["digest"], own);
    let uses = gateway.operator.get("/plugins/own/1.0.0/uses?tenant=acme").await.expect(200).body;
    assert!(uses["uses"].as_array().unwrap().iter().all(|it| it["tenant"] == "acme"), "{uses}");
}

async fn a_release_in_use_is_not_removed_and_a_yanked_one_not_used_anew(gateway: &TestGateway) {
    let tenant = gateway.plain_tenant("acme").await;
    let _ = gateway.plain_tenant("globex").await;
    let house = |version| Plain::new("house", version, "");
    let _ = push(gateway, &house("1.0.0"), "").await.expect(201);
    let _ = push(gateway, &house("1.1.0"), "").await.expect(201);
    let put = gateway.operator.put("/tenants/acme/mapping", &mapping("house@1.0.0")).await.expect(200);
    let _ = gateway.operator.put("/tenants/acme/mapping", &mapping("house@1.0.0")).await.expect(200);
    let _ = draft(gateway, "globex", "house@1.0.0").await.expect(201);
    let release = "/plugins/house/1.0.0";
    let uses = gateway.operator.get(&format!("{release}/uses")).await.expect(200).body;
    let expected = json!({ "next": null, "uses": [
        { "tenant": "acme", "revision": 1, "state": "retired" }, { "tenant": "acme", "revision": 2, "state": "active" },
        { "tenant": "globex", "revision": 1, "state": "draft" },
    ] });
    assert_eq!(uses, expected);
    let _ = gateway.operator.get(&format!("{release}/uses?after=x")).await.expect(400);
    let refusal = gateway.operator.delete(release).await.expect(409);
    let detail = "house@1.0.0 is in use: revision 1 of acme (retired), revision 2 of acme (active), revision 1 of globex (draft). Revisions \
                  are kept, and with them what they use. To keep new ones from it, yank it.";
    assert_eq!(text(&refusal, "detail"), detail);
    let _ = gateway.operator.delete("/plugins/house/1.1.0").await.expect(204);
    let _ = gateway.operator.get("/plugins/house/1.1.0").await.expect(404);
    let _ = gateway.operator.delete("/plugins/house/1.1.0").await.expect(404);
    // A removed version can be given away again.
    let _ = push(gateway, &Plain::new("house", "1.1.0", "other"), "").await.expect(201);

    let change =
        async |yanked: bool| gateway.operator.patch(release, &json!({ "yanked": yanked })).await.expect(200).body;
    let yanked = change(true).await;
    assert!(yanked["yankedAt"].is_string() && yanked["yankedBy"].is_string(), "{yanked}");
    gateway.clock.advance(std::time::Duration::from_mins(1));
    assert_eq!(change(true).await, yanked, "the first yank stays");
    for wanted in ["house@1.0.0", put.body["steps"][0]["plugin"].as_str().unwrap()] {
        let refusal = draft(gateway, "acme", wanted).await.expect(409);
        assert!(text(&refusal, "detail").starts_with("Step 1 (house@1.0.0): the plugin is yanked"), "{}", refusal.text);
    }
    // What uses it goes on, and a draft from before can be activated.
    let _ = tenant.user("ada").await;
    let active =
        gateway.operator.post("/tenants/globex/mapping/revisions/1/activate", &json!({})).await.expect(200).body;
    assert_eq!(active["warnings"], json!(["The plugin house@1.0.0 is yanked: no new revision may use it."]));
    let back = gateway.operator.post("/tenants/acme/mapping/rollback", &json!({})).await.expect(200).body;
    assert_eq!(back["warnings"], json!(["The plugin house@1.0.0 is yanked: no new revision may use it."]));
    assert_eq!(
        draft(gateway, "acme", "house").await.expect(201).body["steps"][0]["version"],
        "1.1.0",
        "the only one that is not"
    );
    let unyanked = change(false).await;
    assert_eq!((&unyanked["yankedAt"], &unyanked["yankedBy"]), (&Value::Null, &Value::Null));
    let _ = draft(gateway, "acme", "house@1.0.0").await.expect(201);
    let _ = gateway.operator.patch(release, &json!({ "yank": true })).await.expect(400);
}

async fn the_newest_dev_pushes_are_kept_and_those_in_use(gateway: &TestGateway) {
    let _ = gateway.plain_tenant("acme").await;
    let mut digests = Vec::new();
    for number in 0..23 {
        let salt = format!("push {number}");
        let pushed = push(gateway, &Plain::new("house", "0.1.0", &salt), "?dev=true").await.expect(201);
        digests.push(text(&pushed, "digest").to_owned());
        if number == 0 {
            let _ = draft(gateway, "acme", &digests[0]).await.expect(201);
        }
        gateway.clock.advance(std::time::Duration::from_secs(1));
    }
    let list = gateway.operator.get("/plugins").await.expect(200).body;
    let mut kept: Vec<&str> =
        list["plugins"].as_array().unwrap().iter().map(|it| it["digest"].as_str().unwrap()).collect();
    let mut expected: Vec<&str> = digests[3..].iter().chain([&digests[0]]).map(String::as_str).collect();
    kept.sort_unstable();
    expected.sort_unstable();
    assert_eq!(kept, expected, "the newest twenty, and the one in use");
    let control = gateway.gateway.store.control();
    for (digest, is_stored) in digests.iter().zip([true, false, false, true]) {
        assert_eq!(
            control.plugin_wasm(digest).await.unwrap().is_some(),
            is_stored,
            "the bytes go with the last release"
        );
    }
    // A removed one can be pushed again.
    let again = push(gateway, &Plain::new("house", "0.1.0", "push 1"), "?dev=true").await.expect(201);
    assert_eq!(text(&again, "digest"), digests[1]);
}
