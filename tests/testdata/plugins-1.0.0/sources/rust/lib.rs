//! Makes the calls that its configuration names, in their order, and logs every answer.

use scimgate_plugin_sdk::prelude::*;
use scimgate_plugin_sdk::serde_json::{Value, json};
use scimgate_plugin_sdk::{Error, PathError};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Each a name and its arguments.
    calls: Vec<Vec<Value>>,
}

struct InterfaceCalls;

impl Mapping for InterfaceCalls {
    type Config = Config;

    fn transform(context: &Context, config: Config, document: &Document) -> Result<Outcome> {
        for call in &config.calls {
            let text = |index: usize| call.get(index).and_then(Value::as_str).unwrap_or_default();
            let value = call.last().unwrap_or(&Value::Null);
            let path = text(1);
            let answer = match text(0) {
                "context" => {
                    let Context { tenant, resource_type, resource_id, last_modified, .. } = context;
                    Ok(json!([tenant, resource_type, resource_id, last_modified]))
                }
                "get" => document.get::<Value>(path).map(Value::from),
                "set" => document.set(path, value).map(Value::from),
                "append" => document.append(path, value).map(Value::from),
                "remove" => document.remove(path).map(Value::from),
                "to-json" => document.to_value(),
                "replace" => document.replace(value).map(|()| Value::Null),
                "log" => {
                    log(level(path), text(2));
                    continue;
                }
                "excluded" => return Ok(Outcome::excluded(path)),
                "rejected" => return Ok(Outcome::rejected_as(ScimType::Uniqueness, path)),
                _ => return Err(path.into()),
            };
            match answer {
                Ok(answer) => log(Level::Info, answer.to_string()),
                Err(Error::Path(refused)) => log(Level::Info, kind(&refused)),
                Err(other) => return Err(other),
            }
        }
        Ok(Outcome::Mapped)
    }
}

fn level(name: &str) -> Level {
    match name {
        "debug" => Level::Debug,
        "info" => Level::Info,
        "warn" => Level::Warn,
        _ => Level::Error,
    }
}

fn kind(refused: &PathError) -> &'static str {
    match refused {
        PathError::Malformed(_) => "malformed",
        PathError::Unknown(_) => "unknown",
        PathError::ReadOnly(_) => "read-only",
        PathError::WrongValue(_) => "wrong-value",
        _ => "other",
    }
}

plugin!(InterfaceCalls);
