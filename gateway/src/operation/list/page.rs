//! The part of a list that is requested, and the part that was found.

use uuid::Uuid;

use crate::operation::list::cursor_position::Boundary;
use crate::store::resource::list::Position;
use crate::store::resource::read::Stored;

/// The part of a list that is requested by number.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// How many resources are skipped.
    pub(super) offset: u64,
    /// How many are returned at most.
    pub(super) count: u64,
    /// The last resource to skip, if known: then the skipped ones need not be counted.
    pub(super) after: Option<Uuid>,
    /// The `totalResults` of the page before.
    pub(super) reported_total: u64,
}

impl Wanted {
    /// The position after which the part begins, in the order of ids.
    pub(super) fn position(&self) -> Option<Position> {
        self.after.map(|id| Position { key: None, id })
    }
}

/// A part of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct Slice {
    pub(super) rows: Vec<Stored>,
    /// How many resources all pages have.
    pub(super) total: u64,
    /// Whether more follow.
    pub(super) more: bool,
}

/// A page by cursor, and where its neighbours are.
pub(super) struct CursorPage {
    pub(super) rows: Vec<Stored>,
    /// How many resources all pages have, where that is known.
    pub(super) total: Option<u64>,
    /// Where the previous page ends.
    pub(super) previous: Option<Boundary>,
    /// Where the next page begins.
    pub(super) next: Option<Boundary>,
}

pub(super) fn to_i64(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
