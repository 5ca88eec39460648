//! Replies about single resources: explanations.

use scimgate_tests::tenant::user;

use super::{Admin, TENANT};

/// With the tenant and the mapping of the checks before.
pub(super) async fn check(admin: &Admin<'_>) {
    let explanation = format!("{TENANT}/explanation");
    let unmapped = format!("{TENANT}/unmapped");
    let scim = admin.gateway.token("acme", "scim").await.1;
    let scim = admin.gateway.anonymous().with(&scim);
    for name in ["explained", "other"] {
        let _ = scim.post("/Users", &user(name)).await.expect(201);
    }
    for (query, status) in [("resource=explained", 200), ("resource=nobody", 404), ("", 400)] {
        let answer = admin.get_with(&explanation, "acme", query).await.expect(status);
        assert_eq!(answer.body["sentences"].is_array(), status == 200);
    }
    for (query, status) in [("state=excluded&limit=1", 200), ("state=new", 400)] {
        let _ = admin.get_with(&unmapped, "acme", query).await.expect(status);
    }
}
