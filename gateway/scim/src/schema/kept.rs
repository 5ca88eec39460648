//! What follows from a resource type and a text, kept for the next time: plugins use the same few paths for every document, and
//! parsing one takes longer than reading its value.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// The most texts of a type. When there are more, all are forgotten: those in use are soon back.
const MAX_KEPT_TEXTS: usize = 256;
/// What follows from a longer text is worked out each time.
const MAX_KEPT_TEXT_BYTES: usize = 256;

/// What has been worked out. The texts have one meaning, so there is one type of result.
#[derive(Default)]
pub(crate) struct Kept(RwLock<HashMap<Box<str>, Arc<dyn Any + Send + Sync>>>);

impl Kept {
    /// What follows from a text: what is kept of it, or else what `work_out` returns. An error is not kept.
    pub(crate) fn get_or<T: Any + Send + Sync, E>(
        &self,
        text: &str,
        work_out: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        // Nothing panics while it holds the lock, and a map is complete at any time.
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner).get(text).map(Arc::clone);
        if let Some(kept) = kept.and_then(|kept| kept.downcast().ok()) {
            return Ok(kept);
        }
        let new = Arc::new(work_out()?);
        if text.len() <= MAX_KEPT_TEXT_BYTES {
            let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= MAX_KEPT_TEXTS {
                kept.clear();
            }
            kept.insert(text.into(), Arc::<T>::clone(&new));
        }
        Ok(new)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(kept: &Kept, text: &str, is_worked_out: bool) {
        let mut worked_out = false;
        let found = kept.get_or(text, || {
            worked_out = true;
            Ok::<_, ()>(text.len())
        });
        assert_eq!((*found.unwrap(), worked_out), (text.len(), is_worked_out), "{text}");
    }

    #[test]
    fn a_text_is_worked_out_once_until_there_are_too_many() {
        let kept = Kept::default();
        length(&kept, "userName", true);
        length(&kept, "userName", false);
        let long = "n".repeat(MAX_KEPT_TEXT_BYTES + 1);
        length(&kept, &long, true);
        length(&kept, &long, true);
        for number in 0..MAX_KEPT_TEXTS {
            length(&kept, &number.to_string(), true);
        }
        length(&kept, "userName", true);
    }

    #[test]
    fn an_error_is_not_kept() {
        let kept = Kept::default();
        assert_eq!(kept.get_or::<(), _>("userName", || Err("wrong")), Err("wrong"));
        length(&kept, "userName", true);
    }
}
