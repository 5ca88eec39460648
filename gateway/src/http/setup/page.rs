//! The page itself: GET shows it, POST makes the credential or takes the form.

use std::sync::Arc;

use askama::Template as _;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse as _, Response};

use super::browser::{check_origin, cookie, set_cookie};
use super::guide::guide;
use super::mark::Mark;
use super::refused;
use super::view::{Button, Ends, Field, Form, Page, Value, moment};
use crate::http::access::{SCIM_BASE, TENANT_PREFIX, client, origin};
use crate::http::facts;
use crate::http::json;
use crate::http::oauth::TOKEN_PATH;
use crate::operation::setup_link::federation::{Complaint, Entered};
use crate::operation::setup_link::{self, Holder, Made, Refused};
use crate::operation::{Error, Gateway};
use crate::store::setup_link::{FoundLink, Method, Provider, SetupLink};

/// Longest form in bytes.
const MAX_FORM_BYTES: usize = 16 * 1024;

type Secret = Result<Path<String>, PathRejection>;

pub(super) async fn show(State(gateway): State<Gateway>, secret: Secret, parts: Parts) -> Response {
    let headers = parts.headers.clone();
    shown(&gateway, secret, &parts).await.unwrap_or_else(|error| refused(&headers, error))
}

async fn shown(gateway: &Gateway, secret: Secret, parts: &Parts) -> Result<Response, Error> {
    let holder = holder(gateway, &text(secret), parts).await?;
    let entered = match holder.found.link.method {
        Method::WorkloadIdentity => holder.entered().await?,
        Method::Token | Method::Client => None,
    };
    let origin = origin(parts, gateway);
    let of_form = (entered.unwrap_or_default(), Vec::new());
    render(&View { holder: &holder, origin: &origin, made: None, of_form, notice: None })
}

pub(super) async fn submit(State(gateway): State<Gateway>, secret: Secret, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answer = submitted(&gateway, secret, &parts, body).await;
    answer.unwrap_or_else(|error| refused(&parts.headers, error))
}

async fn submitted(gateway: &Gateway, secret: Secret, parts: &Parts, body: Body) -> Result<Response, Error> {
    let (secret, origin) = (text(secret), origin(parts, gateway));
    let mut holder = holder(gateway, &secret, parts).await?;
    check_origin(&parts.headers, &origin)?;
    let bytes = json::read(body, MAX_FORM_BYTES).await?;
    let entered = entered(&bytes);
    let made = match holder.found.link.method {
        Method::WorkloadIdentity => holder.federate(&entered).await,
        Method::Token | Method::Client => holder.make().await,
    };
    match made {
        Ok(made) => {
            holder.browser = Some(made.cookie.clone());
            holder.found = Arc::new(FoundLink { link: made.link.clone(), ..(*holder.found).clone() });
            let life = holder.found.link.expires_at.duration_since(gateway.clock.now()).unwrap_or_default();
            let set = set_cookie(holder.found.link.id, &made.cookie, life.as_secs(), &origin);
            let of_form = (entered, Vec::new());
            let mut response =
                render(&View { holder: &holder, origin: &origin, made: Some(made), of_form, notice: None })?;
            response.headers_mut().extend(set.map(|set| (SET_COOKIE, set)));
            Ok(response)
        }
        Err(Refused::Fields(complaints)) => {
            let of_form = (entered, complaints);
            let page = render(&View { holder: &holder, origin: &origin, made: None, of_form, notice: None })?;
            Ok((StatusCode::BAD_REQUEST, page).into_response())
        }
        Err(Refused::Used) => {
            holder.found = setup_link::open(gateway, &secret, || client(parts, gateway)).await?;
            let notice = Some("Nothing was made: this link has been used before.");
            let of_form = (holder.entered().await?.unwrap_or_default(), Vec::new());
            let page = render(&View { holder: &holder, origin: &origin, made: None, of_form, notice })?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(Refused::Error(error)) => Err(error),
    }
}

fn text(secret: Secret) -> String {
    secret.map(|Path(secret)| secret).unwrap_or_default()
}

async fn holder(gateway: &Gateway, secret: &str, parts: &Parts) -> Result<Holder, Error> {
    let address = client(parts, gateway);
    let found = setup_link::open(gateway, secret, || address).await?;
    Ok(Holder {
        gateway: gateway.clone(),
        browser: cookie(&parts.headers, found.link.id),
        found,
        request_id: facts::of(parts).request_id(),
        address,
    })
}

/// Reads a form; unknown fields are ignored, and of a repeated one the last counts.
fn entered(bytes: &[u8]) -> Entered {
    let mut entered = Entered::default();
    for (name, value) in form_urlencoded::parse(bytes) {
        let field = match &*name {
            "directory" => &mut entered.directory,
            "issuer" => &mut entered.issuer,
            "keys" => &mut entered.keys,
            "subject" => &mut entered.subject,
            "audience" => &mut entered.audience,
            _ => continue,
        };
        *field = value.into_owned();
    }
    entered
}

/// What a page is made of.
struct View<'a> {
    holder: &'a Holder,
    origin: &'a str,
    made: Option<Made>,
    of_form: (Entered, Vec<Complaint>),
    notice: Option<&'static str>,
}

