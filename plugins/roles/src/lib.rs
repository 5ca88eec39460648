//! Brings the forms in which roles arrive into one: one value per role, in `value`.

mod config;
mod role;

use scimgate_plugin_sdk::{prelude::*, serde_json::Value};

use config::{Config, OnUnknown};
use role::Role;

struct Roles;

impl Mapping for Roles {
    type Config = Config;

    const RESOURCE_TYPES: &[&str] = &["User"];

    fn transform(_: &Context, config: Config, document: &Document<'_>) -> Result<Outcome> {
        let Some(Value::Array(elements)) = document.get_first("roles")? else { return Ok(Outcome::Mapped) };
        let mut roles: Vec<Role> = Vec::new();
        for mut role in elements.iter().flat_map(role::read) {
            match (config.rename.get(&role.value), config.on_unknown) {
                (Some(name), _) => role.value.clone_from(name),
                (None, OnUnknown::Keep) => {}
                (None, OnUnknown::Drop) => continue,
                (None, OnUnknown::Reject) => {
                    return Ok(Outcome::rejected(format!("The product has no role for {}.", role.value)));
                }
            }
            role::add(&mut roles, role);
        }
        let written: Vec<Value> = roles.iter().map(|role| role.to_json(config.keep_type)).collect();
        if written.is_empty() {
            document.remove("roles")?;
        } else if written != elements {
            document.set("roles", written)?;
        }
        Ok(Outcome::Mapped)
    }
}

plugin!(Roles);

#[cfg(test)]
mod tests;
