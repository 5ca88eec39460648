//! What an administrator enters of a provider that signs assertions, checked field by field. Of Microsoft Entra ID the directory id is
//! enough to know the issuer and the address of its keys.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::auth::oauth::fetch;
use crate::operation::admin::oauth_clients::MAX_CLAIM_CHARS;
use crate::store::setup_link::{Assertion, Provider};

/// The form, as it was sent. Another provider than Entra has `issuer` and `keys` in place of `directory`.
#[derive(Clone, Debug, Default)]
pub struct Entered {
    /// Entra's directory (tenant) id.
    pub directory: String,
    /// The issuer.
    pub issuer: String,
    /// The address of the keys.
    pub keys: String,
    /// The subject; of Entra the object id of the application's service principal.
    pub subject: String,
    /// The audience.
    pub audience: String,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong, and what to do.
    pub text: String,
}

/// Microsoft's addresses of a directory.
const AUTHORITY: &str = "https://login.microsoftonline.com";

impl Entered {
    /// The form of a stored assertion.
    #[must_use]
    pub fn of(assertion: Assertion) -> Self {
        let Assertion { issuer, subject, audience, jwks_uri } = assertion;
        let directory = issuer.strip_prefix(AUTHORITY).map(|rest| rest.trim_matches('/').replace("/v2.0", ""));
        Self { directory: directory.unwrap_or_default(), issuer, keys: jwks_uri, subject, audience }
    }

    /// What the fields say.
    ///
    /// # Errors
    /// Each field that is wrong.
    pub fn check(&self, provider: Provider) -> Result<Assertion, Vec<Complaint>> {
        let mut complaints = Vec::new();
        let assertion =
            if provider == Provider::Entra { self.of_entra(&mut complaints) } else { self.of_other(&mut complaints) };
        if complaints.is_empty() { Ok(assertion) } else { Err(complaints) }
    }

    fn of_entra(&self, complaints: &mut Vec<Complaint>) -> Assertion {
        let directory = guid("directory", &self.directory, "Overview of your directory, Tenant ID", complaints);
        let subject = guid("subject", &self.subject, "the enterprise application's Properties, Object ID", complaints);
        if directory.is_some() && directory == subject {
            complain(
                complaints,
                "subject",
                "This is the directory id once more. The object id is among the enterprise application's Properties.",
            );
        }
        let audience = claim("audience", &self.audience, complaints);
        let same = Uuid::parse_str(audience.trim_start_matches("api://")).ok();
        if same.is_some() && same == subject {
            complain(
                complaints,
                "subject",
                "This is the application id. The object id is another value, in the line below it.",
            );
        }
        let directory = directory.unwrap_or_default();
        Assertion {
            issuer: format!("{AUTHORITY}/{directory}/v2.0"),
            subject: subject.unwrap_or_default().to_string(),
            audience,
            jwks_uri: format!("{AUTHORITY}/{directory}/discovery/v2.0/keys"),
        }
    }

    fn of_other(&self, complaints: &mut Vec<Complaint>) -> Assertion {
        let issuer = claim("issuer", &self.issuer, complaints);
        if !issuer.is_empty() && fetch::parse(&issuer).is_err() {
            complain(
                complaints,
                "issuer",
                "An issuer is an address that begins with https://, as its tokens say in iss.",
            );
        }
        let keys = claim("keys", &self.keys, complaints);
        if !keys.is_empty()
            && let Err(why) = fetch::parse(&keys)
        {
            complain(complaints, "keys", &format!("This cannot be used: {why}."));
        }
        let (subject, audience) =
            (claim("subject", &self.subject, complaints), claim("audience", &self.audience, complaints));
        Assertion { issuer, subject, audience, jwks_uri: keys }
    }
}

/// What is recorded of an assertion.
pub(super) fn recorded(assertion: &Assertion) -> Value {
    let Assertion { issuer, subject, audience, jwks_uri } = assertion;
    json!({ "issuer": issuer, "subject": subject, "audience": audience, "jwksUri": jwks_uri })
}

/// Another client of the tenant has the same issuer and subject.
pub(super) fn duplicate() -> Complaint {
    let text = "These values were entered before, by another link or by an operator. Ask whoever sent you this link.";
    Complaint { field: "subject", text: text.to_owned() }
}

