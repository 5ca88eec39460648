//! Changes at the source: members come and go by every kind of request, and groups are deleted and renamed.

use scimgate_tests::tenant::{group, user};
use scimgate_tests::{TestGateway, on_both, on_postgres};
use serde_json::json;

use super::{Watched, role, set_rules, sorted};

on_both!(members_that_come_and_go_are_announced_once);
on_postgres!(
    a_group_that_is_renamed_or_deleted_is_announced_to_its_members,
    a_value_that_stays_by_another_group_or_the_document_is_not_announced,
    users_that_come_with_a_role_are_not_announced_again,
);

const NOBODY: [String; 0] = [];

async fn members_that_come_and_go_are_announced_once(gateway: &TestGateway) {
    let mut watched = Watched::new(gateway).await;
    let [ada, bob, eve] =
        [watched.tenant.user("ada").await, watched.tenant.user("bob").await, watched.tenant.user("eve").await];
    let [crew, nested] = [watched.tenant.group("Crew").await, watched.tenant.group("Nested").await];
    set_rules(gateway, &[role("Crew", "admin")]).await;
    let _ = watched.look().await;
    watched.add(&crew, &ada).await;
    assert_eq!(watched.changed().await, [ada.clone()]);
    assert_eq!(watched.has(&ada), ["roles admin"]);
    watched.add(&crew, &ada).await;
    assert_eq!(watched.changed().await, NOBODY);
    let replace = |ids: &[&String]| {
        let members: Vec<_> = ids.iter().map(|id| json!({ "value": id })).collect();
        let mut body = group("Crew");
        body["members"] = members.into();
        body
    };
    let path = format!("/Groups/{crew}");
    let _ = watched.tenant.put(&path, &replace(&[&bob, &eve])).await.expect(200);
    assert_eq!(watched.changed().await, sorted(&[&ada, &bob, &eve]));
    watched.remove(&crew, &bob).await;
    assert_eq!(watched.changed().await, [bob.clone()]);
    let replace = json!([{ "op": "replace", "path": "members", "value": [{ "value": ada }] }]);
    watched.edit(&path, replace).await;
    assert_eq!(watched.changed().await, sorted(&[&ada, &eve]));
    // Members of a group that is a member are none of this one.
    watched.add(&nested, &bob).await;
    watched.add(&crew, &nested).await;
    assert_eq!(watched.changed().await, NOBODY);
    watched.edit(&path, json!([{ "op": "remove", "path": "members" }])).await;
    assert_eq!(watched.changed().await, [ada.clone()]);
    // In and out again before anybody looks.
    watched.add(&crew, &eve).await;
    watched.remove(&crew, &eve).await;
    watched.add(&crew, &ada).await;
    let change = watched.look().await;
    assert_eq!(change.differ, [ada.clone()]);
    let of_eve = change.announced.iter().filter(|id| **id == eve).count();
    assert!(of_eve == 0 || of_eve == 2, "{:?}", change.announced);
    let _ = watched.tenant.delete(&format!("/Users/{ada}")).await.expect(204);
    let change = watched.look().await;
    assert_eq!((change.announced, change.events.len()), (vec![], 1), "a deleted user has no other event");
}

async fn a_group_that_is_renamed_or_deleted_is_announced_to_its_members(gateway: &TestGateway) {
    let mut watched = Watched::new(gateway).await;
    let [ada, bob] = [watched.tenant.user("ada").await, watched.tenant.user("bob").await];
    let [crew, band] = [watched.tenant.group("Crew").await, watched.tenant.group("Band").await];
    watched.add(&crew, &ada).await;
    watched.add(&band, &bob).await;
    let by_external_id = json!({ "group": { "externalId": "X" }, "entitlement": { "value": "seat" } });
    let by_id = json!({ "group": { "id": crew }, "role": { "value": "chief" } });
    set_rules(gateway, &[role("Crew", "admin"), by_external_id, by_id]).await;
    let _ = watched.look().await;
    assert_eq!(watched.has(&ada), ["roles admin", "roles chief"]);
    watched.rename(&crew, "Staff").await;
    assert_eq!(watched.changed().await, [ada.clone()]);
    assert_eq!(watched.has(&ada), ["roles chief"]);
    watched.rename(&band, "cREW").await;
    assert_eq!(watched.changed().await, [bob.clone()]);
    watched.rename(&band, "CREW").await;
    assert_eq!(watched.changed().await, NOBODY);
    let named = json!([{ "op": "replace", "path": "externalId", "value": "X" }]);
    watched.edit(&format!("/Groups/{band}"), named).await;
    assert_eq!(watched.changed().await, [bob.clone()]);
    assert_eq!(watched.has(&bob), ["entitlements seat", "roles admin"]);
    let _ = watched.tenant.delete(&format!("/Groups/{band}")).await.expect(204);
    assert_eq!(watched.changed().await, [bob.clone()]);
    assert_eq!(watched.has(&bob), NOBODY);
    let _ = watched.tenant.delete(&format!("/Groups/{crew}")).await.expect(204);
    assert_eq!(watched.changed().await, [ada.clone()]);
    let mut again = group("Crew");
    again["members"] = json!([{ "value": ada }, { "value": bob }]);
    let _ = watched.tenant.post("/Groups", &again).await.expect(201);
    assert_eq!(watched.changed().await, sorted(&[&ada, &bob]));
}