fn render(view: &View<'_>) -> Result<Response, Error> {
    let found = &view.holder.found;
    let link = &found.link;
    let shows_secret = view.made.as_ref().is_some_and(|made| made.secret.is_some());
    let page = Page {
        provider: guide(link.provider, link.method),
        tenant: &found.tenant_name,
        label: &link.label,
        mark: Mark::of(link),
        notice: view.notice(),
        form: view.form(),
        values: view.values(),
        button: button(link),
        shows_secret,
        refreshes: !shows_secret && link.used_at.is_some() && link.first_used_at.is_none(),
        closes: moment(link.expires_at),
        credential_ends: view.ends(),
    };
    let text = page.render().map_err(|why| Error::Corrupt(format!("a page cannot be made: {why}")))?;
    Ok(Html(text).into_response())
}

fn button(link: &SetupLink) -> Option<Button> {
    let about = "The secret is shown once, here. Open the place in your provider where it goes first.";
    match link.method {
        _ if link.used_at.is_some() => None,
        Method::Token => Some(Button { about, text: "Show my token" }),
        Method::Client => Some(Button { about, text: "Show my client secret" }),
        Method::WorkloadIdentity => None,
    }
}

impl View<'_> {
    fn link(&self) -> &SetupLink {
        &self.holder.found.link
    }

    /// What is said of a link that was used before.
    fn notice(&self) -> Option<String> {
        let link = self.link();
        let used = moment(link.used_at.filter(|_| self.made.is_none())?).text;
        let what = match link.method {
            Method::Token => "The token was shown",
            Method::Client => "The client secret was shown",
            Method::WorkloadIdentity => "The values were entered",
        };
        let rest = if self.holder.is_own() {
            match link.method {
                Method::WorkloadIdentity => return self.notice.map(str::to_owned),
                _ => {
                    "in this browser. It is not shown again: if you don't have it, ask whoever sent you this link for a new one."
                }
            }
        } else {
            "in another browser. If that was neither you nor a colleague, tell whoever sent you this link at once, so that it is revoked."
        };
        let first = self.notice.map(|text| format!("{text} ")).unwrap_or_default();
        Some(format!("{first}{what} on {used}, {rest}"))
    }

    fn values(&self) -> Vec<Value> {
        let link = self.link();
        let guide = guide(link.provider, link.method);
        let own = format!("{}{TENANT_PREFIX}{}", self.origin, self.holder.found.tenant_name);
        let slash = if guide.has_slash { "/" } else { "" };
        let plain = |id, (name, hint), text: Option<String>| Value {
            id,
            name,
            hint,
            missing: "after you have entered the values above".to_owned(),
            text,
            is_secret: false,
        };
        let mut values = vec![plain("url", guide.url, Some(format!("{own}{SCIM_BASE}{slash}")))];
        if link.method == Method::Token {
            values.push(self.secret("token", guide.token));
            return values;
        }
        let is_entra = link.provider == Provider::Entra;
        let names = if is_entra {
            ["Token Endpoint", "Client ID", "Client Secret"]
        } else {
            ["Token URL", "Client ID", "Client secret"]
        };
        values.push(plain("token-url", (names[0], ""), Some(format!("{own}{TOKEN_PATH}"))));
        let id = link.credential.map(|id| id.to_string());
        if link.method == Method::WorkloadIdentity {
            values.push(plain("client", (names[1], ""), id));
        } else {
            values.push(Value { missing: "shown with the secret".to_owned(), ..plain("client", (names[1], ""), id) });
            values.push(self.secret("secret", (names[2], "")));
        }
        if !is_entra {
            values.push(plain("scope", ("Scope", "where one is asked for"), Some("scim".to_owned())));
        }
        values
    }

    /// The secret: in the reply that made it, and in no other.
    fn secret(&self, id: &'static str, (name, hint): (&'static str, &'static str)) -> Value {
        let secret = self.made.as_ref().and_then(|made| made.secret.as_ref());
        let missing = match self.link().used_at {
            None => "press the button below".to_owned(),
            Some(at) => format!("was shown on {}", moment(at).text),
        };
        Value { id, name, hint, text: secret.map(|secret| secret.reveal().to_owned()), missing, is_secret: true }
    }

    fn form(&self) -> Option<Form> {
        let link = self.link();
        if link.method != Method::WorkloadIdentity {
            return None;
        }
        let (is_used, is_own) = (link.used_at.is_some(), self.holder.is_own());
        Some(Form {
            is_entra: link.provider == Provider::Entra,
            is_correction: is_used,
            sent: match (is_used, is_own) {
                (true, false) => Some(" from another browser"),
                _ if link.first_used_at.is_some() => Some(""),
                _ => None,
            },
            fields: fields(link.provider, &self.of_form),
        })
    }

    fn ends(&self) -> Option<Ends> {
        let link = self.link();
        let what = match link.method {
            Method::Token => "token",
            Method::Client => "client secret",
            Method::WorkloadIdentity => return None,
        };
        Some(Ends { what, at: moment(link.used_at? + self.holder.life()) })
    }
}

