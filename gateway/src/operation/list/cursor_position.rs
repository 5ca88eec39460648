//! A cursor (RFC 9865): a position in an ordered list and the direction to read on, sealed. No state is kept for it, so any
//! replica serves it and an abandoned one costs nothing. It grants nothing: each request is authenticated.

use std::time::{Duration, UNIX_EPOCH};

use scimgate_scim::error::{ScimError, ScimType};
use scimgate_scim::search::Search;
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::list::request::Request;
use crate::store::resource::list::Position;

/// How long a cursor is valid.
pub const CURSOR_TTL: Duration = Duration::from_hours(1);

const PURPOSE: &str = "cursor of a list";
/// The layout of the bytes; another layout gets another number.
const VERSION: u8 = 1;
const BACKWARD: u8 = 1;
const BEFORE: u8 = 2;
const KEYED: u8 = 4;
/// Bytes of the version, the flags, the time, the count and the id; the key is the rest.
const HEAD: usize = 1 + 1 + 8 + 2 + 16;

/// A boundary between two resources of an ordered list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Boundary {
    /// The resource beside it, whether it still exists or not.
    pub(super) beside: Position,
    /// Whether it is just before that resource; else just after.
    pub(super) before: bool,
}

/// In which direction a page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// The next page.
    Forward,
    /// The previous one.
    Backward,
}

impl Direction {
    pub(super) fn reversed(self) -> Self {
        if self == Self::Forward { Self::Backward } else { Self::Forward }
    }
}

/// Where a page begins, and in which direction it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CursorPosition {
    pub(super) boundary: Boundary,
    pub(super) direction: Direction,
}

/// Seals and opens the cursors of one query.
pub(super) struct CursorSeal<'a> {
    ctx: &'a Context,
    /// The client and its query. RFC 9865 §2: the client "MUST query the same service provider endpoint with all
    /// query parameters and values being identical to the initial query".
    bound: [String; 6],
    /// Not among the bound values, since a different count has an error of its own.
    count: u16,
}

impl<'a> CursorSeal<'a> {
    pub(super) fn new(ctx: &'a Context, request: &Request, search: &Search) -> Self {
        let text = |parameter: &Option<String>| parameter.clone().unwrap_or_default();
        let sort = request.sort.as_ref();
        let sort = sort.map(|sort| format!("{} {}", sort.attribute.name(), sort.descending)).unwrap_or_default();
        let bound = [
            ctx.store.id().to_string(),
            request.plan.types().join(" "),
            // The parsed filter, because its spelling may differ.
            request.filter.as_ref().map(ToString::to_string).unwrap_or_default(),
            sort,
            text(&search.attributes),
            text(&search.excluded_attributes),
        ];
        Self { ctx, bound, count: u16::try_from(request.paging.count).unwrap_or(u16::MAX) }
    }

    /// Reads a cursor; none for the first page.
    ///
    /// # Errors
    /// 400 `invalidCursor`, `expiredCursor` or `invalidCount`.
    pub(super) fn open(&self, cursor: &str) -> Result<Option<CursorPosition>, Error> {
        if cursor.is_empty() {
            return Ok(None);
        }
        let content = self.ctx.gateway.keys.open(PURPOSE, &self.parts(), cursor).ok_or_else(invalid)?;
        let (issued, count, position) = read(&content).ok_or_else(invalid)?;
        if self.now() > issued.saturating_add(CURSOR_TTL.as_millis().try_into().unwrap_or(u64::MAX)) {
            let detail = format!(
                "The cursor is older than {} seconds. Begin anew with an empty cursor, and ask for the next page sooner.",
                CURSOR_TTL.as_secs()
            );
            return Err(ScimError::bad_request(ScimType::ExpiredCursor, detail).into());
        }
        if count != self.count {
            let detail = format!(
                "This cursor goes on with a count of {count}. Repeat the count of the first page, or begin anew with an empty \
                 cursor."
            );
            return Err(ScimError::bad_request(ScimType::InvalidCount, detail).into());
        }
        Ok(Some(position))
    }