async fn a_value_that_stays_by_another_group_or_the_document_is_not_announced(gateway: &TestGateway) {
    let mut watched = Watched::new(gateway).await;
    let [ada, bob] = [watched.tenant.user("ada").await, watched.tenant.user("bob").await];
    let [crew, band] = [watched.tenant.group("Crew").await, watched.tenant.group("Band").await];
    set_rules(gateway, &[role("Crew", "admin"), role("Band", "admin")]).await;
    watched.add(&crew, &ada).await;
    let _ = watched.look().await;
    watched.add(&band, &ada).await;
    assert_eq!(watched.changed().await, NOBODY);
    watched.remove(&crew, &ada).await;
    assert_eq!(watched.changed().await, NOBODY);
    watched.remove(&band, &ada).await;
    assert_eq!(watched.changed().await, [ada.clone()]);
    // Its own document has it as well: the write of that announces itself, and rules say nothing.
    let has = |values: &[&str]| {
        let roles: Vec<_> = values.iter().map(|value| json!({ "value": value })).collect();
        json!([{ "op": "replace", "path": "roles", "value": roles }])
    };
    let path = format!("/Users/{bob}");
    watched.edit(&path, has(&["Admin"])).await;
    assert_eq!(watched.look().await.announced, NOBODY);
    watched.add(&crew, &bob).await;
    assert_eq!(watched.changed().await, NOBODY);
    assert_eq!(watched.has(&bob), ["roles Admin"]);
    watched.edit(&path, has(&["other"])).await;
    let change = watched.look().await;
    assert_eq!((change.announced, change.events.len()), (vec![], 1));
    assert_eq!(watched.has(&bob), ["roles admin", "roles other"]);
    watched.edit(&path, has(&["admin"])).await;
    assert_eq!(watched.look().await.announced, NOBODY);
    watched.remove(&crew, &bob).await;
    assert_eq!(watched.changed().await, NOBODY);
    watched.edit(&path, has(&[])).await;
    assert_eq!(watched.look().await.announced, NOBODY);
    assert_eq!(watched.has(&bob), NOBODY);
    watched.add(&crew, &bob).await;
    assert_eq!(watched.changed().await, [bob]);
}

async fn users_that_come_with_a_role_are_not_announced_again(gateway: &TestGateway) {
    let mut watched = Watched::new(gateway).await;
    let crew = watched.tenant.group("Crew").await;
    set_rules(gateway, &[role("Crew", "admin")]).await;
    for name in ["ada@corp.test", "soon", "bob@corp.test"] {
        watched.add(&crew, name).await;
    }
    let _ = watched.look().await;
    // A pending reference resolves with the user, of whom the product reads it by the user's own event.
    let ada = watched.tenant.user("ada").await;
    let change = watched.look().await;
    assert_eq!((change.announced, watched.has(&ada)), (vec![], vec!["roles admin".to_owned()]));
    watched.remove(&crew, &ada).await;
    assert_eq!(watched.changed().await, [ada.clone()]);
    // A user who is there already gets the name that a reference has.
    let eve = watched.tenant.user("eve").await;
    let _ = watched.look().await;
    let named = json!([{ "op": "replace", "path": "externalId", "value": "soon" }]);
    watched.edit(&format!("/Users/{eve}"), named).await;
    let change = watched.look().await;
    assert_eq!((change.announced, watched.has(&eve)), (vec![], vec!["roles admin".to_owned()]));
    assert!(change.events.contains(&("user.updated".to_owned(), eve.clone())), "{:?}", change.events);
    // Created, and then added.
    let late = watched.tenant.user("late").await;
    watched.add(&crew, &late).await;
    let change = watched.look().await;
    assert_eq!((change.announced, watched.has(&late)), (vec![late.clone()], vec!["roles admin".to_owned()]));
    // Deleted and restored: the memberships are gone.
    let restore = json!({ "allow": ["restore-deleted"] });
    let _ = gateway.operator.patch("/tenants/acme/client", &restore).await.expect(200);
    let _ = watched.tenant.delete(&format!("/Users/{late}")).await.expect(204);
    assert_eq!(watched.look().await.announced, NOBODY);
    let again = watched.tenant.post("/Users", &user("late")).await.expect(201).id();
    let change = watched.look().await;
    assert_eq!((again, change.announced, watched.has(&late)), (late.clone(), vec![], NOBODY.to_vec()));
    watched.add(&crew, &late).await;
    assert_eq!(watched.changed().await, [late]);
}
