//! Memberships that end in masses: removed, replaced, or with their group.

use scimgate_tests::tenant::{group, patch, user};
use scimgate_tests::{Tenant, TestGateway, on_both};
use serde_json::{Value, json};

use super::{MARK, batch, check_rows, decide, events, feed, guarded, members, users};

on_both!(
    an_emptied_group_is_held_until_it_is_released,
    a_rejected_removal_of_members_is_undone,
    a_deleted_group_is_held_with_its_members,
    a_rejected_deletion_of_a_group_restores_its_pending_references,
    memberships_of_a_user_who_cannot_be_restored_stay_held,
);

/// A group of six, of which one leaves, which passes, and the others all at once, which is held.
async fn emptied(gateway: &TestGateway, empty: &Value) -> (Tenant, Vec<String>, String, usize) {
    let tenant = guarded(gateway, 100, 3).await;
    let mut ids = users(&tenant, 6).await;
    ids.sort();
    let mut crew = group("Crew");
    crew["members"] = ids.iter().map(|id| json!({ "value": id })).collect();
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    let path = format!("/Groups/{crew}");
    let one = json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", ids[0]) }]);
    let _ = tenant.patch(&path, &patch(one)).await.expect(200);
    let before = feed(&tenant).await.len();
    assert_eq!(members(&tenant, &crew).await, [ids[1..].to_vec(), ids[1..].to_vec()]);
    let _ = tenant.patch(&path, &patch(empty.clone())).await.expect(200);
    assert_eq!(members(&tenant, &crew).await, [ids[1..].to_vec(), vec![]]);
    let of_members = events(&tenant, before).await.into_iter().filter(|(kind, _)| kind.starts_with("membership"));
    assert_eq!(of_members.count(), 0);
    assert_eq!(batch(gateway).await["batch"]["memberships"], 5);
    (tenant, ids, crew, before)
}

async fn an_emptied_group_is_held_until_it_is_released(gateway: &TestGateway) {
    let empty = json!([{ "op": "replace", "path": "members", "value": [] }, { "op": "replace", "path": "displayName", "value": "Band" }]);
    let (tenant, ids, crew, before) = emptied(gateway, &empty).await;
    let path = format!("/Groups/{crew}");
    let add = |id: &str| patch(json!([{ "op": "add", "path": "members", "value": [{ "value": id }] }]));
    // One that comes back changes nothing for the product; one that had left before does.
    for id in [&ids[1], &ids[0]] {
        let _ = tenant.patch(&path, &add(id)).await.expect(200);
    }
    assert_eq!(members(&tenant, &crew).await, [ids.clone(), ids[..2].to_vec()]);
    let added = |id: &String| ("membership.added".to_owned(), id.clone());
    let updated = ("group.updated".to_owned(), crew.clone());
    assert_eq!(events(&tenant, before).await, [updated, added(&ids[0])]);

    assert_eq!(decide(gateway, "released").await, "released");
    assert_eq!(members(&tenant, &crew).await, [ids[..2].to_vec(), ids[..2].to_vec()]);
    let mut removed = events(&tenant, before + 2).await;
    removed.sort();
    let expected: Vec<_> = ids[2..].iter().map(|id| ("membership.removed".to_owned(), id.clone())).collect();
    assert_eq!(removed, expected);
    assert_eq!(batch(gateway).await["batch"]["memberships"], 0);
    check_rows(gateway).await;
}

async fn a_rejected_removal_of_members_is_undone(gateway: &TestGateway) {
    let empty = json!([{ "op": "remove", "path": "members" }]);
    let (tenant, ids, crew, before) = emptied(gateway, &empty).await;
    assert_eq!(decide(gateway, "rejected").await, "rejected");
    assert_eq!(members(&tenant, &crew).await, [ids[1..].to_vec(), ids[1..].to_vec()]);
    assert_eq!(events(&tenant, before).await, []);
    assert_eq!(batch(gateway).await["batch"]["memberships"], 0);
    check_rows(gateway).await;
}

