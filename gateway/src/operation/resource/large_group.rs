//! A group that has more members than are read at once. Its members are read while they are sent, so that its size takes no memory, and
//! no connection to the database is held while the client reads.

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::store::membership::Member;
use crate::store::membership::page::{Position, Viewer};

/// Members that are read at once.
pub const MAX_MEMBERS_AT_ONCE: usize = 500;

/// A reply's text, in parts.
pub type Parts = BoxStream<'static, Result<String, Error>>;

/// A reply's text.
pub enum Text {
    /// As a whole.
    Whole(String),
    /// In parts, which are made as they are sent.
    InParts(Parts),
}

/// Turns members into JSON objects with commas between them.
pub(crate) type Render = Box<dyn Fn(&Context, &[Member]) -> String + Send + Sync>;

/// A large group's text.
pub(crate) struct LargeGroup {
    /// The request. Its place is kept until the last part is sent.
    pub(crate) ctx: Context,
    /// The group's id.
    pub(crate) id: Uuid,
    /// Whose view it is.
    pub(crate) viewer: Viewer,
    /// The group as a JSON object without members.
    pub(crate) text: String,
    /// The members' name.
    pub(crate) attribute: &'static str,
    /// Their form.
    pub(crate) render: Render,
}

impl LargeGroup {
    /// The group with its members. Members that are added or removed meanwhile may be missing or not, as in any later read; the
    /// version is that before the first.
    pub(crate) fn parts(mut self) -> Parts {
        // What was an object becomes its beginning.
        self.text.pop();
        let name = self.attribute;
        self.text.push_str(&format!(",\"{name}\":["));
        let state = (self, Some(Position::Member(Uuid::nil())), true);
        stream::try_unfold(state, |(mut group, position, is_first)| async move {
            let Some(position) = position else { return Ok(None) };
            let page = group.ctx.store.member_page(group.id, group.viewer, &position, MAX_MEMBERS_AT_ONCE).await?;
            let members = (group.render)(&group.ctx, &page.members);
            let mut part = std::mem::take(&mut group.text);
            if !members.is_empty() && !is_first {
                part.push(',');
            }
            part.push_str(&members);
            if page.next.is_none() {
                part.push_str("]}");
            }
            let is_first = is_first && members.is_empty();
            Ok(Some((part, (group, page.next, is_first))))
        })
        .boxed()
    }
}
