//! An operator's request to a use case of the admin API: the gateway, the actor, and the request's id.

use std::fmt::Display;
use std::net::IpAddr;

use scimgate_scim::error::ScimError;
use uuid::Uuid;

use crate::operation::context::Gateway;
use crate::operation::error::Error;
use crate::store::audit::{Actor, Entry};
use crate::store::tenant::Tenant;
use crate::tenant;

/// What every use case of the admin API is given.
#[derive(Clone)]
pub struct Operator {
    /// What all use cases share.
    pub gateway: Gateway,
    /// The operator key's id; for a command that runs in the gateway's own process, the command's name.
    pub actor: String,
    /// What the audit calls the actor: the operator key's label, or the command's name.
    pub name: String,
    /// The operator key; none for a command.
    pub key: Option<Uuid>,
    /// The request's id.
    pub request_id: String,
    /// The client's address; none for a command.
    pub address: Option<IpAddr>,
}

impl Operator {
    /// A command that runs in the gateway's own process, without an operator key.
    #[must_use]
    pub fn command(gateway: &Gateway, name: &str) -> Self {
        Self {
            gateway: gateway.clone(),
            actor: name.to_owned(),
            name: name.to_owned(),
            key: None,
            request_id: gateway.clock.new_id().to_string(),
            address: None,
        }
    }

    /// A change by this operator, to be recorded with it: `store.audited(…)`.
    #[must_use]
    pub fn change(&self, action: &'static str, subject: impl Display) -> Entry {
        let Self { gateway, name, key, request_id, address, .. } = self;
        let actor = Actor { name: name.clone(), key: *key, request_id: request_id.clone(), address: *address };
        Entry::new((gateway.clock.new_id(), gateway.clock.now()), actor, action, &subject)
    }

    /// A change of a tenant.
    #[must_use]
    pub fn change_of(&self, tenant: &Tenant, action: &'static str, subject: impl Display) -> Entry {
        self.change(action, subject).of(tenant.id)
    }

    /// The tenant with a name.
    ///
    /// # Errors
    /// 404 where there is none.
    pub async fn tenant(&self, name: &str) -> Result<Tenant, Error> {
        // The database refuses some texts that cannot be a name, such as one with a NUL, with an error of its own.
        if !tenant::is_name(name) {
            return Err(no_tenant(name));
        }
        let control = self.gateway.store.control();
        if let Some(found) = control.find_tenant(name).await? {
            return Ok(found);
        }
        Err(match control.tenant_formerly_called(name).await? {
            Some(now) => {
                ScimError::new(404, format!("There is no tenant called {name}: that one is called {now} now.")).into()
            }
            None => no_tenant(name),
        })
    }
}

/// 404 for a tenant that does not exist.
pub(crate) fn no_tenant(name: &str) -> Error {
    ScimError::new(404, format!("There is no tenant called {name}.")).into()
}

/// Logs a change with its actor and its request, once it has been made.
macro_rules! log_change {
    ($operator:expr, $($change:tt)+) => {
        tracing::info!(actor = %$operator.actor, request.id = %$operator.request_id, $($change)+)
    };
}
pub(crate) use log_change;
