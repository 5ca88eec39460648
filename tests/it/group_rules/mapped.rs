//! What a mapping hides and shows: users and groups that a remap excludes and includes, and names that it hides.

use scimgate_tests::tenant::user;
use scimgate_tests::{TestGateway, on_both, on_postgres};
use serde_json::{Value, json};

use super::{Watched, role, set_rules, sorted};
use crate::remap::helpers::{finished, map};

on_both!(users_that_a_remap_excludes_and_includes_are_announced_by_that_alone);
on_postgres!(
    groups_that_a_remap_excludes_and_includes_are_announced_to_their_members,
    a_name_that_the_mapping_hides_counts_as_it_is_at_the_source,
);

const NOBODY: [String; 0] = [];

/// Activates a mapping of groups alone.
async fn map_groups(watched: &Watched<'_>, config: &Value) {
    let gateway = watched.gateway;
    let digest = gateway.upload(scimgate_tests::plugin("hostile")).await.body["digest"].clone();
    let step = json!({ "plugin": digest, "config": config, "resourceTypes": ["Group"] });
    let mapping = json!({ "onFailure": "refuse", "steps": [step] });
    let _ = gateway.operator.put("/tenants/acme/mapping?dryRun=false", &mapping).await.expect(200);
    let _ = finished(gateway, &watched.tenant).await;
}

async fn unmap(watched: &Watched<'_>) {
    let _ = watched.gateway.operator.delete("/tenants/acme/mapping").await.expect(204);
    let _ = finished(watched.gateway, &watched.tenant).await;
}

async fn users_that_a_remap_excludes_and_includes_are_announced_by_that_alone(gateway: &TestGateway) {
    let mut watched = Watched::new(gateway).await;
    let ada = watched.tenant.user("ada").await;
    let mut contractor = user("eve");
    contractor["userType"] = "Contractor".into();
    let eve = watched.tenant.post("/Users", &contractor).await.expect(201).id();
    let [crew, band] = [watched.tenant.group("Crew").await, watched.tenant.group("Band").await];
    for (group, member) in [(&crew, &ada), (&crew, &eve), (&band, &eve)] {
        watched.add(group, member).await;
    }
    set_rules(gateway, &[role("Crew", "admin"), role("Band", "player")]).await;
    let _ = watched.look().await;
    let exclude = json!({ "excludeWhere": { "path": "userType", "equals": "Contractor" } });
    let _ = map(gateway, "tutorial", &exclude, "refuse").await;
    let _ = finished(gateway, &watched.tenant).await;
    let change = watched.look().await;
    assert_eq!((change.announced, change.events), (vec![], vec![("user.deleted".to_owned(), eve.clone())]));
    // No event is sent for a role that a hidden user loses or gets.
    watched.remove(&band, &eve).await;
    assert_eq!(watched.changed().await, NOBODY);
    unmap(&watched).await;
    let change = watched.look().await;
    assert_eq!(change.announced, NOBODY, "the product read it with user.created: {:?}", change.events);
    assert_eq!(watched.has(&eve), ["roles admin"]);
    watched.remove(&crew, &eve).await;
    assert_eq!(watched.changed().await, [eve]);
    assert_eq!(watched.has(&ada), ["roles admin"]);
}

async fn groups_that_a_remap_excludes_and_includes_are_announced_to_their_members(gateway: &TestGateway) {
    let mut watched = Watched::new(gateway).await;
    let [ada, bob] = [watched.tenant.user("ada").await, watched.tenant.user("bob").await];
    let crew = watched.tenant.group("Crew").await;
    watched.add(&crew, &ada).await;
    watched.add(&crew, &bob).await;
    set_rules(gateway, &[role("Crew", "admin")]).await;
    let _ = watched.look().await;
    map_groups(&watched, &json!({ "do": "exclude" })).await;
    assert_eq!(watched.changed().await, sorted(&[&ada, &bob]));
    assert_eq!(watched.has(&ada), NOBODY);
    watched.remove(&crew, &bob).await;
    assert_eq!(watched.changed().await, NOBODY);
    unmap(&watched).await;
    assert_eq!(watched.changed().await, [ada.clone()]);
    // The user and the group, hidden and shown at once.
    let digest = gateway.upload(scimgate_tests::plugin("hostile")).await.body["digest"].clone();
    let all = json!({ "onFailure": "refuse", "steps": [{ "plugin": digest, "config": { "do": "exclude" } }] });
    let _ = gateway.operator.put("/tenants/acme/mapping?dryRun=false", &all).await.expect(200);
    let _ = finished(gateway, &watched.tenant).await;
    assert_eq!(watched.changed().await, NOBODY);
    assert!(watched.known.is_empty());
    unmap(&watched).await;
    let change = watched.look().await;
    assert_eq!(change.announced, NOBODY, "{:?}", change.events);
    assert_eq!(watched.has(&ada), ["roles admin"]);
    watched.add(&crew, &bob).await;
    assert_eq!(watched.changed().await, [bob]);
}

async fn a_name_that_the_mapping_hides_counts_as_it_is_at_the_source(gateway: &TestGateway) {
    let mut watched = Watched::new(gateway).await;
    let ada = watched.tenant.user("ada").await;
    let crew = watched.tenant.group("Crew").await;
    watched.add(&crew, &ada).await;
    map_groups(&watched, &json!({ "do": "write", "path": "displayName", "size": 5 })).await;
    set_rules(gateway, &[role("Crew", "admin"), role("xxxxx", "ghost")]).await;
    let _ = watched.look().await;
    assert_eq!(watched.has(&ada), ["roles admin"]);
    // The product sees the same group as before, so that no event says that its name changed.
    watched.rename(&crew, "Staff").await;
    let change = watched.look().await;
    assert_eq!(change.announced, [ada.clone()]);
    assert_eq!(change.events, [("user.updated".to_owned(), ada.clone())]);
    assert_eq!(watched.has(&ada), NOBODY);
    watched.rename(&crew, "crew").await;
    assert_eq!(watched.changed().await, [ada]);
}
