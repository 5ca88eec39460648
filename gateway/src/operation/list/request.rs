//! A parsed list request: which resources, in which order, with which attributes.

use std::sync::Arc;

use scimgate_scim::error::{ScimError, ScimType};
use scimgate_scim::filter::Filter;
use scimgate_scim::leniency::Warnings;
use scimgate_scim::list::Paging;
use scimgate_scim::projection::Projection;
use scimgate_scim::schema::ResourceType;
use scimgate_scim::search::Search;
use scimgate_scim::sort::Sort;

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::resource::members;
use crate::store::resource::filter_sql::Plan;
use crate::store::resource::indexed::{indexed_names, name_attribute};
use crate::store::resource::list::Order;
use crate::store::resource::read::ReadOptions;

/// A list request.
pub(super) struct Request {
    pub(super) types: Vec<Arc<ResourceType>>,
    pub(super) filter: Option<Filter>,
    pub(super) plan: Plan,
    pub(super) sort: Option<Sort>,
    /// The order, if the database has it; none where documents must be sorted here.
    pub(super) order: Option<Order>,
    /// Which attributes are shown, by type.
    projections: Vec<Option<Projection>>,
    pub(super) paging: Paging,
}

impl Request {
    pub(super) fn read(ctx: &Context, types: Vec<Arc<ResourceType>>, search: &Search) -> Result<Self, Error> {
        let each: Vec<&ResourceType> = types.iter().map(AsRef::as_ref).collect();
        let mut warnings = Warnings::default();
        let parse = |text: &str| Filter::parse_with(text, &each, &ctx.settings.leniencies, &mut warnings);
        let filter = search.filter.as_deref().map(parse).transpose()?;
        let all = ctx.settings.registry.resource_types();
        let plan = match &filter {
            Some(filter) => Plan::of(filter, &types, (all, &ctx.base_url), &ctx.settings.search),
            None => Plan::all(&types),
        };
        let by = (search.sort_by.as_deref(), search.sort_order.as_deref());
        let sort = Sort::parse(by.0, by.1, &each, (&ctx.settings.leniencies, &mut warnings))?;
        ctx.record_leniencies(&warnings);
        let projection = |resource_type: &&ResourceType| {
            let (attributes, excluded) = (search.attributes.as_deref(), search.excluded_attributes.as_deref());
            Projection::parse(attributes, excluded, resource_type)
        };
        let projections = each.iter().map(projection).collect::<Result<_, _>>()?;
        let order = sort.as_ref().map_or(Some(Order::Id), |sort| order(sort, &types));
        let (start_index, count) = (search.start_index.as_deref(), search.count.as_deref());
        let paging = match search.cursor {
            Some(_) => Paging::with_cursor(start_index, count)?,
            None => Paging::parse(start_index, count)?,
        };
        Ok(Self { types, filter, plan, sort, order, projections, paging })
    }

    pub(super) fn descending(&self) -> bool {
        self.sort.as_ref().is_some_and(|sort| sort.descending)
    }

    /// Whether the request is cheap for the database, however many resources there are.
    pub(super) fn is_short(&self) -> bool {
        self.plan.is_lookup() || self.plan.is_everything() && self.order == Some(Order::Id)
    }

    /// A resource type by name, and its projection.
    pub(super) fn of_type(&self, name: &str) -> Result<(&Arc<ResourceType>, Option<&Projection>), Error> {
        let mut each = self.types.iter().zip(&self.projections);
        let found = each.find(|(known, _)| known.name == name);
        let (known, projection) = found.ok_or_else(|| Error::Corrupt(format!("a list holds a {name}")))?;
        Ok((known, projection.as_ref()))
    }

    /// What is read with each row for the reply and for the evaluator.
    pub(super) fn read_options(&self) -> ReadOptions {
        let mut each = self.types.iter().zip(&self.projections);
        let shown = each.any(|(known, projection)| members::read_options(known, projection.as_ref()).groups);
        ReadOptions { groups: shown || self.plan.needs_groups(), ..self.options_unshown() }
    }

    /// What is read with each row where only the evaluator needs it.
    pub(super) fn options_unshown(&self) -> ReadOptions {
        let changes = self.types.iter().any(|known| known.detached.is_some());
        ReadOptions { groups: self.plan.needs_groups(), changes, mapped: false }
    }

    /// The refusal of a request that needs more documents examined than the limit.
    pub(super) fn too_many(&self, ctx: &Context) -> Error {
        let limit = ctx.gateway.lists.examined;
        let search = &ctx.settings.search;
        let names: Vec<String> = self.types.iter().flat_map(|known| indexed_names(known, search)).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.dedup();
        let what = if self.order.is_none() { "To sort so, " } else { "For this filter, " };
        let detail = format!(
            "{what}more than {limit} resources would have to be looked at one by one. Add a condition by eq that an index knows, \
             joined by and: one on {}.{other}",
            names.join(", "),
            other = if self.order.is_none() {
                " Or sort by id, meta.created, meta.lastModified, or userName or displayName of one type."
            } else {
                ""
            },
        );
        ScimError::bad_request(ScimType::TooMany, detail).into()
    }
}

fn order(sort: &Sort, types: &[Arc<ResourceType>]) -> Option<Order> {
    let members = types.iter().any(|known| known.detached.is_some());
    match sort.attribute.name().as_str() {
        "id" => Some(Order::Id),
        "meta.created" => Some(Order::Created),
        "meta.lastModified" => Some(Order::Modified { members }),
        // The name column holds another attribute of each type.
        name if types.iter().all(|known| name_attribute(known) == name) => Some(Order::Name),
        _ => None,
    }
}
