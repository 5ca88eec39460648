//! Which scope of an operator key each route of the admin API needs, declared beside the route. A route without a declaration
//! answers nobody.

use axum::Extension;
use axum::http::request::Parts;
use scimgate_scim::error::ScimError;
use utoipa::openapi::SecurityRequirement;
use utoipa_axum::router::UtoipaMethodRouter;

use super::openapi::operations;
use crate::operation::Gateway;
use crate::store::operator_key::{OperatorKey, OperatorScope};

/// The name of the key in the OpenAPI document.
pub(super) const OPERATOR_KEY: &str = "operatorKey";

/// The scopes of which a key needs one, by what a request does. The scope everything suffices for all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    /// For GET.
    read: &'static [OperatorScope],
    /// For all other methods.
    change: &'static [OperatorScope],
}

/// Routes that only read, whatever their method.
pub(super) const READ: Needs = Needs {
    read: &[OperatorScope::Read, OperatorScope::Tenants],
    change: &[OperatorScope::Read, OperatorScope::Tenants],
};

/// Routes of tenants and what belongs to them.
pub(super) const TENANTS: Needs = Needs { change: &[OperatorScope::Tenants], ..READ };

/// Routes that move whole tenants: who only reads settings reads no identities.
pub(super) const CONTENT: Needs = Needs { read: &[OperatorScope::Tenants], change: &[OperatorScope::Tenants] };

/// Routes of plugins.
pub(super) const PLUGINS: Needs = Needs {
    read: &[OperatorScope::Read, OperatorScope::Tenants, OperatorScope::Plugins],
    change: &[OperatorScope::Plugins],
};

/// Routes of operator keys.
pub(super) const KEYS: Needs = Needs { change: &[OperatorScope::Everything], ..READ };

/// Routes for every key.
pub(super) const ANY: Needs = Needs { change: &[], ..PLUGINS };

impl Needs {
    /// Declares what the routes need.
    pub(super) fn on(self, (schemas, mut paths, router): UtoipaMethodRouter<Gateway>) -> UtoipaMethodRouter<Gateway> {
        for item in paths.paths.values_mut() {
            let get = item.get.is_some();
            for (index, operation) in operations(item).enumerate() {
                // GET comes first.
                let needed = if get && index == 0 { self.read } else { self.change };
                let needed = needed.iter().filter(|scope| **scope != OperatorScope::Everything);
                let scopes = needed.chain(&[OperatorScope::Everything]);
                operation.security =
                    Some(scopes.map(|scope| SecurityRequirement::new(OPERATOR_KEY, [scope.word()])).collect());
            }
        }
        (schemas, paths, router.layer(Extension(self)))
    }
}

/// Checks that a key may do what a request asks.
///
/// # Errors
/// 403 with the scope that is missing.
pub(super) fn check(parts: &Parts, key: &OperatorKey) -> Result<(), ScimError> {
    let Some(needs) = parts.extensions.get::<Needs>() else {
        return Err(ScimError::new(403, "This route does not say which scope it needs, so no key may use it."));
    };
    let needed = if parts.method.is_safe() { needs.read } else { needs.change };
    if key.scopes.iter().any(|scope| *scope == OperatorScope::Everything || needed.contains(scope)) {
        return Ok(());
    }
    let words = |scopes: &[OperatorScope]| scopes.iter().map(|scope| scope.word()).collect::<Vec<_>>().join(" or ");
    let missing = if needed.is_empty() { OperatorScope::Everything.word().to_owned() } else { words(needed) };
    let has = key.scopes.iter().map(|scope| scope.word()).collect::<Vec<_>>().join(" and ");
    Err(ScimError::new(403, format!("This needs an operator key with the scope {missing}; this one has {has}.")))
}
