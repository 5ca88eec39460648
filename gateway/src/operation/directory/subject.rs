//! The single sign-on subject of a user, as the product sees it, and the user of a subject.

use scimgate_scim::directory_schema::TypeRules;
use scimgate_scim::error::ScimError;
use serde_json::Value;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::document::parse;
use crate::store::mapped_unique::entries;
use crate::store::resource::read::Stored;

/// The rules of a type whose resources have a subject.
pub(super) fn rules<'c>(ctx: &'c Context, resource_type: &str) -> Option<&'c TypeRules> {
    ctx.settings.rules(resource_type).filter(|rules| rules.subject_path().is_some())
}

/// The subject in the mapped document of a resource.
///
/// # Errors
/// The document cannot be read.
pub(super) fn of(stored: &Stored, rules: &TypeRules) -> Result<Option<String>, Error> {
    let Some(mapped) = stored.mapped_text() else { return Ok(None) };
    let document = parse("mapped", mapped)?;
    Ok(rules.subject_of(&document).map(str::to_owned))
}

/// The resource that the product sees with a subject, which is compared as its attribute says (`caseExact`).
///
/// # Errors
/// 400 where the tenant has no subject, or the text is empty; 503 while the subjects of stored users are being entered, if this one may
/// be among them.
pub(super) async fn find(ctx: &Context, resource_type: &str, subject: &str) -> Result<Option<Stored>, Error> {
    let refuse = |why: &str| Error::from(ScimError::new(400, why));
    let rules = rules(ctx, resource_type).ok_or_else(|| {
        refuse("There is no single sign-on subject of this type: an operator sets it for users by `scimgate tenant sso-subject`.")
    })?;
    if subject.is_empty() {
        return Err(refuse("ssoSubject is empty."));
    }
    let value = Value::from(subject);
    let wanted: Vec<_> = rules.subject_entry(&value).into_iter().collect();
    let keys = entries(&wanted);
    let typed: Vec<_> = keys.iter().map(|key| (resource_type.to_owned(), key.clone())).collect();
    let holder = ctx.store.unique_holders(&typed).await?.into_values().next();
    let Some(holder) = holder else {
        check_entered(ctx).await?;
        return Ok(None);
    };
    let Some(stored) = ctx.store.visible(resource_type, holder).await? else { return Ok(None) };
    // Of a held user the value may be the one that it has after the release.
    let own = of(&stored, rules)?.map(Value::from);
    let is_own = own.as_ref().and_then(|own| rules.subject_entry(own)).is_some_and(|own| entries(&[own]) == keys);
    Ok(is_own.then_some(stored))
}

/// Refuses to say that nobody has a subject while those of stored users are not all entered.
async fn check_entered(ctx: &Context) -> Result<(), Error> {
    match ctx.store.directory_check().await? {
        Some(check) if check.applies && check.finished_at.is_none() => {
            let detail = "The single sign-on subjects of stored users are being entered, and this one was not found yet. Please try again.";
            Err(ScimError::new(503, detail).into())
        }
        _ => Ok(()),
    }
}