async fn a_deleted_group_is_held_with_its_members(gateway: &TestGateway) {
    let tenant = guarded(gateway, 100, 3).await;
    let mut ids = users(&tenant, 4).await;
    ids.sort();
    let mut crew = group("Crew");
    crew["members"] = ids.iter().map(|id| json!({ "value": id })).collect();
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    let before = feed(&tenant).await.len();
    let _ = tenant.delete(&format!("/Groups/{crew}")).await.expect(204);
    let _ = tenant.get(&format!("/Groups/{crew}")).await.expect(404);
    let shown = tenant.directory(&format!("/groups/{crew}")).await.expect(200).body;
    assert_eq!(shown["members"].as_array().unwrap().len(), 4);
    let listed = tenant.directory("/groups").await.expect(200).body;
    let others = listed["resources"].as_array().unwrap().iter().filter(|group| group["displayName"] != MARK);
    assert_eq!(others.count(), 1);
    assert_eq!(events(&tenant, before).await, []);
    assert_eq!(decide(gateway, "released").await, "released");
    let _ = tenant.directory(&format!("/groups/{crew}")).await.expect(404);
    assert_eq!(events(&tenant, before).await, [("group.deleted".to_owned(), crew.clone())]);

    // Again, rejected: the group is back under its id.
    let mut band = group("Band");
    band["members"] = ids.iter().map(|id| json!({ "value": id })).collect();
    let band = tenant.post("/Groups", &band).await.expect(201).id();
    let before = feed(&tenant).await.len();
    let _ = tenant.delete(&format!("/Groups/{band}")).await.expect(204);
    assert_eq!(decide(gateway, "rejected").await, "rejected");
    assert_eq!(members(&tenant, &band).await, [ids.clone(), ids]);
    assert_eq!(events(&tenant, before).await, []);
}

async fn a_rejected_deletion_of_a_group_restores_its_pending_references(gateway: &TestGateway) {
    let tenant = guarded(gateway, 100, 0).await;
    let ada = tenant.user("ada").await;
    let mut crew = group("Crew");
    crew["members"] = json!([{ "value": ada }, { "value": "soon@corp.test" }, { "value": "later@corp.test" }]);
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    let _ = tenant.delete(&format!("/Groups/{crew}")).await.expect(204);
    let soon = tenant.user("soon").await;
    let before = feed(&tenant).await.len();
    assert_eq!(decide(gateway, "rejected").await, "rejected");
    let mut both = vec![ada, soon.clone()];
    both.sort();
    let mut client = both.clone();
    client.push("later@corp.test".to_owned());
    assert_eq!(members(&tenant, &crew).await, [both.clone(), client], "the one that has appeared is a member");
    assert_eq!(events(&tenant, before).await, [("membership.added".to_owned(), soon)]);
    let later = tenant.user("later").await;
    both.push(later);
    both.sort();
    assert_eq!(members(&tenant, &crew).await, [both.clone(), both], "and so does the one that appears after it");

    // Released, nothing of it is left.
    let mut band = group("Band");
    band["members"] = json!([{ "value": "nobody@corp.test" }]);
    let band = tenant.post("/Groups", &band).await.expect(201).id();
    let _ = tenant.delete(&format!("/Groups/{band}")).await.expect(204);
    assert_eq!(decide(gateway, "released").await, "released");
    let _ = tenant.user("nobody").await;
    let _ = tenant.directory(&format!("/groups/{band}")).await.expect(404);
    if gateway.database() == scimgate_tests::Database::Postgres {
        let left = gateway.store().await.query("SELECT 1 FROM held_reference", &[]).await.unwrap();
        assert!(left.is_empty());
    }
}

async fn memberships_of_a_user_who_cannot_be_restored_stay_held(gateway: &TestGateway) {
    let tenant = guarded(gateway, 0, 0).await;
    let (ada, bob) = (tenant.user("ada").await, tenant.user("bob").await);
    let mut crew = group("Crew");
    crew["members"] = json!([{ "value": ada }, { "value": bob }]);
    let crew = tenant.post("/Groups", &crew).await.expect(201).id();
    for id in [&ada, &bob] {
        let _ = tenant.delete(&format!("/Users/{id}")).await.expect(204);
    }
    let mut other = user("ada");
    other["externalId"] = "someone-else".into();
    let _ = tenant.post("/Users", &other).await.expect(201);
    let before = feed(&tenant).await.len();
    assert_eq!(decide(gateway, "rejected").await, "open", "her name is taken");
    assert_eq!(members(&tenant, &crew).await, [vec![ada.clone(), bob.clone()], vec![bob.clone()]]);
    assert_eq!(events(&tenant, before).await, [], "for the product nothing happened");
    assert_eq!(decide(gateway, "released").await, "released");
    assert_eq!(members(&tenant, &crew).await, [vec![bob.clone()], vec![bob]]);
    assert_eq!(events(&tenant, before).await, [("user.deleted".to_owned(), ada)]);
}
