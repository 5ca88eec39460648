//! A tenant's directory schema, as its writes need it.

use scimgate_scim::directory_schema::{Besides, DirectorySchema, Statement};
use scimgate_scim::schema::registry::Registry;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::operation::error::Error;
use crate::store::directory_schema::DirectorySchemaRow;

/// A rule as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StoredRule {
    resource_type: String,
    path: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    required: bool,
    allowed: Vec<Value>,
    unique: bool,
    generation: i64,
    /// A replica of the version before ignores it, and keeps the rule: it is stored with what the subject makes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<StoredBesides>,
}

/// What the rule of the single sign-on subject says besides.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredBesides {
    stated: bool,
    required: bool,
    unique: bool,
}

impl Default for StoredRule {
    fn default() -> Self {
        Statement::default().into()
    }
}

impl From<Statement> for StoredRule {
    fn from(rule: Statement) -> Self {
        let Statement { resource_type, path, kind, required, allowed, unique, generation, subject } = rule;
        let subject = subject.map(|Besides { stated, required, unique }| StoredBesides { stated, required, unique });
        Self { resource_type, path, kind, required, allowed, unique, generation, subject }
    }
}

impl From<StoredRule> for Statement {
    fn from(rule: StoredRule) -> Self {
        let StoredRule { resource_type, path, kind, required, allowed, unique, generation, subject } = rule;
        let subject = subject.map(|StoredBesides { stated, required, unique }| Besides { stated, required, unique });
        Self { resource_type, path, kind, required, allowed, unique, generation, subject }
    }
}

/// Rules as the operator stated them.
///
/// # Errors
/// What is stored cannot be understood.
pub(crate) fn statements(text: &str) -> Result<Vec<Statement>, Error> {
    let rules: Vec<StoredRule> =
        serde_json::from_str(text).map_err(|why| Error::Corrupt(format!("a directory schema: {why}")))?;
    Ok(rules.into_iter().map(Statement::from).collect())
}

/// The text that is stored of rules.
pub(crate) fn text(rules: &[Statement]) -> Result<String, Error> {
    let rules: Vec<StoredRule> = rules.iter().cloned().map(StoredRule::from).collect();
    serde_json::to_string(&rules).map_err(|why| Error::Corrupt(format!("a directory schema: {why}")))
}

/// Rules by the schemas of mapped documents. A change of the schemas that they do not fit is refused, so all of them can be read.
///
/// # Errors
/// What is stored cannot be understood.
pub(crate) fn read(row: Option<&DirectorySchemaRow>, directory: &Registry) -> Result<DirectorySchema, Error> {
    let Some(row) = row else { return Ok(DirectorySchema::default()) };
    let rules = DirectorySchema::read(&statements(&row.rules)?, directory);
    rules.map_err(|why| Error::Corrupt(format!("a directory schema: {}", why.detail)))
}
