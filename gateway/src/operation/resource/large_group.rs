//! A group that has more members than are read at once. Its members are read while they are sent, so that its size takes no memory, and
//! no connection to the database is held while the client reads.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use uuid::Uuid;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::stretch;
use crate::store;
use crate::store::membership::Member;
use crate::store::membership::page::{MemberPage, Position, Viewer};

/// How often a page is read until it is given up, and the pause, which grows.
const MAX_ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);
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
    /// The group with its members. What is added or removed meanwhile, or becomes a member where it was a pending reference, may be
    /// missing; the version is that before the first part, so that a change with it as `If-Match` is refused then.
    pub(crate) fn parts(mut self) -> Parts {
        // What was an object becomes its beginning.
        self.text.pop();
        let state = (self, Some(Position::Member(Uuid::nil())), false);
        stream::try_unfold(state, |(mut group, position, has_members)| async move {
            let Some(position) = position else { return Ok(None) };
            let page = group.page(&position).await?;
            let members = stretch::measure(|| (group.render)(&group.ctx, &page.members));
            let mut part = std::mem::take(&mut group.text);
            match (members.is_empty(), has_members) {
                (true, _) => {}
                (false, true) => part.push(','),
                (false, false) => part.extend([",\"", group.attribute, "\":["]),
            }
            part.push_str(&members);
            let has_members = has_members || !members.is_empty();
            if page.next.is_none() {
                part.push_str(match (has_members, group.viewer) {
                    (true, _) => "]}",
                    (false, Viewer::Client) => "}",
                    // The product's groups always have members.
                    (false, Viewer::Product) => ",\"members\":[]}",
                });
            }
            Ok(Some((part, (group, page.next, has_members))))
        })
        .boxed()
    }

    /// Reads a page, again if the database is busy: the status has been sent, so that a failure would cost the client the whole.
    async fn page(&self, position: &Position) -> Result<MemberPage, store::Error> {
        let mut attempt = 1;
        loop {
            let page = self.ctx.store.member_page(self.id, self.viewer, position, MAX_MEMBERS_AT_ONCE).await;
            if page.is_ok() || attempt == MAX_ATTEMPTS {
                return page;
            }
            tokio::time::sleep(PAUSE * attempt).await;
            attempt += 1;
        }
    }
}
