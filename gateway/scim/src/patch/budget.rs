//! The limit on the work of a request.

use serde_json::Value;

use super::Target;
use crate::cost;
use crate::error::ScimError;

/// The limit on the [cost](cost::of_value) of all steps, in bytes: a quarter of a second if every text must be normalised,
/// and some milliseconds otherwise. A hundred changes of five hundred mail addresses are within it.
pub(crate) const MAX_COST: usize = 16 << 20;
/// The cost of comparing two elements, in bytes.
const COMPARISON_COST: usize = 8;

/// The cost that the steps may still have.
pub(crate) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MAX_COST)
    }
}

impl Budget {
    pub(crate) fn new(cost: usize) -> Self {
        Self(cost)
    }

    /// Charges a step: it reads the whole value, and once more for each term of its filter. Fails with 413 if the budget is
    /// spent.
    pub(super) fn charge_step(&mut self, target: &Target, value: Option<&Value>) -> Result<(), ScimError> {
        let filter = target.element.as_ref().map_or(0, |filter| cost::of_filter(filter, value));
        self.charge(filter.saturating_add(value.map_or(0, cost::of_value)));
        if !self.is_spent() {
            return Ok(());
        }
        let name = target.reference.attribute_name();
        let detail = format!(
            "The operations, the conditions in their paths and the values of {name} are too many together: more than \
             {MAX_COST} bytes would have to be examined. Send them in several requests, or replace {name} as a whole."
        );
        Err(ScimError::new(413, detail))
    }

    /// Charges the comparison of each new element with the present ones and with the new ones before it.
    pub(crate) fn charge_comparisons(&mut self, new: usize, present: usize) {
        let comparisons = new.saturating_mul(present.saturating_add(new / 2));
        self.charge(comparisons.saturating_mul(COMPARISON_COST));
    }

    fn charge(&mut self, cost: usize) {
        self.0 = self.0.saturating_sub(cost);
    }

    /// Whether nothing is left.
    pub(crate) fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// The cost that is left.
    pub(crate) fn left(&self) -> usize {
        self.0
    }
}
