//! Tenants, as operators make, list, stop and delete them.

use scimgate_scim::error::ScimError;

use crate::operation::context::Gateway;
use crate::operation::error::Error;
use crate::store;
use crate::store::tenant::{State, Tenant};
use crate::tenant::TenantId;

/// Longest name: it is part of a host name and of every address of the tenant.
const LONGEST_NAME: usize = 40;

/// Makes a tenant.
///
/// # Errors
/// 400 for a name that cannot stand in an address, 409 for one in use.
pub async fn create(gateway: &Gateway, name: &str) -> Result<Tenant, Error> {
    check_name(name)?;
    let id = TenantId(gateway.clock.new_id());
    let made = gateway.store.control().insert_tenant(id, name, gateway.clock.now()).await;
    made.map_err(|error| match error {
        store::Error::Duplicate { .. } => {
            ScimError::new(409, format!("There is a tenant called {name} already. Choose another name.")).into()
        }
        other => other.into(),
    })
}

/// Every tenant, by name.
///
/// # Errors
/// The database is unavailable.
pub async fn list(gateway: &Gateway) -> Result<Vec<Tenant>, Error> {
    Ok(gateway.store.control().tenants().await?)
}

/// The tenant of a name.
///
/// # Errors
/// 404 where there is none.
pub async fn get(gateway: &Gateway, name: &str) -> Result<Tenant, Error> {
    // What cannot be a name is nobody's: the database would refuse some of it in words of its own.
    if check_name(name).is_err() {
        return Err(not_found(name));
    }
    let found = gateway.store.control().find_tenant(name).await?;
    found.ok_or_else(|| not_found(name))
}

/// Stops a tenant: its requests get 403 until it is resumed.
///
/// # Errors
/// 404 where there is none.
pub async fn suspend(gateway: &Gateway, name: &str) -> Result<Tenant, Error> {
    set_state(gateway, name, State::Suspended).await
}

/// Lets a suspended tenant work again.
///
/// # Errors
/// 404 where there is none.
pub async fn resume(gateway: &Gateway, name: &str) -> Result<Tenant, Error> {
    set_state(gateway, name, State::Active).await
}

/// Deletes a tenant: its tokens stop working and its name is free again.
///
/// # Errors
/// 404 where there is none.
pub async fn delete(gateway: &Gateway, name: &str) -> Result<Tenant, Error> {
    set_state(gateway, name, State::Deleted).await
}

async fn set_state(gateway: &Gateway, name: &str, state: State) -> Result<Tenant, Error> {
    let tenant = get(gateway, name).await?;
    let found = gateway.store.control().set_tenant_state(tenant.id, state, gateway.clock.now()).await?;
    gateway.forget(tenant.id).await;
    if found { Ok(Tenant { state, ..tenant }) } else { Err(not_found(name)) }
}

fn not_found(name: &str) -> Error {
    ScimError::new(404, format!("There is no tenant called {name}.")).into()
}

fn check_name(name: &str) -> Result<(), ScimError> {
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !name.is_empty() && name.len() <= LONGEST_NAME && letters && !name.starts_with('-') && !name.ends_with('-') {
        return Ok(());
    }
    Err(ScimError::new(
        400,
        format!(
            "A tenant's name is part of its address: 1 to {LONGEST_NAME} lower-case letters (a-z), digits and hyphens, \
             with no hyphen at either end."
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::check_name;

    #[test]
    fn a_name_that_can_stand_in_an_address_is_good() {
        for name in ["a", "7", "acme", "acme-eu-1", &"a".repeat(40)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn other_names_are_refused_with_the_rule() {
        for name in ["", "-", "-acme", "acme-", "Acme", "acme.eu", "ac me", "äcme", &"a".repeat(41)] {
            let refusal = check_name(name).unwrap_err();
            assert_eq!(refusal.status, 400, "{name}");
            assert!(refusal.detail.contains("1 to 40 lower-case letters"), "{name}");
        }
    }
}
