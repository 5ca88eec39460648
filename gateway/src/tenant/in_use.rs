//! What a process keeps of each tenant that it serves at the moment.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Values that are kept while nobody uses them; then those go.
const MAX_IDLE: usize = 10_000;

/// A value for each key. It stays the same one while somebody has it.
pub struct InUse<K, V>(Mutex<HashMap<K, Arc<V>>>);

impl<K, V> Default for InUse<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V> InUse<K, V> {
    /// The key's value: the known one if it still `fits`, else a new one.
    pub fn get(&self, key: K, fits: impl FnOnce(&V) -> bool, new: impl FnOnce() -> V) -> Arc<V> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = values.get(&key).filter(|known| fits(known)) {
            return Arc::clone(known);
        }
        if values.len() >= MAX_IDLE {
            values.retain(|_, value| Arc::strong_count(value) > 1);
        }
        let value = Arc::new(new());
        values.insert(key, Arc::clone(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_stays_and_the_rest_goes() {
        let values = InUse::default();
        let kept = values.get(0, |_| true, || 7);
        for key in 1..=MAX_IDLE {
            let _ = values.get(key, |_| true, || key);
        }
        assert!(values.0.lock().unwrap().len() < 10);
        assert!(Arc::ptr_eq(&kept, &values.get(0, |_| true, || 8)));
        assert_eq!(*values.get(0, |value| *value == 8, || 8), 8, "one that does not fit is replaced");
    }
}
