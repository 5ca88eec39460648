//! A cursor (RFC 9865): a place in an ordered list and which way to read on from there, sealed. Nothing is kept here for it,
//! so any replica serves it and an abandoned one costs nothing. It opens no door: whoever brings it must be let in as ever.

use std::time::{Duration, UNIX_EPOCH};

use scimgate_scim::error::{ScimError, ScimType};
use scimgate_scim::search::Search;
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::list::request::Request;
use crate::store::resource::list::Position;

/// How long a cursor is good for.
pub const LIFE: Duration = Duration::from_hours(1);

const PURPOSE: &str = "cursor of a list";
/// What the bytes mean: another form gets another number.
const FORM: u8 = 1;
const BACKWARD: u8 = 1;
const BEFORE: u8 = 2;
const KEYED: u8 = 4;
/// Bytes of the form, the flags, the time, the count and the id; the key is the rest.
const HEAD: usize = 1 + 1 + 8 + 2 + 16;

/// A place between two resources of an ordered list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// The one that it is beside, whether that still is there or not.
    pub(super) beside: Position,
    /// Whether just before it; or else just after.
    pub(super) before: bool,
}

/// Which way a page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The next page.
    Forward,
    /// The previous one.
    Backward,
}

impl Way {
    pub(super) fn back(self) -> Self {
        if self == Self::Forward { Self::Backward } else { Self::Forward }
    }
}

/// Where a page begins and which way it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) gap: Gap,
    pub(super) way: Way,
}

/// What cursors of one query have in common.
pub(super) struct Query<'a> {
    ctx: &'a Context,
    /// Whose query it is, and which one. RFC 9865 §2: the client "MUST query the same service provider endpoint with all
    /// query parameters and values being identical to the initial query".
    bound: [String; 6],
    /// Apart from the others, since another count has an error of its own.
    count: u16,
}

impl<'a> Query<'a> {
    pub(super) fn new(ctx: &'a Context, request: &Request, search: &Search) -> Self {
        let text = |parameter: &Option<String>| parameter.clone().unwrap_or_default();
        let sort = request.sort.as_ref();
        let sort = sort.map(|sort| format!("{} {}", sort.attribute.name(), sort.descending)).unwrap_or_default();
        let bound = [
            ctx.store.id().to_string(),
            request.plan.types().join(" "),
            // As it was understood: names may be written otherwise.
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
    pub(super) fn open(&self, cursor: &str) -> Result<Option<Place>, Error> {
        if cursor.is_empty() {
            return Ok(None);
        }
        let content = self.ctx.gateway.keys.open(PURPOSE, &self.parts(), cursor).ok_or_else(invalid)?;
        let (issued, count, place) = read(&content).ok_or_else(invalid)?;
        if self.now() > issued.saturating_add(LIFE.as_millis().try_into().unwrap_or(u64::MAX)) {
            let detail = format!(
                "The cursor is older than {} seconds. Begin anew with an empty cursor, and ask for the next page sooner.",
                LIFE.as_secs()
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
        Ok(Some(place))
    }

    /// The cursor for a place.
    pub(super) fn cursor(&self, gap: Gap, way: Way) -> String {
        let content = write(self.now(), self.count, &Place { gap, way });
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

/// RFC 9865 §5.2: what is wrong with a cursor is not told, or a forger would learn by it.
pub(super) fn invalid() -> Error {
    let detail = "This is no cursor for this query. Use nextCursor or previousCursor of a reply as it is, and repeat filter, \
                  sortBy, sortOrder, attributes and excludedAttributes; an empty cursor asks for the first page.";
    ScimError::bad_request(ScimType::InvalidCursor, detail).into()
}

fn write(issued: u64, count: u16, place: &Place) -> Vec<u8> {
    let Place { gap: Gap { beside, before }, way } = place;
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let flags = flag(*way == Way::Backward, BACKWARD) | flag(*before, BEFORE) | flag(beside.key.is_some(), KEYED);
    let mut content = vec![FORM, flags];
    content.extend_from_slice(&issued.to_be_bytes());
    content.extend_from_slice(&count.to_be_bytes());
    content.extend_from_slice(beside.id.as_bytes());
    content.extend_from_slice(beside.key.as_deref().unwrap_or_default().as_bytes());
    content
}

/// When it was issued in milliseconds since 1970, the count, and the place; none for another form.
fn read(content: &[u8]) -> Option<(u64, u16, Place)> {
    let (head, key) = content.split_at_checked(HEAD)?;
    let (&[form, flags], rest) = head.split_first_chunk()?;
    let (issued, rest) = rest.split_first_chunk()?;
    let (count, id) = rest.split_first_chunk()?;
    if form != FORM {
        return None;
    }
    let key = (flags & KEYED != 0).then(|| String::from_utf8(key.to_vec())).transpose().ok()?;
    let beside = Position { key, id: Uuid::from_slice(id).ok()? };
    let way = if flags & BACKWARD != 0 { Way::Backward } else { Way::Forward };
    let place = Place { gap: Gap { beside, before: flags & BEFORE != 0 }, way };
    Some((u64::from_be_bytes(*issued), u16::from_be_bytes(*count), place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_as_it_was() {
        for key in [None, Some(String::new()), Some("ada@corp.test".to_owned()), Some("é".repeat(256))] {
            for (way, before) in [(Way::Forward, false), (Way::Backward, true), (Way::Forward, true)] {
                let beside = Position { key: key.clone(), id: Uuid::from_u128(7) };
                let place = Place { gap: Gap { beside, before }, way };
                assert_eq!(read(&write(1_777_626_000_123, 1000, &place)), Some((1_777_626_000_123, 1000, place)));
            }
        }
    }

    #[test]
    fn another_form_is_not_guessed_at() {
        let beside = Position { key: Some("ada".into()), id: Uuid::from_u128(7) };
        let mut content = write(1, 2, &Place { gap: Gap { beside, before: false }, way: Way::Forward });
        assert_eq!(read(&content[..HEAD - 1]), None);
        assert_eq!(read(&[]), None);
        *content.last_mut().unwrap() = 0xff;
        assert_eq!(read(&content), None, "no text");
        content[0] = FORM + 1;
        assert_eq!(read(&content), None);
    }
}
