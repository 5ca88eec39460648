//! `/Me` (RFC 7644 §3.11): the resource of whoever is calling. Tokens are for SCIM clients, which are no resource of theirs.

use scimgate_scim::error::ScimError;

use crate::http::access::ScimAccess;
use crate::http::error::Failure;

/// "A service provider MAY respond with an HTTP status code of 501 (Not Implemented)".
pub(super) async fn handle(ScimAccess(ctx): ScimAccess) -> Failure {
    Failure::scim(ScimError::new(
        501,
        format!(
            "/Me is the user who is calling, and this token belongs to a SCIM client, not to a user. Ask for a user by id, \
             or by a filter: {}/Users?filter=userName eq \"…\".",
            ctx.base_url
        ),
    ))
}
