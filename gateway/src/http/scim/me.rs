//! `/Me` (RFC 7644 §3.11), the resource of the authenticated subject. A token belongs to a SCIM client, which is not a resource.

use scimgate_scim::error::ScimError;

use crate::http::access::ScimAccess;
use crate::http::error::ScimFailure;

/// "A service provider MAY respond with an HTTP status code of 501 (Not Implemented)".
pub(super) async fn handle(ScimAccess(ctx): ScimAccess) -> ScimFailure {
    let refusal = ScimError::new(
        501,
        format!(
            "/Me is the user who is calling, and this token belongs to a SCIM client, not to a user. Ask for a user by id, \
             or by a filter: {}/Users?filter=userName eq \"…\".",
            ctx.base_url
        ),
    );
    refusal.into()
}
