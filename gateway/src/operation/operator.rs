//! An operator's request to a use case of the admin API: the gateway, the actor, and the request's id.

use scimgate_scim::error::ScimError;

use crate::operation::context::Gateway;
use crate::operation::error::Error;
use crate::store::tenant::Tenant;
use crate::tenant;

/// What every use case of the admin API is given.
#[derive(Clone)]
pub struct Operator {
    /// What all use cases share.
    pub gateway: Gateway,
    /// The operator key's id; for a command that runs in the gateway's own process, the command's name.
    pub actor: String,
    /// The request's id.
    pub request_id: String,
}

impl Operator {
    /// A command that runs in the gateway's own process, without an operator key.
    #[must_use]
    pub fn command(gateway: &Gateway, name: &str) -> Self {
        Self { gateway: gateway.clone(), actor: name.to_owned(), request_id: gateway.clock.new_id().to_string() }
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
        let found = self.gateway.store.control().find_tenant(name).await?;
        found.ok_or_else(|| no_tenant(name))
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
