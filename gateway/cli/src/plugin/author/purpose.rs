//! What a build of a plugin is for.

/// What a build is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be uploaded and run a million times.
    Release,
    /// To be looked at within a second or two.
    Watch,
}
