//! The single sign-on subject: the path of mapped users whose value is the subject in the tokens of the customer's sign-on. It is a rule
//! of the directory schema, which an operator sets apart from the others: there must be a value, and no other user may have it.

use scimgate_scim::directory_schema::{Besides, DirectorySchema, Statement};
use scimgate_scim::error::ScimError;
use scimgate_scim::schema::registry::Registry;

/// The resource type that signs on.
pub const RESOURCE_TYPE: &str = "User";

/// The rules as the operator stated them, and the subject's path.
pub(super) fn stated(rules: Vec<Statement>) -> (Vec<Statement>, Option<String>) {
    let path = rules.iter().find(|rule| rule.subject.is_some()).map(|rule| rule.path.clone());
    let alone = |rule: Statement| match rule.subject {
        None => Some(rule),
        Some(Besides { stated: false, .. }) => None,
        Some(Besides { required, unique, .. }) => Some(Statement { required, unique, subject: None, ..rule }),
    };
    (rules.into_iter().filter_map(alone).collect(), path)
}

/// The rules with what the subject adds to them: to the rule of its path, or one of its own.
///
/// # Errors
/// 400 for a path that cannot be the subject.
pub(super) fn with_subject(
    mut rules: Vec<Statement>,
    path: Option<&str>,
    directory: &Registry,
) -> Result<Vec<Statement>, ScimError> {
    let Some(path) = path else { return Ok(rules) };
    let own = Statement {
        resource_type: RESOURCE_TYPE.to_owned(),
        path: path.to_owned(),
        required: true,
        unique: true,
        subject: Some(Besides::default()),
        ..Statement::default()
    };
    // By itself, so that the refusal names no rule's number.
    DirectorySchema::read(std::slice::from_ref(&own), directory).map_err(|refusal| {
        let why = refusal.detail.strip_prefix("Rule 1: ").unwrap_or(&refusal.detail).to_owned();
        ScimError::new(400, format!("The single sign-on subject cannot be {path}: {why}"))
    })?;
    let own = Statement { path: DirectorySchema::canonical_path(&own, directory).unwrap_or(own.path.clone()), ..own };
    let place = |rule: &Statement| {
        let resource_type = directory.resource_type(&rule.resource_type).map(|known| known.name.clone());
        (resource_type, DirectorySchema::canonical_path(rule, directory))
    };
    let wanted = place(&own);
    match rules.iter_mut().find(|rule| place(rule) == wanted) {
        Some(rule) => {
            rule.subject = Some(Besides { stated: true, required: rule.required, unique: rule.unique });
            (rule.required, rule.unique) = (true, true);
        }
        None => rules.push(own),
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(path: &str, required: bool, unique: bool) -> Statement {
        let resource_type = RESOURCE_TYPE.to_owned();
        Statement { resource_type, path: path.to_owned(), required, unique, ..Statement::default() }
    }

    #[test]
    fn the_subject_adds_to_the_rule_of_its_path_and_takes_it_back() {
        let directory = Registry::standard();
        for (rules, path, count) in [
            (vec![], "externalId", 1),
            (vec![rule("title", true, false)], "externalId", 2),
            (vec![rule("EXTERNALID", true, false), rule("title", false, true)], "externalId", 2),
            (vec![rule("externalId", false, true)], "externalid", 1),
        ] {
            let with = with_subject(rules.clone(), Some(path), &directory).unwrap();
            assert_eq!(with.len(), count);
            let subject = with.iter().find(|rule| rule.subject.is_some()).unwrap();
            assert!(subject.required && subject.unique);
            assert!(DirectorySchema::read(&with, &directory).is_ok());
            let (stated, found) = stated(with);
            assert_eq!((stated, found.map(|found| found.to_lowercase())), (rules, Some("externalid".to_owned())));
        }
        assert_eq!(with_subject(vec![], None, &directory), Ok(vec![]));
        let refusal = with_subject(vec![], Some("emails.value"), &directory).unwrap_err();
        assert!(
            refusal.detail.starts_with("The single sign-on subject cannot be emails.value: "),
            "{}",
            refusal.detail
        );
    }
}
