//! Requests of the tenants that have the most, where an operator asks for it (`--metrics-tenants`): a label with a tenant's name makes
//! as many series as there are tenants.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use crate::operation::request_facts::Facts;
use crate::tenant::TenantId;

/// Tenants whose requests are counted; which of them have the most is decided at each reading.
const MAX_COUNTED_TENANTS: usize = 10_000;

/// The counters.
#[derive(Debug)]
pub(super) struct Tenants {
    shown: usize,
    counted: Mutex<HashMap<TenantId, Counted>>,
}

#[derive(Debug)]
struct Counted {
    name: String,
    total: u64,
    by_class: HashMap<&'static str, u64>,
}

impl Tenants {
    pub(super) fn new(shown: usize) -> Self {
        Self { shown, counted: Mutex::default() }
    }

    pub(super) fn count(&self, facts: &Facts, class: &'static str) {
        if self.shown == 0 {
            return;
        }
        let (Some(id), Some(name)) = (facts.tenant(), facts.tenant_name()) else { return };
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= MAX_COUNTED_TENANTS && !counted.contains_key(&id) {
            return;
        }
        let new = || Counted { name: name.to_owned(), total: 0, by_class: HashMap::new() };
        let tenant = counted.entry(id).or_insert_with(new);
        tenant.total += 1;
        *tenant.by_class.entry(class).or_default() += 1;
        if tenant.name != name {
            name.clone_into(&mut tenant.name);
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        if self.shown == 0 {
            return;
        }
        let family = Family::<[(&'static str, String); 2], Counter>::default();
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut most: Vec<&Counted> = counted.values().collect();
        most.sort_unstable_by(|a, b| b.total.cmp(&a.total).then_with(|| a.name.cmp(&b.name)));
        for tenant in most.into_iter().take(self.shown) {
            for (class, requests) in &tenant.by_class {
                let labels = [("tenant", tenant.name.clone()), ("status", (*class).to_owned())];
                family.get_or_create(&labels).inc_by(*requests);
            }
        }
        registry.register("tenant_requests", "Requests of the tenants that have the most", family);
    }
}
