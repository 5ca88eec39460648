//! What a request asks for, by its method and its route.

use crate::operation::request_facts::Facts;

/// All operations.
pub const OPERATIONS: [&str; 12] =
    ["create", "replace", "patch", "delete", "get", "list", "search", "bulk", "discovery", "me", "other", "lost"];
/// Operations that only read.
const READING: [&str; 5] = ["get", "list", "search", "discovery", "me"];

/// The operation of a request.
pub(super) fn operation(facts: &Facts) -> &'static str {
    let is_read = matches!(facts.method, "GET" | "HEAD");
    let route = facts.route.unwrap_or_default();
    let below = route.split_once("/scim/v2").map_or("", |(_, below)| below);
    match below {
        "/Bulk" => "bulk",
        "/Me" => "me",
        "/{endpoint}" if is_read => "list",
        "/{endpoint}/{id}" if is_read => "get",
        "/" | "/.search" | "/{endpoint}/.search" => "search",
        "/{endpoint}" | "/{endpoint}/{id}" => of_method(facts.method),
        _ if is_discovery(below) => "discovery",
        _ => "other",
    }
}

fn is_discovery(below: &str) -> bool {
    ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"].iter().any(|prefix| below.starts_with(prefix))
}

/// The operation of a method on a resource.
pub(super) fn of_method(method: &str) -> &'static str {
    match method {
        "POST" => "create",
        "PUT" => "replace",
        "PATCH" => "patch",
        "DELETE" => "delete",
        _ => "other",
    }
}

/// Whether an operation only reads.
pub(crate) fn only_reads(operation: &str) -> bool {
    READING.contains(&operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_follows_from_method_and_route() {
        for (method, route, expected) in [
            ("GET", Some("/scim/v2/{endpoint}"), "list"),
            ("GET", Some("/t/{tenant}/scim/v2/{endpoint}/{id}"), "get"),
            ("POST", Some("/t/{tenant}/scim/v2/{endpoint}"), "create"),
            ("PUT", Some("/scim/v2/{endpoint}/{id}"), "replace"),
            ("PATCH", Some("/scim/v2/{endpoint}/{id}"), "patch"),
            ("DELETE", Some("/scim/v2/{endpoint}/{id}"), "delete"),
            ("POST", Some("/scim/v2/{endpoint}/.search"), "search"),
            ("GET", Some("/scim/v2/"), "search"),
            ("POST", Some("/scim/v2/Bulk"), "bulk"),
            ("GET", Some("/scim/v2/Schemas/{urn}"), "discovery"),
            ("GET", Some("/scim/v2/Me"), "me"),
            ("PUT", Some("/scim/v2/{endpoint}"), "replace"),
            ("GET", None, "other"),
        ] {
            let facts = Facts { method, route, ..Facts::default() };
            assert_eq!(operation(&facts), expected, "{method} {route:?}");
        }
    }
}
