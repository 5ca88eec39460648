//! Garbage in addresses: filters, parameters, ids and paths.

use reqwest::Method;

use super::{Piece, Target};
use crate::client::Ask;
use crate::exchange::Type;

/// Filters that are none, and some that only look so.
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
    "urn:nobody:knows:this eq \"1\"",
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
    ("nobody", "knows"),
];

/// Ids that nobody gave.
const IDS: [&str; 8] =
    ["null", "bulkId:1", "' or 1=1 --", "..%2f..", "\u{0}", "💥", "%", "00000000-0000-0000-0000-000000000000"];

fn list(name: String, ask: impl FnOnce(Ask) -> Ask) -> Piece {
    Piece { name, ask: ask(Ask::new("filters and parameters", Method::GET, Type::User.path())), user: None }
}

pub(super) fn filters() -> Vec<Piece> {
    let mut pieces: Vec<Piece> =
        FILTERS.into_iter().map(|filter| list(format!("filter {filter}"), |ask| ask.query("filter", filter))).collect();
    let long = [
        ("filter with a very long value", format!("userName eq \"{}\"", "a".repeat(6_000))),
        ("filter in very many brackets", format!("{}userName pr{}", "(".repeat(500), ")".repeat(500))),
        ("filter of very many conditions", vec!["userName eq \"a\""; 300].join(" or ")),
        ("filter of very many nots", format!("{}userName pr{}", "not (".repeat(200), ")".repeat(200))),
        ("filter with a control character", "userName eq \"\u{1}\"".to_owned()),
        ("filter of a NUL", "\u{0}".to_owned()),
        ("filter of a space", " ".to_owned()),
    ];
    pieces.extend(long.into_iter().map(|(name, filter)| list(name.to_owned(), |ask| ask.query("filter", filter))));
    pieces
}

pub(super) fn parameters() -> Vec<Piece> {
    let mut pieces: Vec<Piece> = PARAMETERS
        .into_iter()
        .map(|(name, value)| list(format!("parameter {name}={value}"), |ask| ask.query(name, value)))
        .collect();
    pieces.push(list("startIndex twice".to_owned(), |ask| ask.query("startIndex", "1").query("startIndex", "2")));
    let both = |ask: Ask| ask.query("attributes", "userName").query("excludedAttributes", "userName");
    pieces.push(list("attributes and excludedAttributes".to_owned(), both));
    let many = vec!["userName"; 1_000].join(",");
    pieces.push(list("a thousand attributes".to_owned(), |ask| ask.query("attributes", many)));
    pieces
}

pub(super) fn addresses(target: &Target) -> Vec<Piece> {
    let piece = |name: String, method: Method, path: String| Piece {
        name,
        ask: Ask::new("addresses", method, path),
        user: None,
    };
    let get = |path: String| piece(format!("GET {path}"), Method::GET, path);
    let mut pieces: Vec<Piece> = IDS.into_iter().map(|id| get(Type::User.one(id))).collect();
    pieces.push(piece("a very long id".to_owned(), Method::GET, Type::User.one(&"a".repeat(5_000))));
    let user = Type::User.one(&target.user);
    pieces.extend(
        ["/Nothing", "/users", "/Users/.search", "/Schemas/nothing", "/ResourceTypes/Nothing", "/Bulk"]
            .into_iter()
            .map(|path| get(path.to_owned())),
    );
    pieces.push(piece("a path below a user".to_owned(), Method::GET, format!("{user}/members")));
    pieces.push(piece("a filter that is no UTF-8".to_owned(), Method::GET, "/Users?filter=%ff%fe".to_owned()));
    pieces.push(piece("a filter that is not encoded right".to_owned(), Method::GET, "/Users?filter=%zz%".to_owned()));
    pieces.push(piece("POST to a user".to_owned(), Method::POST, user));
    for (method, path) in [
        (Method::PUT, "/Users"),
        (Method::PATCH, "/Users"),
        (Method::POST, "/Schemas"),
        (Method::PATCH, "/ServiceProviderConfig"),
        (Method::PUT, "/ResourceTypes/User"),
    ] {
        pieces.push(piece(format!("{method} {path}"), method, path.to_owned()));
    }
    pieces
}
