//! Unique keys of attributes that are no longer unique.

use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::store::resource::indexed::unique_names;

/// Drops them.
pub(crate) async fn drop(ctx: &Context) -> Result<(), Error> {
    let settings = &ctx.settings;
    let registries = [Some(&settings.registry), settings.pending.as_ref().map(|next| &next.client)];
    let is_wanted = |resource_type: &str, attribute: &str| {
        let types = registries.iter().flatten().filter_map(|registry| registry.resource_type(resource_type));
        types.into_iter().any(|known| unique_names(known).iter().any(|name| name == attribute))
    };
    for (resource_type, attribute) in ctx.store.keyed_attributes().await? {
        if !is_wanted(&resource_type, &attribute) {
            while ctx.store.drop_keys(settings.schema_revision, &resource_type, &attribute).await? {}
        }
    }
    Ok(())
}
