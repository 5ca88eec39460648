//! The users: ids and names follow from a number, so that requests can be computed.

/// The name of the user of which the others are copies.
pub(crate) const TEMPLATE: &str = "template";
/// How every user's id begins; the last twelve digits are the number.
pub(crate) const ID_PREFIX: &str = "01800000-0000-7000-8000-";

/// A user's id.
pub(crate) fn id(n: u64) -> String {
    format!("{ID_PREFIX}{n:012x}")
}

/// A user's name, before the `@`.
pub(crate) fn name(n: u64) -> String {
    format!("user{n}")
}

/// A user as Entra sends one.
pub(crate) fn json(name: &str) -> String {
    format!(
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User","urn:ietf:params:scim:schemas:extension:ws1b:2.0:User"],"externalId":"{name}","userName":"{name}@corp.test","active":true,"emails":[{{"primary":true,"type":"work","value":"{name}@Corp.Test"}}],"phoneNumbers":[{{"type":"work","value":"+1 (555) 010-99"}}],"meta":{{"resourceType":"User"}},"name":{{"givenName":"Ada","familyName":"Byron","formatted":"Ada Byron"}},"title":"Analyst","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{{"department":"Analytical Engines"}},"urn:ietf:params:scim:schemas:extension:ws1b:2.0:User":{{"customAttribute1":"B-1815","customAttribute2":"St James Square"}}}}"#
    )
}
