//! A group's members page by page, for a group that is too large to be read at once.

use uuid::Uuid;

use crate::store::error::Error;
use crate::store::membership::{Member, too_many};
use crate::store::{Params, TenantStore};

/// Where a page ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// Behind the member with this id; the nil id is before all members.
    Member(Uuid),
    /// Behind this pending reference; the empty text is before all references, which follow the members.
    Reference(String),
}

/// One page.
#[derive(Clone, Debug)]
pub struct MemberPage {
    /// The members, in the order of their ids; then the pending references, in the order of their values.
    pub members: Vec<Member>,
    /// Where the next page begins; none after the last.
    pub next: Option<Position>,
}

/// Whether the product sees member `m`, if `{asked}`.
macro_rules! is_shown {
    ($asked:literal) => {
        concat!(
            "CASE WHEN ",
            $asked,
            " THEN (SELECT r.mapping_state NOT IN ('excluded', 'never') FROM resource r \
             WHERE r.tenant_id = $1 AND r.id = m.member_id LIMIT 1) ELSE true END"
        )
    };
}

/// Whether a membership `m` that a batch holds is none at the source.
macro_rules! is_held_alone {
    () => {
        "(SELECT true FROM membership o WHERE o.tenant_id = $1 AND o.group_id = m.group_id AND o.member_id = m.member_id LIMIT 1) IS NULL"
    };
}

const FEW: &str = concat!(
    "SELECT m.member_id::text AS value, m.member_type, ",
    is_shown!("$4"),
    " FROM ((SELECT member_id, member_type FROM membership WHERE tenant_id = $1 AND group_id = $2 LIMIT $3) UNION ALL \
     (SELECT m.member_id, m.member_type FROM held_member m WHERE $4 AND m.tenant_id = $1 AND m.group_id = $2 AND ",
    is_held_alone!(),
    " LIMIT $3)) m \
     UNION ALL (SELECT value, NULL, NOT $4 FROM member_ref WHERE tenant_id = $1 AND group_id = $2 LIMIT $3) ORDER BY 1"
);

// The comparison of pairs leaves no index but the primary key, which has its order.
const MEMBERS: &str = concat!(
    "SELECT m.member_id, m.member_type, ",
    is_shown!("$5"),
    " FROM ((SELECT m.member_id, m.member_type FROM membership m WHERE m.tenant_id = $1 AND (m.group_id, m.member_id) > ($2, $3) \
     AND m.group_id <= $2 ORDER BY m.group_id, m.member_id LIMIT $4) UNION ALL \
     (SELECT m.member_id, m.member_type FROM held_member m WHERE $5 AND m.tenant_id = $1 AND (m.group_id, m.member_id) > ($2, $3) \
     AND m.group_id <= $2 AND ",
    is_held_alone!(),
    " ORDER BY m.group_id, m.member_id LIMIT $4)) m ORDER BY m.member_id LIMIT $4"
);

const REFERENCES: &str = "
SELECT value FROM member_ref WHERE tenant_id = $1 AND (group_id, value) > ($2, $3) AND group_id <= $2
ORDER BY group_id, value LIMIT $4";

/// Whose view of a group it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// The SCIM client: all members, and pending references.
    Client,
    /// The product: the members that its mapping lets it see.
    Product,
}

impl TenantStore {
    /// All members of a group, in the order of their values; none if it has more than `limit`, visible or not.
    pub async fn few_members(&self, group: Uuid, viewer: Viewer, limit: usize) -> Result<Option<Vec<Member>>, Error> {
        let (one_more, visible) = (i64::try_from(limit + 1).unwrap_or(i64::MAX), viewer == Viewer::Product);
        let params: Params<'_> = &[&self.tenant.0, &group, &one_more, &visible];
        let rows = self.read("reading members", FEW, params).await.map_err(too_many)?;
        if rows.len() > limit {
            return Ok(None);
        }
        let shown = rows.iter().filter(|row| row.get::<_, Option<bool>>(2) == Some(true));
        Ok(Some(shown.map(|row| Member { value: row.get(0), resource_type: row.get(1) }).collect()))
    }

    /// The members after a position, at most `size` of them. What is added or removed between two pages, or becomes a member where it
    /// was a reference, may be missing; all others are in exactly one page.
    pub async fn member_page(
        &self,
        group: Uuid,
        viewer: Viewer,
        after: &Position,
        size: usize,
    ) -> Result<MemberPage, Error> {
        match after {
            Position::Member(after) => self.resources(group, viewer, *after, size).await,
            Position::Reference(after) => self.references(group, after, size).await,
        }
    }

    async fn resources(&self, group: Uuid, viewer: Viewer, after: Uuid, size: usize) -> Result<MemberPage, Error> {
        let visible = viewer == Viewer::Product;
        let limit = i64::try_from(size).unwrap_or(i64::MAX);
        let rows = self.query("reading members", MEMBERS, &[&self.tenant.0, &group, &after, &limit, &visible]).await?;
        let last = rows.last().filter(|_| rows.len() >= size).map(|row| Position::Member(row.get(0)));
        let next = last.or_else(|| (!visible).then(|| Position::Reference(String::new())));
        let shown = rows.iter().filter(|row| row.get::<_, Option<bool>>(2) == Some(true));
        let member =
            |row: &tokio_postgres::Row| Member { value: row.get::<_, Uuid>(0).to_string(), resource_type: row.get(1) };
        Ok(MemberPage { members: shown.map(member).collect(), next })
    }

    async fn references(&self, group: Uuid, after: &str, size: usize) -> Result<MemberPage, Error> {
        let limit = i64::try_from(size).unwrap_or(i64::MAX);
        let rows = self.query("reading members", REFERENCES, &[&self.tenant.0, &group, &after, &limit]).await?;
        let members: Vec<_> = rows.iter().map(|row| Member { value: row.get(0), resource_type: None }).collect();
        let last = members.last().filter(|_| members.len() >= size);
        let next = last.map(|member| Position::Reference(member.value.clone()));
        Ok(MemberPage { members, next })
    }
}