fn fields(provider: Provider, (entered, complaints): &(Entered, Vec<Complaint>)) -> Vec<Field> {
    let field = |name, label, hint, value: &str| Field {
        name,
        label,
        hint,
        value: value.to_owned(),
        complaint: complaints.iter().find(|it| it.field == name).map(|it| it.text.clone()),
    };
    let Entered { directory, issuer, keys, subject, audience } = entered;
    if provider == Provider::Entra {
        return vec![
            field(
                "directory",
                "Directory (tenant) ID",
                "Entra ID → Overview → Tenant ID. The issuer and its keys follow from it.",
                directory,
            ),
            field(
                "subject",
                "Object ID",
                "Of the enterprise application, among its Properties: not that of the app registration.",
                subject,
            ),
            field(
                "audience",
                "Audience",
                "The Application ID URI, api:// and the Application ID, or the Application ID alone: what Entra shows with workload identity federation.",
                audience,
            ),
        ];
    }
    vec![
        field("issuer", "Issuer", "An address that begins with https://, exactly as the tokens say in iss.", issuer),
        field("subject", "Subject", "What they say in sub: whom the tokens are about.", subject),
        field("audience", "Audience", "What they say in aud.", audience),
        field("keys", "Address of the keys", "The JSON Web Key Set (jwks_uri) of the issuer, over https.", keys),
    ]
}
