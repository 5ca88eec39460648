//! A token's rotation: start (a second token, and both are accepted), complete (the first is revoked), cancel (the second is).

use scimgate_scim::error::ScimError;
use serde_json::json;
use uuid::Uuid;

use super::{Issued, Wanted, new, not_found, recorded};
use crate::operation::error::Error;
use crate::operation::operator::{Operator, log_change};
use crate::store::tenant::Tenant;
use crate::store::tenant::credential::{Credential, Phase};

/// Issues a token that is to replace another one, with the same scope and restrictions. Both are accepted.
///
/// # Errors
/// 404 for an unknown tenant or token, 409 for one that is in a rotation already or not accepted, 400 for a life out of bounds.
pub async fn start(
    operator: &Operator,
    tenant: &str,
    id: &str,
    (label, expires_in_days): (Option<String>, Option<u32>),
) -> Result<Issued, Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let old = find(operator, &tenant, id).await?;
    let wanted = Wanted {
        scope: old.scope,
        label: label.unwrap_or_else(|| old.label.clone()),
        expires_in_days,
        restrictions: old.restrictions.clone(),
    };
    let Issued { mut credential, secret } = new(operator, &tenant, wanted).await?;
    credential.phase = Phase::Pending;
    credential.replaces = Some(old.id);
    let entry = operator.change_of(&tenant, "token.rotate-start", old.id).after(&recorded(&credential));
    let store = gateway.store.tenant(tenant.id).audited(entry);
    let started = store.start_rotation(&credential, &secret.digest(), old.id).await?;
    gateway.forget_tenant(tenant.id).await;
    if !started {
        let detail = format!("The token {id} is being rotated already, or is not accepted any more.");
        return Err(ScimError::new(409, detail).into());
    }
    log_change!(operator, tenant.id = %tenant.id, token.id = %old.id, by = %credential.id, "token's rotation started");
    Ok(Issued { credential, secret })
}

/// Revokes the token that is being replaced.
///
/// # Errors
/// 404 for an unknown tenant or token; 409 where it is in no rotation, and where the new token was never used, unless that is
/// `confirmed`: whoever still sends the old one would be locked out.
pub async fn complete(operator: &Operator, tenant: &str, id: &str, confirmed: bool) -> Result<(), Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let old = find(operator, &tenant, id).await?;
    let replacement = replacement(operator, &tenant, &old).await?;
    if !confirmed && replacement.last_used_at.is_none() {
        let detail = "The new token was not used yet, so its client seems to send the old one still. Confirm that to revoke the old \
                      one: confirm in the request, or --yes.";
        return Err(ScimError::new(409, detail).into());
    }
    let entry = operator.change_of(&tenant, "token.rotate-complete", old.id).after(&json!({ "by": replacement.id }));
    let store = gateway.store.tenant(tenant.id).audited(entry);
    let completed = store.complete_rotation(old.id, gateway.clock.now()).await?;
    gateway.forget_tenant(tenant.id).await;
    let by = completed.ok_or_else(|| no_rotation(id))?;
    log_change!(operator, tenant.id = %tenant.id, token.id = %old.id, %by, "token's rotation completed");
    Ok(())
}

/// Revokes the token that was to replace another one, which is active again.
///
/// # Errors
/// 404 for an unknown tenant or token, 409 where it is in no rotation.
pub async fn cancel(operator: &Operator, tenant: &str, id: &str) -> Result<(), Error> {
    let (gateway, tenant) = (&operator.gateway, operator.tenant(tenant).await?);
    let old = find(operator, &tenant, id).await?;
    let entry = operator.change_of(&tenant, "token.rotate-cancel", old.id);
    let store = gateway.store.tenant(tenant.id).audited(entry);
    let cancelled = store.cancel_rotation(old.id, gateway.clock.now()).await?;
    gateway.forget_tenant(tenant.id).await;
    let by = cancelled.ok_or_else(|| no_rotation(id))?;
    log_change!(operator, tenant.id = %tenant.id, token.id = %old.id, %by, "token's rotation cancelled");
    Ok(())
}

async fn find(operator: &Operator, tenant: &Tenant, id: &str) -> Result<Credential, Error> {
    let token: Uuid = id.parse().map_err(|_| not_found(tenant, id))?;
    let all = operator.gateway.store.tenant(tenant.id).credentials().await?;
    Ok(all.into_iter().find(|credential| credential.id == token).ok_or_else(|| not_found(tenant, id))?)
}

async fn replacement(operator: &Operator, tenant: &Tenant, old: &Credential) -> Result<Credential, Error> {
    let all = operator.gateway.store.tenant(tenant.id).credentials().await?;
    let is_pending =
        |it: &Credential| it.replaces == Some(old.id) && it.phase == Phase::Pending && it.revoked_at.is_none();
    all.into_iter().find(is_pending).ok_or_else(|| no_rotation(&old.id.to_string()))
}

fn no_rotation(id: &str) -> Error {
    ScimError::new(409, format!("The token {id} is not being rotated.")).into()
}
