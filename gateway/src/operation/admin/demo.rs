//! The demo tenant of `scimgate dev`: the tutorial's schema and mapping, created once and kept.

use serde_json::{Value, json};

use crate::auth::token::Token;
use crate::mapping::{OnFailure, Step};
use crate::operation::admin::bundled::{self, Bundled, Changes};
use crate::operation::admin::mappings::{self, DryRun, NewMapping};
use crate::operation::admin::{guard, schemas, tenants, tokens};
use crate::operation::error::Error;
use crate::operation::operator::Operator;
use crate::store::guard::GuardRow;
use crate::store::tenant::credential::{Restrictions, Scope};

/// The demo tenant's name.
pub const NAME: &str = "demo";
const WS1B: &str = "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User";
const PRODUCT: &str = "urn:example:product:2.0:User";

/// The credentials of the demo tenant.
pub struct Demo {
    /// For the identity provider.
    pub token: Token,
    /// For the product.
    pub directory_key: Token,
    /// What was brought up to date of a tenant that was there.
    pub changes: Changes,
}

/// The plugin of the demo tenant's mapping.
pub const PLUGIN: &str = "tutorial";

/// Creates the demo tenant where it is missing, brings the plugins that come with the gateway up to date where it is there, and issues a
/// token and a directory key for this start.
///
/// # Errors
/// The demo tenant's plugin is not among the plugins.
pub async fn run(operator: &Operator, bundled: &[Bundled]) -> Result<Demo, Error> {
    let mut changes = Changes::new();
    if operator.gateway.store.control().find_tenant(NAME).await?.is_none() {
        tenants::create(operator, NAME).await?;
        // A simulation deactivates and deletes more users within a minute than a company within a day.
        let off = GuardRow { users: None, members: None, percent: None, protected: None, confirm_from: 1 };
        guard::set(operator, NAME, &off).await?;
        schemas::put(operator, NAME, extension(schemas::Source::Pack("ws1b".to_owned()), false)).await?;
        schemas::put(operator, NAME, extension(schemas::Source::Definition(product_schema()), true)).await?;
        let tutorial = bundled.iter().find(|plugin| plugin.name == PLUGIN);
        let tutorial = tutorial.ok_or_else(|| Error::Corrupt(format!("the plugin {PLUGIN} is missing")))?;
        let digest = bundled::release(operator, tutorial).await?.0.digest;
        let step = Step { plugin: digest, config: config().into(), resource_types: Vec::new() };
        let new = NewMapping { on_failure: OnFailure::Refuse, steps: vec![step], note: None };
        mappings::put(operator, NAME, new, DryRun::Required).await?;
    } else {
        changes = bundled::update(operator, NAME, bundled).await?;
    }
    let (token, directory_key) = (issue(operator, Scope::Scim).await?, issue(operator, Scope::Directory).await?);
    Ok(Demo { token, directory_key, changes })
}

async fn issue(operator: &Operator, scope: Scope) -> Result<Token, Error> {
    let wanted = tokens::Wanted {
        scope,
        label: "made by scimgate dev".to_owned(),
        expires_in_days: Some(90),
        restrictions: Restrictions::default(),
    };
    Ok(tokens::issue(operator, NAME, wanted).await?.secret)
}

fn extension(source: schemas::Source, directory_only: bool) -> schemas::Wanted {
    schemas::Wanted { source, resource_type: "User".to_owned(), directory_only, required: false }
}

/// The product's own names for the tutorial's numbered attributes.
fn product_schema() -> Value {
    let attribute =
        |name: &str, description: &str| json!({ "name": name, "type": "string", "description": description });
    json!({
        "id": PRODUCT,
        "name": "Product",
        "description": "What the demo's product knows of a user.",
        "attributes": [
            attribute("badgeNumber", "The number on the user's badge."),
            attribute("building", "Where the user sits."),
        ],
    })
}

fn config() -> Value {
    json!({
        "lowerCaseMail": true,
        "buildDisplayName": true,
        "lift": {
            (format!("{WS1B}:customAttribute1")): format!("{PRODUCT}:badgeNumber"),
            (format!("{WS1B}:customAttribute2")): format!("{PRODUCT}:building"),
        },
    })
}
