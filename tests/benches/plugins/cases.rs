//! The chains that are measured, and the same plugins compiled natively.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use attribute_map::AttributeMap;
use scimgate::mapping::Mapper;
use scimgate_plugin_sdk::Mapping;
use scimgate_plugin_sdk::test::{Resource, context};
use scimgate_tests::{language_plugin, plugin};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tutorial::Tutorial;

/// What stands below the table.
pub(super) const TAIL: &str = "\
The empty plugin does nothing: its row is the cost of a call. The plugins in Rust, TypeScript and Python build a display name of two
attributes. The natively compiled one beside TypeScript and Python is the one in Rust. The rules are
[tests/benches/plugins/rules.json](../tests/benches/plugins/rules.json): the first 10, the first 30, all 60, of which the last 30 have a
condition. The steps of the chains lower mail addresses, build a display name and move an attribute; every one of them is called.
The goals are for *steps* p50: 20 µs for a step in Rust, 60 µs for 30 rules, and 60 µs for a chain of three; 30 rules miss theirs, which is
less than the same code takes natively. When that step took 124 µs, it spent 7 µs on the instance, 9 on reading the configuration, 19 on
parsing the expressions, 31 on reading attributes from the host, 13 on the functions, and 45 on writing attributes: each attribute that is
read or written is a call of the host.";

/// A chain under a label.
pub(super) struct Case {
    pub(super) label: &'static str,
    /// The digest and the configuration of each step.
    pub(super) steps: Vec<(String, Value)>,
    /// Calls each step's plugin natively on a document of its own.
    pub(super) natives: Vec<Box<dyn Fn() -> Duration>>,
}

/// The source document.
pub(super) fn user() -> Value {
    serde_json::from_str(include_str!("user.json")).unwrap()
}

/// The selected cases with their plugins compiled, and a sentence about how long that took.
pub(super) async fn all(mapper: &Mapper, is_selected: impl Fn(&str) -> bool) -> (Vec<Case>, String) {
    let rules: Value = serde_json::from_str(include_str!("rules.json")).unwrap();
    let first = |count: usize| json!({ "rules": rules["rules"].as_array().unwrap()[..count] });
    let display_name = json!({ "buildDisplayName": true });
    let chain = |steps: usize| -> Vec<Value> { parts().into_iter().cycle().take(steps).collect() };
    let table = [
        ("the empty plugin", "empty", vec![json!({})]),
        ("Rust", "tutorial", vec![display_name]),
        ("TypeScript", "display-name-ts", vec![json!({ "suffix": "" })]),
        ("Python", "display-name-py", vec![json!({ "suffix": "" })]),
        ("attribute-map, 10 rules", "attribute-map", vec![first(10)]),
        ("attribute-map, 30 rules", "attribute-map", vec![first(30)]),
        ("attribute-map, 60 rules", "attribute-map", vec![first(60)]),
        ("a chain of 1 in Rust", "tutorial", chain(1)),
        ("a chain of 3 in Rust", "tutorial", chain(3)),
        ("a chain of 5 in Rust", "tutorial", chain(5)),
    ];
    let (mut cases, mut compiled) = (Vec::new(), BTreeMap::new());
    for (label, name, configs) in table.into_iter().filter(|(label, ..)| is_selected(label)) {
        let begun = Instant::now();
        let component = mapper.prepare(bytes(name)).await.unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        let _ = compiled.entry(name).or_insert(seconds);
        let natives = configs.iter().filter_map(|config| native_of(name, config)).collect();
        let steps = configs.into_iter().map(|config| (component.digest(), config)).collect();
        cases.push(Case { label, steps, natives });
    }
    let compiled: Vec<_> = compiled.into_iter().map(|(name, seconds)| format!("{name} {seconds:.1} s")).collect();
    (cases, format!("\nCompiling a plugin, once after its upload: {}.", compiled.join(", ")))
}

/// Configurations of the tutorial's plugin.
fn parts() -> [Value; 3] {
    [json!({ "lowerCaseMail": true }), json!({ "buildDisplayName": true }), json!({ "lift": { "title": "nickName" } })]
}

fn bytes(name: &str) -> Vec<u8> {
    match name {
        "empty" => wat_guests::build("empty", ""),
        "display-name-ts" | "display-name-py" => language_plugin(name),
        rust => plugin(&rust.replace('-', "_")),
    }
}

fn native_of(name: &str, config: &Value) -> Option<Box<dyn Fn() -> Duration>> {
    let text = config.to_string();
    match name {
        "attribute-map" => Some(Box::new(move || native::<AttributeMap>(&text))),
        "tutorial" => Some(Box::new(move || native::<Tutorial>(&text))),
        "empty" => None,
        _ => Some(Box::new(|| native::<Tutorial>(r#"{ "buildDisplayName": true }"#))),
    }
}

/// The time of one call, with reading the configuration.
fn native<M: Mapping<Config: DeserializeOwned>>(config: &str) -> Duration {
    let resource = Resource::new("User", user()).unwrap();
    let context = context("User");
    let document = resource.document();
    let begun = Instant::now();
    let config = serde_json::from_str(config).unwrap();
    let outcome = M::transform(&context, config, &document).unwrap();
    let elapsed = begun.elapsed();
    assert_eq!(outcome, scimgate_plugin_sdk::Outcome::Mapped);
    elapsed
}
