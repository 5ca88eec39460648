//! Checks a step's configuration against its plugin's schema. A text with the format `scim-path` there must be a path of every
//! resource type that the step applies to.

use std::borrow::Cow;
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError};
use scimgate_scim::path::Path;
use scimgate_scim::schema::ResourceType;
use serde_json::Value;

/// The format that a plugin's schema gives to a text that is an attribute's path.
const PATH_FORMAT: &str = "scim-path";
/// Most problems of one configuration that a refusal lists.
pub(super) const MAX_PROBLEMS: usize = 3;
/// Longest text of one problem: the validator quotes the value, which can be of any size.
const MAX_PROBLEM_CHARS: usize = 300;
/// What plugins may read of every document, though no client writes it.
const READABLE: [&str; 2] = ["id", "schemas"];

/// An error is a text that goes on after the name of the step.
pub fn check_configuration(config: &Value, schema: &Value, types: Vec<Arc<ResourceType>>) -> Result<(), String> {
    let resource_types = types.clone();
    // The linear engine for patterns: a schema comes from outside, and backtracking is a way to stop a server.
    let validator = jsonschema::options()
        .with_pattern_options(PatternOptions::regex())
        .with_format(PATH_FORMAT, move |text: &str| path_problem(text, &types).is_none())
        .should_validate_formats(true)
        .offline()
        .build(schema)
        .map_err(|why| format!("its configuration schema is not a JSON Schema: {why}. Upload a corrected plugin."))?;
    let problems: Vec<String> =
        validator.iter_errors(config).take(MAX_PROBLEMS).map(|problem| describe(&problem, &resource_types)).collect();
    if problems.is_empty() { Ok(()) } else { Err(format!("{}.", problems.join("; "))) }
}

fn describe(problem: &ValidationError<'_>, types: &[Arc<ResourceType>]) -> String {
    let located = path_error(problem);
    let place = located.unwrap_or(problem).instance_path().to_string();
    let place = if place.is_empty() {
        Cow::Borrowed("the configuration")
    } else {
        format!("the configuration at {place}").into()
    };
    let why = located.and_then(|problem| path_problem(problem.instance().as_str()?, types));
    let why = why.unwrap_or_else(|| problem.to_string());
    format!("{place}: {}", shortened(&why))
}

/// The wrong path that a problem is about, which may be one of several forms that the schema allows. The recursion is as deep as
/// the schema, whose depth the upload bounds.
fn path_error<'e, 'i>(problem: &'e ValidationError<'i>) -> Option<&'e ValidationError<'i>>
where
    'static: 'i,
{
    match problem.kind() {
        ValidationErrorKind::Format { format } if format == PATH_FORMAT => Some(problem),
        ValidationErrorKind::PropertyNames { error } => path_error(error),
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            context.iter().flatten().find_map(path_error)
        }
        _ => None,
    }
}

/// Why a text is not a path of each of the types; a sentence without its full stop.
fn path_problem(text: &str, types: &[Arc<ResourceType>]) -> Option<String> {
    let problem = |resource_type: &Arc<ResourceType>| match Path::parse(text, resource_type) {
        Err(error) => Some(error.detail.trim_end_matches('.').to_owned()),
        Ok(path) => {
            let attribute = path.attribute()?;
            let is_readable = attribute.extension.is_none() && READABLE.contains(&attribute.attribute.name.as_str());
            let is_absent = resource_type.is_detached(attribute)
                || !(attribute.attribute.has_searchable_values() && attribute.leaf().has_searchable_values());
            (is_absent && !is_readable).then(|| {
                format!("{} is not in the document of a {}, as plugins see it", attribute.name(), resource_type.name)
            })
        }
    };
    let mut problems: Vec<String> = types.iter().filter_map(problem).collect();
    let first = if problems.is_empty() { return None } else { problems.swap_remove(0) };
    if problems.len() + 1 == types.len() {
        return Some(first);
    }
    Some(format!("{first}. A path must fit every resource type that the step is for: name them in its resourceTypes"))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_PROBLEM_CHARS) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
