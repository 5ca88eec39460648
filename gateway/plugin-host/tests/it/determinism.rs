//! Each bundled plugin makes the same of the same document: generated documents are mapped twice, in two engines and in another
//! order, and the results compared byte by byte.

use scimgate_plugin_host::{Component, Context, Host, HostConfig};
use scimgate_plugin_sdk::serde_json::{Map, Value, json};

use crate::bundled::fixtures;
use crate::support::{TestDocument, context, generous, wasm};

/// Documents for each plugin.
const COUNT: usize = 10_000;

/// Texts of which the generated documents are made: several scripts, what is folded and trimmed, and what looks like data.
const TEXTS: [&str; 16] = [
    "Ada",
    "Åse",
    " Jean-Luc ",
    "ŁUKASZ",
    "ﬁona",
    "İpek",
    "e\u{301}mile",
    "",
    "a,b;c",
    "\"quoted\"",
    "山田",
    "2024-02-30",
    "NO",
    "+47 22 33 44 55",
    "null",
    "x\u{200b}y",
];
const MAILS: [&str; 5] =
    ["Ada@Example.COM", "a.b+c@sub.example.org", "no-mail", " spaced@example.com ", "ø@bücher.example"];
const PHONES: [&str; 5] = ["+4722334455", "0047 22 33 44 55", "tel:+1-202-555-0123", "22334455", "none"];
const TYPES: [&str; 4] = ["work", "home", "other", "Work"];
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A generator of numbers (xorshift), so that every run has the same documents.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % bound
    }

    fn of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }

    fn some(&mut self) -> bool {
        self.below(3) > 0
    }

    /// Up to three values of a multi-valued attribute.
    fn values(&mut self, texts: &[&str]) -> Value {
        let count = self.below(4);
        (0..count)
            .map(|index| json!({ "value": self.of(texts), "type": self.of(&TYPES), "primary": index == 0 && self.some() }))
            .collect()
    }
}

fn document(numbers: &mut Numbers) -> Value {
    let mut user = Map::new();
    user.insert("userName".to_owned(), json!(format!("{}{}", numbers.of(&MAILS), numbers.below(1_000))));
    for name in ["displayName", "nickName", "title", "userType", "locale", "preferredLanguage", "externalId"] {
        if numbers.some() {
            user.insert(name.to_owned(), json!(numbers.of(&TEXTS)));
        }
    }
    if numbers.some() {
        let name = json!({ "givenName": numbers.of(&TEXTS), "familyName": numbers.of(&TEXTS), "middleName": numbers.of(&TEXTS) });
        user.insert("name".to_owned(), name);
    }
    for (name, texts) in [("emails", &MAILS), ("phoneNumbers", &PHONES)] {
        if numbers.some() {
            user.insert(name.to_owned(), numbers.values(texts));
        }
    }
    for name in ["roles", "entitlements"] {
        if numbers.some() {
            user.insert(name.to_owned(), numbers.values(&TEXTS));
        }
    }
    if numbers.some() {
        let address =
            json!([{ "country": numbers.of(&TEXTS), "locality": numbers.of(&TEXTS), "type": numbers.of(&TYPES) }]);
        user.insert("addresses".to_owned(), address);
    }
    if numbers.some() {
        let enterprise = json!({ "department": numbers.of(&TEXTS), "employeeNumber": numbers.of(&PHONES) });
        user.insert(ENTERPRISE.to_owned(), enterprise);
    }
    user.insert("active".to_owned(), json!(numbers.below(2) == 0));
    Value::Object(user)
}

/// All that a call can change, as text.
fn result(host: &Host, component: &Component, (number, config, document): (usize, &str, &Value)) -> String {
    let context = Context { resource_id: format!("0198c0de-0000-7000-8000-{number:012}"), ..context() };
    let called = host.run(component, &context, config, TestDocument::new(document.clone()), &generous());
    format!("{:?}\n{:?}\n{}", called.decision, called.log, called.document.into_value())
}

fn check(plugin: &str, configs: &[String]) {
    let mut numbers = Numbers(0x5c1_9a7e);
    let documents: Vec<Value> = (0..COUNT).map(|_| document(&mut numbers)).collect();
    let host = || Host::new(HostConfig { instances: 1, ..HostConfig::default() }).unwrap();
    let wasm = wasm(&plugin.replace('-', "_"));
    let calls =
        || documents.iter().enumerate().map(|(number, it)| (number, configs[number % configs.len()].as_str(), it));

    let (first, second) = (host(), host());
    let component = first.prepare(&wasm).unwrap();
    let results: Vec<String> = calls().map(|call| result(&first, &component, call)).collect();
    let component = second.prepare(&wasm).unwrap();
    for ((number, config, document), expected) in calls().zip(&results).rev() {
        let again = result(&second, &component, (number, config, document));
        assert_eq!(&again, expected, "{plugin} {config} {document}");
    }
    let decided = results.iter().filter(|result| result.starts_with("Ok(")).count();
    assert!(decided > COUNT / 2, "{plugin} only decided {decided} of {COUNT} documents");
}

/// The configurations of a plugin's examples.
fn check_examples(plugin: &str) {
    let configs: Vec<String> =
        fixtures(plugin).iter().flat_map(|file| &file.fixtures).map(|fixture| fixture.config().to_string()).collect();
    check(plugin, &configs);
}

#[test]
fn attribute_map_is_deterministic() {
    check_examples("attribute-map");
}

#[test]
fn scoping_is_deterministic() {
    check_examples("scoping");
}

#[test]
fn normalize_is_deterministic() {
    check_examples("normalize");
}

#[test]
fn roles_is_deterministic() {
    check_examples("roles");
}

#[test]
fn redact_is_deterministic() {
    check_examples("redact");
}

#[test]
fn tutorial_is_deterministic() {
    let configs = [json!({ "lowerCaseMail": true, "buildDisplayName": true }), json!({ "buildDisplayName": true })];
    check("tutorial", &configs.map(|config| config.to_string()));
}