    /// The cursor of a position.
    pub(super) fn cursor(&self, boundary: Boundary, direction: Direction) -> String {
        let content = write(self.now(), self.count, &CursorPosition { boundary, direction });
        self.ctx.gateway.keys.seal(PURPOSE, &self.parts(), &content)
    }

    fn parts(&self) -> [&str; 6] {
        self.bound.each_ref().map(String::as_str)
    }

    /// Milliseconds since 1970.
    fn now(&self) -> u64 {
        let since = self.ctx.gateway.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        since.as_millis().try_into().unwrap_or(u64::MAX)
    }
}

/// RFC 9865 §5.2: the reply does not say what is wrong with a cursor, or a forger would learn from it.
pub(super) fn invalid() -> Error {
    let detail = "This is not a cursor for this query. Use nextCursor or previousCursor of a reply as it is, and repeat filter, \
                  sortBy, sortOrder, attributes and excludedAttributes; an empty cursor asks for the first page.";
    ScimError::bad_request(ScimType::InvalidCursor, detail).into()
}

fn write(issued: u64, count: u16, position: &CursorPosition) -> Vec<u8> {
    let CursorPosition { boundary: Boundary { beside, before }, direction } = position;
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let flags =
        flag(*direction == Direction::Backward, BACKWARD) | flag(*before, BEFORE) | flag(beside.key.is_some(), KEYED);
    let mut content = vec![VERSION, flags];
    content.extend_from_slice(&issued.to_be_bytes());
    content.extend_from_slice(&count.to_be_bytes());
    content.extend_from_slice(beside.id.as_bytes());
    content.extend_from_slice(beside.key.as_deref().unwrap_or_default().as_bytes());
    content
}

/// When it was issued in milliseconds since 1970, the count, and the position; none for another version.
fn read(content: &[u8]) -> Option<(u64, u16, CursorPosition)> {
    let (head, key) = content.split_at_checked(HEAD)?;
    let (&[version, flags], rest) = head.split_first_chunk()?;
    let (issued, rest) = rest.split_first_chunk()?;
    let (count, id) = rest.split_first_chunk()?;
    if version != VERSION {
        return None;
    }
    let key = (flags & KEYED != 0).then(|| String::from_utf8(key.to_vec())).transpose().ok()?;
    let beside = Position { key, id: Uuid::from_slice(id).ok()? };
    let direction = if flags & BACKWARD != 0 { Direction::Backward } else { Direction::Forward };
    let position = CursorPosition { boundary: Boundary { beside, before: flags & BEFORE != 0 }, direction };
    Some((u64::from_be_bytes(*issued), u16::from_be_bytes(*count), position))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_the_round_trip() {
        for key in [None, Some(String::new()), Some("ada@corp.test".to_owned()), Some("é".repeat(256))] {
            for (direction, before) in
                [(Direction::Forward, false), (Direction::Backward, true), (Direction::Forward, true)]
            {
                let beside = Position { key: key.clone(), id: Uuid::from_u128(7) };
                let position = CursorPosition { boundary: Boundary { beside, before }, direction };
                assert_eq!(read(&write(1_777_626_000_123, 1000, &position)), Some((1_777_626_000_123, 1000, position)));
            }
        }
    }

    #[test]
    fn other_versions_are_refused() {
        let beside = Position { key: Some("ada".into()), id: Uuid::from_u128(7) };
        let mut content = write(
            1,
            2,
            &CursorPosition { boundary: Boundary { beside, before: false }, direction: Direction::Forward },
        );
        assert_eq!(read(&content[..HEAD - 1]), None);
        assert_eq!(read(&[]), None);
        *content.last_mut().unwrap() = 0xff;
        assert_eq!(read(&content), None, "not UTF-8");
        content[0] = VERSION + 1;
        assert_eq!(read(&content), None);
    }
}