fn complain(complaints: &mut Vec<Complaint>, field: &'static str, text: &str) {
    if !complaints.iter().any(|known| known.field == field) {
        complaints.push(Complaint { field, text: text.to_owned() });
    }
}

fn claim(field: &'static str, text: &str, complaints: &mut Vec<Complaint>) -> String {
    let text = text.trim();
    if text.is_empty() {
        complain(complaints, field, "Fill this in.");
    } else if text.chars().count() > MAX_CLAIM_CHARS || text.chars().any(char::is_control) {
        let why = format!("This has at most {MAX_CLAIM_CHARS} characters, and no line breaks or control characters.");
        complain(complaints, field, &why);
    }
    text.to_owned()
}

/// An id of Microsoft's, in the form that its tokens have it.
fn guid(field: &'static str, text: &str, place: &str, complaints: &mut Vec<Complaint>) -> Option<Uuid> {
    let found = Uuid::parse_str(text.trim()).ok();
    if text.trim().is_empty() {
        complain(complaints, field, "Fill this in.");
    } else if found.is_none() {
        let why = format!("This is not an id like 8adf8e6e-67b2-4cf2-a259-e3dc5476c621. It is in Entra at: {place}.");
        complain(complaints, field, &why);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECTORY: &str = "11111111-2222-4333-8444-555555555555";
    const OBJECT: &str = "AAAAAAAA-2222-4333-8444-555555555555";
    const APPLICATION: &str = "99999999-2222-4333-8444-555555555555";

    fn entered(directory: &str, subject: &str, audience: &str) -> Entered {
        let [directory, subject, audience] = [directory, subject, audience].map(str::to_owned);
        Entered { directory, subject, audience, ..Entered::default() }
    }

    #[test]
    fn entras_issuer_and_keys_follow_from_the_directory() {
        let form = entered(&format!(" {DIRECTORY} "), OBJECT, &format!("api://{APPLICATION}"));
        let found = form.check(Provider::Entra).unwrap();
        let expected = Assertion {
            issuer: format!("https://login.microsoftonline.com/{DIRECTORY}/v2.0"),
            subject: OBJECT.to_lowercase(),
            audience: format!("api://{APPLICATION}"),
            jwks_uri: format!("https://login.microsoftonline.com/{DIRECTORY}/discovery/v2.0/keys"),
        };
        assert_eq!(found, expected);
        let again = Entered::of(found);
        assert_eq!((again.directory.as_str(), again.check(Provider::Entra)), (DIRECTORY, Ok(expected)));
    }

    #[test]
    fn each_wrong_field_is_named_once() {
        let long = "x".repeat(MAX_CLAIM_CHARS + 1);
        for (form, fields) in [
            (entered("", "", ""), vec!["directory", "subject", "audience"]),
            (entered("contoso.onmicrosoft.com", OBJECT, APPLICATION), vec!["directory"]),
            (entered(DIRECTORY, DIRECTORY, APPLICATION), vec!["subject"]),
            (entered(DIRECTORY, APPLICATION, APPLICATION), vec!["subject"]),
            (entered(DIRECTORY, APPLICATION, &format!("api://{APPLICATION}")), vec!["subject"]),
            (entered(DIRECTORY, OBJECT, &long), vec!["audience"]),
            (entered(DIRECTORY, OBJECT, "api://x\ny"), vec!["audience"]),
        ] {
            let found = form.check(Provider::Entra).unwrap_err();
            assert_eq!(found.iter().map(|it| it.field).collect::<Vec<_>>(), fields, "{form:?}");
        }
        let other = |issuer: &str, keys: &str| Entered {
            issuer: issuer.into(),
            keys: keys.into(),
            ..entered("", "worker", "scim")
        };
        assert!(other("https://issuer.test", "https://issuer.test/keys").check(Provider::Other).is_ok());
        for (form, fields) in [
            (other("", ""), vec!["issuer", "keys"]),
            (other("http://issuer.test", "https://issuer.test/keys"), vec!["issuer"]),
            (other("https://issuer.test", "https://user@issuer.test/keys"), vec!["keys"]),
            (other("issuer", "file:///etc/passwd"), vec!["issuer", "keys"]),
        ] {
            let found = form.check(Provider::Other).unwrap_err();
            assert_eq!(found.iter().map(|it| it.field).collect::<Vec<_>>(), fields, "{form:?}");
        }
    }
}
