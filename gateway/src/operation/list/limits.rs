//! How much work one list request may cause.

/// How much work one list request may cause.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most documents that are read to decide a filter that no index decides.
    pub examined: u64,
    /// Most members that the groups of one page may have together.
    pub members: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { examined: 50_000, members: 100_000 }
    }
}
