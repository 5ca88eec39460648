//! The work of a request. A request of one megabyte can ask for hours of comparisons, and this crate has no clock, so the
//! bytes that are examined are counted.
//!
//! A unit is a byte that is read or compared once. Nothing is free: a comparison costs `COMPARISON` besides its bytes.
//! Normalising text that is not ASCII costs `NORMALISATION` a byte, since it takes that much longer.

use serde_json::Value;

use crate::error::{ScimError, ScimType};

/// The most units of one list: its filter and its sort keys, over all documents that are examined. A filter of three
/// conditions on fifty thousand documents takes about 15 Mi. All take less than half a second.
pub const MAX_LIST_EFFORT: usize = 128 << 20;
/// The most units of one PATCH. A hundred operations that each select from five hundred mail addresses take about 9 Mi.
/// All take less than a tenth of a second.
pub const MAX_PATCH_EFFORT: usize = 64 << 20;

/// The units of a comparison, a look-up or a value, besides its bytes.
const COMPARISON: usize = 8;
/// The units of normalising one byte of a text that is not ASCII.
const NORMALISATION: usize = 8;

/// A counter of work with a limit. It is created once for a request, and everything that the request causes is charged to it.
#[derive(Clone, Debug)]
pub struct Effort {
    limit: usize,
    spent: usize,
    refusal: fn(usize) -> ScimError,
}

impl Effort {
    /// For one list: at most [`MAX_LIST_EFFORT`], then 400 `tooMany`.
    #[must_use]
    pub fn list() -> Self {
        Self::new(MAX_LIST_EFFORT, |limit| {
            let detail = format!(
                "To evaluate the filter and the order, more than {limit} bytes would have to be compared. Use fewer \
                 conditions, or add one by eq that an index knows, joined by and."
            );
            ScimError::bad_request(ScimType::TooMany, detail)
        })
    }

    /// For one PATCH, or one PUT's unknown attributes: at most [`MAX_PATCH_EFFORT`], then 413.
    #[must_use]
    pub fn patch() -> Self {
        Self::patch_within(MAX_PATCH_EFFORT)
    }

    /// As [`Effort::patch`], with a limit of its own.
    pub(crate) fn patch_within(limit: usize) -> Self {
        Self::new(limit, |limit| {
            let detail = format!(
                "The operations, the conditions in their paths and the values that they select from are too many together: \
                 more than {limit} bytes would have to be compared. Send them in several requests, or replace the attribute \
                 as a whole."
            );
            ScimError::new(413, detail)
        })
    }

    /// Without a limit, for what is bounded otherwise.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::patch_within(usize::MAX)
    }

    fn new(limit: usize, refusal: fn(usize) -> ScimError) -> Self {
        Self { limit, spent: 0, refusal }
    }

    /// Charges units before the work is done.
    ///
    /// # Errors
    /// 400 `tooMany` or 413, by the kind of request, from when more than the limit is spent.
    pub fn charge(&mut self, units: usize) -> Result<(), ScimError> {
        self.spent = self.spent.saturating_add(units);
        if self.spent > self.limit { Err((self.refusal)(self.limit)) } else { Ok(()) }
    }

    /// Charges `count` comparisons or look-ups of `bytes` each.
    pub(crate) fn compare(&mut self, count: usize, bytes: usize) -> Result<(), ScimError> {
        self.charge(bytes.saturating_add(COMPARISON).saturating_mul(count))
    }

    /// Charges the folding of a text.
    pub(crate) fn fold(&mut self, text: &str) -> Result<(), ScimError> {
        self.charge(if text.is_ascii() { text.len() } else { text.len().saturating_mul(NORMALISATION) })
    }

    /// The units that were spent.
    #[must_use]
    pub fn spent(&self) -> usize {
        self.spent
    }

    /// The units that may still be spent.
    #[must_use]
    pub fn left(&self) -> usize {
        self.limit.saturating_sub(self.spent)
    }

    /// Whether a charge was refused.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.spent > self.limit
    }
}

/// The units of reading or copying a value once: its text in bytes, and a constant for each value in it. Parsing has bounded
/// the depth.
pub(crate) fn of_value(value: &Value) -> usize {
    let inner = match value {
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(of_value).sum(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len().saturating_add(of_value(value))).sum(),
        Value::Number(number) => number.as_str().len(),
        Value::Null | Value::Bool(_) => 0,
    };
    inner.saturating_add(COMPARISON)
}

#[cfg(test)]
mod tests;
