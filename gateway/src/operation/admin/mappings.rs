//! A tenant's mapping: put as a new revision that is active at once, shown, and deactivated.
//!
//! A stored revision can be run: every plugin exists and every configuration fits its plugin's schema.

use std::time::SystemTime;

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::registry::Registry;
use serde_json::Value;

use crate::mapping::{OnFailure, Step};
use crate::operation::admin::plugins::{self, Plugin};
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::store::mapping::NewRevision;

/// Most steps of a mapping: every write runs them all.
pub const MAX_STEPS: usize = 32;
/// Most problems of one configuration that a refusal lists.
const MAX_PROBLEMS: usize = 3;
/// Longest text of one problem: the validator quotes the value, which can be of any size.
const MAX_PROBLEM_CHARS: usize = 300;

/// The active mapping. Revision 0, without steps, where none is active.
#[derive(Clone, Debug, Default)]
pub struct Active {
    /// Its number.
    pub revision: i32,
    /// What a failure does.
    pub on_failure: OnFailure,
    /// The steps, in order.
    pub steps: Vec<ActiveStep>,
    /// When it was put.
    pub created_at: Option<SystemTime>,
}

/// A step with the name of its plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveStep {
    /// The step.
    pub step: Step,
    /// The plugin's name.
    pub name: String,
    /// The plugin's version.
    pub version: String,
}

/// Makes a new revision of the steps and activates it. A step names its plugin by digest, by `name@version`, or by a
/// name that only one plugin has; the revision keeps the digest.
///
/// # Errors
/// 404 for an unknown tenant, 400 for a wrong step, with its number and what is wrong with it.
pub async fn put(operator: &Operator, tenant: &str, on_failure: OnFailure, steps: Vec<Step>) -> Result<Active, Error> {
    check_count(steps.len())?;
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let settings = gateway.settings.get(tenant.id).await?;
    let plugins = plugins::list(operator).await?;
    let checked =
        steps.into_iter().enumerate().map(|(index, step)| check(index + 1, step, &plugins, &settings.registry));
    let steps = checked.collect::<Result<Vec<_>, _>>()?;
    for active in &steps {
        // A plugin that cannot be loaded fails here rather than at the next write.
        gateway.mapper.component(&active.step.plugin).await?;
    }
    let stored: Vec<&Step> = steps.iter().map(|active| &active.step).collect();
    let text =
        serde_json::to_string(&stored).map_err(|why| Error::Corrupt(format!("the steps of a mapping: {why}")))?;
    let now = gateway.clock.now();
    let new = NewRevision { on_failure: on_failure.word(), steps: &text, author: &operator.actor, note: None };
    let revision = gateway.store.tenant(tenant.id).insert_active(&new, now).await?;
    gateway.forget_tenant(tenant.id).await;
    gateway.schemas_changed.notify_one();
    log_change!(operator, tenant.id = %tenant.id, revision, "mapping revision activated");
    Ok(Active { revision, on_failure, steps, created_at: Some(now) })
}

/// The active mapping.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn get(operator: &Operator, tenant: &str) -> Result<Active, Error> {
    let tenant = operator.tenant(tenant).await?;
    let revision = tenant.active_mapping;
    if revision == 0 {
        return Ok(Active::default());
    }
    let corrupt = |why: String| Error::Corrupt(format!("mapping revision {revision}: {why}"));
    let row = operator.gateway.store.tenant(tenant.id).mapping(revision).await?;
    let row = row.ok_or_else(|| corrupt("it is gone".to_owned()))?;
    let on_failure = serde_json::from_value(row.head.on_failure.into()).map_err(|why| corrupt(why.to_string()))?;
    let steps: Vec<Step> = serde_json::from_str(&row.steps).map_err(|why| corrupt(why.to_string()))?;
    let plugins = plugins::list(operator).await?;
    let named = steps.into_iter().map(|step| {
        let plugin = plugins.iter().find(|known| known.digest == step.plugin);
        plugin
            .map(|plugin| named(step.clone(), plugin))
            .ok_or_else(|| corrupt(format!("plugin {} is gone", step.plugin)))
    });
    Ok(Active { revision, on_failure, steps: named.collect::<Result<_, _>>()?, created_at: Some(row.head.created_at) })
}

