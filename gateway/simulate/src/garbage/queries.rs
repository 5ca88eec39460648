//! Garbage in URLs: filters, parameters, ids and paths.

use reqwest::Method;

use super::{Case, Target};
use crate::client::Request;
use crate::resource_type::ResourceType;

/// Invalid filters, and some that only look invalid.
const FILTERS: [&str; 30] = [
    "userName eq ada",
    "UserName EQ \"ada\"",
    "USERNAME eq \"ada\"",
    "userName eq 'ada'",
    "userName eq",
    "eq \"ada\"",
    "userName",
    "userName pr pr",
    "userName is \"ada\"",
    "userName eq \"ada\" and",
    "userName eq \"ada\" userName eq \"bob\"",
    "not",
    "not (",
    "(",
    ")",
    "(userName eq \"ada\"",
    "emails[type eq \"work\"",
    "emails[type eq \"work\"]]",
    "emails[emails[type pr]]",
    "emails[]",
    "userName eq \"ada",
    "userName eq \"\\u00\"",
    "userName eq \"\\ud800\"",
    "active gt true",
    "active eq 99999999999999999999999999999999999999",
    "meta.created gt \"yesterday\"",
    "urn:example:unknown:this eq \"1\"",
    "id eq null",
    "userName co \"%_'; drop table users;--\"",
    "💥 eq \"💥\"",
];

/// Parameters of a list, as `name=value`.
const PARAMETERS: [(&str, &str); 20] = [
    ("startIndex", "-1"),
    ("startIndex", "0"),
    ("startIndex", "99999999999999999999999999"),
    ("startIndex", "one"),
    ("startIndex", ""),
    ("startIndex", "1.5"),
    ("count", "-1"),
    ("count", "0"),
    ("count", "1000000000"),
    ("count", "99999999999999999999999999"),
    ("count", "all"),
    ("sortBy", "nothing"),
    ("sortBy", "emails["),
    ("sortOrder", "sideways"),
    ("attributes", ",,,"),
    ("attributes", "nothing.at.all"),
    ("excludedAttributes", "id,schemas"),
    ("cursor", "rubbish"),
    ("filter", ""),
    ("unknown", "parameter"),
];

/// Ids that no resource has.
const IDS: [&str; 8] =
    ["null", "bulkId:1", "' or 1=1 --", "..%2f..", "\u{0}", "💥", "%", "00000000-0000-0000-0000-000000000000"];

fn list(name: String, with: impl FnOnce(Request) -> Request) -> Case {
    let request = Request::new("filters and parameters", Method::GET, ResourceType::User.path());
    Case { name, request: with(request), user: None }
}

pub(super) fn filters() -> Vec<Case> {
    let mut cases: Vec<Case> = FILTERS
        .into_iter()
        .map(|filter| list(format!("filter {filter}"), |request| request.query("filter", filter)))
        .collect();
    let long = [
        ("filter with a very long value", format!("userName eq \"{}\"", "a".repeat(6_000))),
        ("filter in very many brackets", format!("{}userName pr{}", "(".repeat(500), ")".repeat(500))),
        ("filter with very many conditions", vec!["userName eq \"a\""; 300].join(" or ")),
        ("filter with very many nots", format!("{}userName pr{}", "not (".repeat(200), ")".repeat(200))),
        ("filter with a control character", "userName eq \"\u{1}\"".to_owned()),
        ("filter of a NUL", "\u{0}".to_owned()),
        ("filter of a space", " ".to_owned()),
    ];
    cases.extend(
        long.into_iter().map(|(name, filter)| list(name.to_owned(), |request| request.query("filter", filter))),
    );
    cases
}

pub(super) fn parameters() -> Vec<Case> {
    let mut cases: Vec<Case> = PARAMETERS
        .into_iter()
        .map(|(name, value)| list(format!("parameter {name}={value}"), |request| request.query(name, value)))
        .collect();
    cases
        .push(list("startIndex twice".to_owned(), |request| request.query("startIndex", "1").query("startIndex", "2")));
    let both = |request: Request| request.query("attributes", "userName").query("excludedAttributes", "userName");
    cases.push(list("attributes and excludedAttributes".to_owned(), both));
    let many = vec!["userName"; 1_000].join(",");
    cases.push(list("a thousand attributes".to_owned(), |request| request.query("attributes", many)));
    cases
}

pub(super) fn addresses(target: &Target) -> Vec<Case> {
    let piece = |name: String, method: Method, path: String| Case {
        name,
        request: Request::new("addresses", method, path),
        user: None,
    };
    let get = |path: String| piece(format!("GET {path}"), Method::GET, path);
    let mut cases: Vec<Case> = IDS.into_iter().map(|id| get(ResourceType::User.path_of(id))).collect();
    cases.push(piece("a very long id".to_owned(), Method::GET, ResourceType::User.path_of(&"a".repeat(5_000))));
    let user = ResourceType::User.path_of(&target.user);
    cases.extend(
        ["/Nothing", "/users", "/Users/.search", "/Schemas/nothing", "/ResourceTypes/Nothing", "/Bulk"]
            .into_iter()
            .map(|path| get(path.to_owned())),
    );
    cases.push(piece("a path below a user".to_owned(), Method::GET, format!("{user}/members")));
    cases.push(piece("a filter that is not UTF-8".to_owned(), Method::GET, "/Users?filter=%ff%fe".to_owned()));
    cases.push(piece(
        "a filter with invalid percent-encoding".to_owned(),
        Method::GET,
        "/Users?filter=%zz%".to_owned(),
    ));
    cases.push(piece("POST to a user".to_owned(), Method::POST, user));
    for (method, path) in [
        (Method::PUT, "/Users"),
        (Method::PATCH, "/Users"),
        (Method::POST, "/Schemas"),
        (Method::PATCH, "/ServiceProviderConfig"),
        (Method::PUT, "/ResourceTypes/User"),
    ] {
        cases.push(piece(format!("{method} {path}"), method, path.to_owned()));
    }
    cases
}
