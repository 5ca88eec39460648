//! Checks the steps of a mapping: each can be run, and every path that it names is one of the tenant's schemas.

use std::sync::Arc;

use scimgate_scim::error::ScimError;
use scimgate_scim::schema::ResourceType;

use crate::mapping::Step;
use crate::operation::admin::mappings::configuration::check_configuration;
use crate::operation::admin::plugins::Plugin;
use crate::operation::settings::Settings;

/// Most steps of a mapping: every write runs them all.
pub const MAX_STEPS: usize = 32;
/// Versions that a refusal names.
const MAX_CHOICES: usize = 10;

/// A step with the name of its plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct RevisionStep {
    /// The step.
    pub step: Step,
    /// The plugin's name.
    pub name: String,
    /// The plugin's version.
    pub version: String,
}

impl RevisionStep {
    pub(super) fn new(step: Step, plugin: &Plugin) -> Self {
        Self { step, name: plugin.manifest.name.clone(), version: plugin.version.clone() }
    }

    /// The plugin's name for people: `name@version`.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

/// The steps as they are stored, with the names of their plugins. A step names its plugin by digest, by `name@version`, or by a
/// name that only one plugin has; the revision keeps the digest. Of plugins that fit, the first is meant.
///
/// # Errors
/// 400 for a wrong step, with its number and what is wrong with it.
pub(super) fn check(steps: Vec<Step>, plugins: &[Plugin], settings: &Settings) -> Result<Vec<RevisionStep>, ScimError> {
    check_count(steps.len())?;
    let directory = settings.directory.resource_types();
    steps.into_iter().enumerate().map(|(index, step)| check_step(index + 1, step, plugins, directory)).collect()
}

/// Refuses yanked plugins, which a new revision may not use.
///
/// # Errors
/// 409 with the step.
pub(super) fn check_yanked(steps: &[RevisionStep], plugins: &[Plugin]) -> Result<(), ScimError> {
    for (index, step) in steps.iter().enumerate() {
        let of_digest = || plugins.iter().filter(|known| known.digest == step.step.plugin);
        if of_digest().all(|known| known.yanked.is_some()) {
            let owner = of_digest().next().and_then(|known| known.tenant.as_ref());
            let owner = owner.map_or_else(String::new, |tenant| format!(" --tenant {tenant}"));
            let title = step.title();
            let detail = format!(
                "Step {} ({title}): the plugin is yanked, so that no new revision may use it. Name another version, or take that back \
                 (scimgate plugin unyank {title}{owner}).",
                index + 1,
            );
            return Err(ScimError::new(409, detail));
        }
    }
    Ok(())
}

fn check_count(steps: usize) -> Result<(), ScimError> {
    match steps {
        0 => Err(ScimError::new(400, "A mapping has at least one step. To switch mapping off, delete it.")),
        1..=MAX_STEPS => Ok(()),
        _ => Err(ScimError::new(400, format!("A mapping has at most {MAX_STEPS} steps; this one has {steps}."))),
    }
}

fn check_step(
    number: usize,
    step: Step,
    plugins: &[Plugin],
    types: &[Arc<ResourceType>],
) -> Result<RevisionStep, ScimError> {
    let refuse = |plugin: &str, why: String| ScimError::new(400, format!("Step {number} ({plugin}): {why}"));
    let plugin = find(&step.plugin, plugins).map_err(|why| refuse(&step.plugin, why))?;
    let resource_types = resource_types(&step.resource_types, plugin, types);
    let resource_types = resource_types.map_err(|why| refuse(&plugin.title(), why))?;
    let step = Step { plugin: plugin.digest.clone(), resource_types, ..step };
    let of_plugin = &plugin.manifest.resource_types;
    let applied = types.iter().filter(|known| step.applies_to(&known.name, of_plugin)).cloned().collect();
    check_configuration(step.config.value(), &plugin.manifest.config_schema, applied)
        .map_err(|why| refuse(&plugin.title(), why))?;
    Ok(RevisionStep::new(step, plugin))
}

/// The plugin that a step means: the tenant's own before one of all tenants, which comes later in the list.
fn find<'p>(wanted: &str, plugins: &'p [Plugin]) -> Result<&'p Plugin, String> {
    let is_meant = |known: &Plugin| known.digest.eq_ignore_ascii_case(wanted) || known.title() == wanted;
    if let Some(plugin) = plugins.iter().find(|known| is_meant(known)) {
        return Ok(plugin);
    }
    let named = || plugins.iter().filter(|known| known.manifest.name == wanted && !known.dev && known.yanked.is_none());
    let has_own = named().any(|known| known.tenant.is_some());
    let found: Vec<&Plugin> = named().filter(|known| known.tenant.is_some() == has_own).collect();
    match found.as_slice() {
        [plugin] => Ok(plugin),
        [] => {
            Err("there is no such plugin. Upload it first; a step names it by digest, name@version or name.".to_owned())
        }
        several => {
            let choices: Vec<String> = several.iter().take(MAX_CHOICES).map(|it| it.title()).collect();
            let more = if several.len() > MAX_CHOICES { " and others" } else { "" };
            Err(format!("it has several versions. Name the one you mean: {}{more}.", choices.join(", ")))
        }
    }
}

/// The resource types in their own spelling.
fn resource_types(wanted: &[String], plugin: &Plugin, types: &[Arc<ResourceType>]) -> Result<Vec<String>, String> {
    let of_plugin = &plugin.manifest.resource_types;
    let known = |name: &String| {
        let Some(known) = types.iter().find(|known| known.name.eq_ignore_ascii_case(name)) else {
            let all: Vec<&str> = types.iter().map(|known| known.name.as_str()).collect();
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

#[cfg(test)]
mod tests;
