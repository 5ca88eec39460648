//! What `dev` prints when it is ready.

use std::path::Path;

use serde_json::json;

use super::{LOG_FILE, published};
use crate::local_dev::LocalDev;

/// One line for programs.
pub(super) fn json(local: &LocalDev) -> String {
    let LocalDev { admin_url, operator_key, directory_key, scim_url, token } = local;
    let ready = json!({
        "tenant_url": scim_url,
        "token": token,
        "admin_url": format!("{admin_url}/admin/v1"),
        "operator_key": operator_key,
        "directory_url": format!("{admin_url}/directory/v1"),
        "directory_key": directory_key,
    });
    ready.to_string()
}

/// The address, the token and three commands. `found` says whether commands find the keys by themselves.
pub(super) fn text(local: &LocalDev, changes: &[String], (data_dir, found): (Option<&Path>, bool)) -> String {
    let LocalDev { scim_url, token, .. } = local;
    let place = data_dir
        .map_or_else(|| "a temporary database".to_owned(), |path| format!("the database in {}", path.display()));
    let later = if data_dir.is_some() {
        "another start prints another one, and this one stays valid"
    } else {
        "it ends with this server"
    };
    let log =
        data_dir.map_or_else(String::new, |path| format!("; the full log is in {}", path.join(LOG_FILE).display()));
    let changes = changes.iter().fold(String::new(), |text, change| text + "\n" + change);
    let name =
        std::env::args_os().next().map_or_else(|| "scimgate".to_owned(), |name| name.to_string_lossy().into_owned());
    let keys = if found {
        format!("The commands find address and keys by themselves; {name} dev --show-keys prints them.")
    } else {
        format!("The commands need address and keys:\n\n{}", published::exports(local))
    };
    format!(
        r#"{changes}
Scimgate serves the demo tenant on {place}.

  Tenant URL    {scim_url}
  Secret token  {token}
                ({later})

Open another terminal, and

  1. create a user as Entra does
     curl -s {scim_url}Users -H "Authorization: Bearer {token}" -H 'Content-Type: application/scim+json' -d '{{
       "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "ada@corp.test", "externalId": "ada", "active": "True",
       "name": {{"givenName": "Ada", "familyName": "Byron"}}, "emails": [{{"type": "work", "value": "Ada.Byron@Corp.Test"}}]}}'

  2. see what the product reads: mail in lower case, a displayName
     {name} directory users

  3. see where the user stands, and why
     {name} explain demo ada@corp.test

{keys}
Stop with Ctrl-C. A line for each request follows{log}.
"#
    )
}
