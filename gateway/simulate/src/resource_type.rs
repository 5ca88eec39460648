//! The resource types that a simulation provisions, and their addresses.

use crate::address::escape;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceType {
    User,
    Group,
}

impl ResourceType {
    /// The path of its endpoint.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }

    /// The path of one resource.
    pub(crate) fn path_of(self, id: &str) -> String {
        format!("{}/{}", self.path(), escape(id))
    }
}
