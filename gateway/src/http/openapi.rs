//! The OpenAPI documents of the admin API and the directory. A route declares its request and its own replies; what follows
//! from its form, such as most refusals, is added here, so that no route lacks it.

use utoipa::PartialSchema;
use utoipa::ToSchema as _;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{Http, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, Content, Info, License, OpenApi, Ref, RefOr, Required, SecurityRequirement};

use super::error::Problem;

/// The description of one of the APIs.
pub(super) struct Api {
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    /// The name of the key that every route requires, and where it comes from.
    pub(super) key: (&'static str, &'static str),
}

/// The meaning of each part of a path.
const PATH_PARAMETERS: [(&str, &str); 17] = [
    ("tenant", "The tenant's name."),
    ("former", "A former name of the tenant."),
    ("erased", "The erased tenant's id."),
    ("token", "The token's id."),
    ("key", "The operator key's id."),
    ("client", "The OAuth client's client_id."),
    ("secret", "The id of the OAuth client's secret."),
    ("link", "The setup link's id."),
    ("urn", "The schema's URN."),
    ("name", "The resource type's name."),
    ("endpoint", "The resource type's endpoint, in any case: users, groups, or that of a type of the tenant's own."),
    ("id", "The resource's id."),
    ("revision", "The mapping revision's number."),
    (
        "kind",
        "What the job does: reconcile, search-keys, remap, plan, held, directory-check, group-rules or retention.",
    ),
    ("batch", "The batch's id."),
    ("plugin", "The plugin's name."),
    ("version", "The release's version."),
];

/// The refusals of every API, by status.
const REFUSALS: [(&str, &str, &str); 8] = [
    ("400", "BadRequest", "The request is wrong; the detail says what to correct."),
    ("401", "Unauthorized", "The key is missing, or not accepted at this address."),
    ("403", "Forbidden", "The key lacks the scope that this needs, or its tenant is suspended."),
    ("404", "NotFound", "Nothing has the name or the id in the path."),
    ("408", "RequestTimeout", "The body was not received in time."),
    ("413", "ContentTooLarge", "The body is too long."),
    ("500", "InternalServerError", "The service failed; its log has the reason."),
    ("503", "ServiceUnavailable", "The service cannot answer now; Retry-After says when to try again."),
];

/// The document of an API, as JSON.
pub(super) fn document(api: &Api, mut routes: OpenApi) -> String {
    let mut info = Info::new(api.title, env!("CARGO_PKG_VERSION"));
    info.description = Some(api.description.to_owned());
    info.license = Some(License::builder().name("Apache-2.0").identifier(Some("Apache-2.0")).build());
    routes.info = info;
    for (path, item) in &mut routes.paths.paths {
        complete(path, item);
    }
    let (key, origin) = api.key;
    routes.security = Some(vec![SecurityRequirement::new(key, std::iter::empty::<&str>())]);
    let components = routes.components.get_or_insert_default();
    components.add_security_scheme(key, SecurityScheme::Http(bearer(origin)));
    add_refusals(components);
    routes.to_json().unwrap_or_default()
}

fn bearer(origin: &str) -> Http {
    HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(origin)).build()
}

/// Adds the path's parameters, the refusals that a route of this form can give, and the form of every refusal.
fn complete(path: &str, item: &mut PathItem) {
    let names: Vec<&str> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
    for operation in operations(item) {
        let mut statuses = vec!["401", "403", "500", "503"];
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            body.required = Some(Required::True);
            statuses.extend(["400", "408", "413"]);
        }
        if !names.is_empty() {
            statuses.push("404");
        }
        for (status, name, _) in REFUSALS.iter().filter(|(status, ..)| statuses.contains(status)) {
            let reference = RefOr::Ref(Ref::from_response_name(*name));
            operation.responses.responses.entry((*status).to_owned()).or_insert(reference);
        }
        for (status, response) in &mut operation.responses.responses {
            if let RefOr::T(response) = response
                && status.starts_with(['4', '5'])
            {
                *response = refusal(&response.description);
            }
        }
    }
    if !names.is_empty() {
        item.parameters = Some(names.into_iter().map(parameter).collect());
    }
}

/// The operations of a path, GET first.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten()
}

fn parameter(name: &str) -> RefOr<utoipa::openapi::path::Parameter> {
    let known = PATH_PARAMETERS.iter().find(|(known, _)| *known == name);
    let parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(known.map(|(_, description)| *description))
        .schema(Some(String::schema()))
        .build();
    RefOr::T(parameter)
}

fn add_refusals(components: &mut Components) {
    let mut schemas = vec![(Problem::name().into_owned(), Problem::schema())];
    Problem::schemas(&mut schemas);
    components.schemas.extend(schemas);
    for (_, name, description) in REFUSALS {
        components.responses.insert(name.to_owned(), RefOr::T(refusal(description)));
    }
}

fn refusal(description: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name(Problem::name())));
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}