/// Deactivates the mapping: the product reads the source document of what is written from now on, and, once a remap has come to
/// it, of what is stored.
///
/// # Errors
/// 404 for an unknown tenant.
pub async fn deactivate(operator: &Operator, tenant: &str) -> Result<(), Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    gateway.store.tenant(tenant.id).deactivate_mapping(gateway.clock.now()).await?;
    gateway.forget_tenant(tenant.id).await;
    gateway.schemas_changed.notify_one();
    log_change!(operator, tenant.id = %tenant.id, "mapping switched off");
    Ok(())
}

fn check_count(steps: usize) -> Result<(), ScimError> {
    match steps {
        0 => Err(ScimError::new(400, "A mapping has at least one step. To switch mapping off, delete it.")),
        1..=MAX_STEPS => Ok(()),
        _ => Err(ScimError::new(400, format!("A mapping has at most {MAX_STEPS} steps; this one has {steps}."))),
    }
}

/// The step as it is stored, with the name of its plugin.
fn check(number: usize, step: Step, plugins: &[Plugin], registry: &Registry) -> Result<ActiveStep, ScimError> {
    let refuse = |plugin: &str, why: String| ScimError::new(400, format!("Step {number} ({plugin}): {why}"));
    let plugin = find(&step.plugin, plugins).map_err(|why| refuse(&step.plugin, why))?;
    let resource_types = resource_types(&step.resource_types, plugin, registry);
    let resource_types = resource_types.map_err(|why| refuse(&plugin.title(), why))?;
    check_config(&step.config, plugin).map_err(|why| refuse(&plugin.title(), why))?;
    Ok(named(Step { plugin: plugin.digest.clone(), resource_types, ..step }, plugin))
}

fn named(step: Step, plugin: &Plugin) -> ActiveStep {
    ActiveStep { step, name: plugin.manifest.name.clone(), version: plugin.manifest.version.clone() }
}

/// The plugin that a step means.
fn find<'p>(wanted: &str, plugins: &'p [Plugin]) -> Result<&'p Plugin, String> {
    if let Some(plugin) = plugins.iter().find(|known| known.digest.eq_ignore_ascii_case(wanted)) {
        return Ok(plugin);
    }
    let found: Vec<&Plugin> =
        plugins.iter().filter(|known| known.manifest.name == wanted || known.title() == wanted).collect();
    match found.as_slice() {
        [plugin] => Ok(plugin),
        [] => {
            Err("there is no such plugin. Upload it first; a step names it by digest, name@version or name.".to_owned())
        }
        several => {
            let choices: Vec<String> = several.iter().map(|it| format!("{} = {}", it.title(), it.digest)).collect();
            Err(format!("several plugins are called so. Name the one you mean by its digest: {}.", choices.join(", ")))
        }
    }
}

/// The resource types in their own spelling.
fn resource_types(wanted: &[String], plugin: &Plugin, registry: &Registry) -> Result<Vec<String>, String> {
    let of_plugin = &plugin.manifest.resource_types;
    let known = |name: &String| {
        let Some(known) = registry.resource_type(name) else {
            let all: Vec<&str> = registry.resource_types().iter().map(|known| known.name.as_str()).collect();
            return Err(format!("there is no resource type {name}. There are: {}.", all.join(", ")));
        };
        if of_plugin.is_empty() || of_plugin.contains(&known.name) {
            Ok(known.name.clone())
        } else {
            Err(format!("the plugin is not for {name}, but for: {}.", of_plugin.join(", ")))
        }
    };
    wanted.iter().map(known).collect()
}

fn check_config(config: &Value, plugin: &Plugin) -> Result<(), String> {
    let schema = &plugin.manifest.config_schema;
    // The linear engine for patterns: a schema comes from outside, and backtracking is a way to stop a server.
    let validator = jsonschema::options()
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .offline()
        .build(schema)
        .map_err(|why| format!("its configuration schema is no JSON Schema: {why}. Upload a corrected plugin."))?;
    let problems: Vec<String> = validator
        .iter_errors(config)
        .take(MAX_PROBLEMS)
        .map(|problem| {
            let path = problem.instance_path().to_string();
            let part =
                if path.is_empty() { "the configuration".to_owned() } else { format!("the configuration at {path}") };
            format!("{part}: {}", shortened(&problem.to_string()))
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(format!("{}.", problems.join("; "))) }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_PROBLEM_CHARS) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
