//! `scimgate setup-link`: links with which a customer's own administrator gets URL and token, without an operator key.

use reqwest::Method;
use serde_json::json;

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Column, Output};

const LISTED: [Column; 11] = [
    ("id", "/id"),
    ("state", "/state"),
    ("provider", "/provider"),
    ("method", "/method"),
    ("label", "/label"),
    ("expires", "/expiresAt"),
    ("used", "/usedAt"),
    ("credential", "/credential"),
    ("first request", "/firstUsedAt"),
    ("from", "/recognised"),
    ("refused", "/refusedWhy"),
];

const CREATED: [Column; 6] = [
    ("id", "/id"),
    ("provider", "/provider"),
    ("method", "/method"),
    ("label", "/label"),
    ("expires", "/expiresAt"),
    ("link", "/url"),
];

/// What to do with setup links.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create a link and print it, once: send it to the customer's administrator.
    Create(Create),
    /// List a tenant's links, without their secrets, and how far each has come.
    List(List),
    /// Revoke a link: its page is closed within a second, everywhere. The credential that it made stays.
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// The tenant's name.
    tenant: String,
    /// Which provider's steps the page shows.
    #[arg(long, value_enum, default_value_t = Provider::Other)]
    provider: Provider,
    /// What it makes: a token; an OAuth client with a secret; or an OAuth client for workload identity, whose values the
    /// administrator enters. The last two are for entra and other.
    #[arg(long, value_enum, default_value_t = LinkMethod::Token)]
    method: LinkMethod,
    /// A text on the page, and of its credential.
    #[arg(long, default_value = "")]
    label: String,
    /// How long the page is open, in hours or days, such as 8h or 7d; at most 30d.
    #[arg(long, value_name = "TIME", default_value = "72h", value_parser = hours)]
    expires: u32,
    /// The validity of its token or client secret in days [default: 365].
    #[arg(long, value_name = "DAYS")]
    credential_days: Option<u32>,
}

#[derive(Debug, clap::Args)]
struct List {
    /// The tenant's name.
    tenant: String,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// The tenant's name.
    tenant: String,
    /// The link's id, as `scimgate setup-link list` shows it.
    id: String,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Provider {
    Entra,
    Okta,
    #[value(name = "onelogin")]
    OneLogin,
    #[value(name = "jumpcloud")]
    JumpCloud,
    Ping,
    Google,
    Other,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LinkMethod {
    Token,
    Client,
    WorkloadIdentity,
}

/// The word of a value on the command line, which is that of the admin API.
fn word(value: &impl clap::ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// Reads `8h` or `7d` as hours.
fn hours(text: &str) -> Result<u32, String> {
    let factor = match text.as_bytes().last() {
        Some(b'h') => 1,
        Some(b'd') => 24,
        _ => return Err("write a number and h for hours or d for days, such as 72h".to_owned()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| format!("\"{text}\" has no whole number"))?;
    number.checked_mul(factor).ok_or_else(|| format!("{text} is too long"))
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    match arguments.command {
        Command::Create(it) => create(&client, output, &it).await,
        Command::List(it) => {
            let links = client.get(&client.path(&["tenants", &it.tenant, "setup-links"])?).await?;
            Ok(output.list(&links, "setupLinks", &LISTED)?)
        }
        Command::Revoke(it) => {
            client.delete(&client.path(&["tenants", &it.tenant, "setup-links", &it.id])?).await?;
            Ok(output.say(&format!("The setup link {} is revoked.", it.id))?)
        }
    }
}

async fn create(client: &AdminClient, output: Output, it: &Create) -> Result<(), Failure> {
    let wanted = json!({
        "provider": word(&it.provider), "method": word(&it.method), "label": it.label, "expiresInHours": it.expires,
        "credentialDays": it.credential_days,
    });
    let path = client.path(&["tenants", &it.tenant, "setup-links"])?;
    output.record(&client.put(Method::POST, &path, &wanted).await?, &CREATED)?;
    Ok(output.say("\nThe link is shown only once. Whoever has it can make the credential, once: send it to the administrator alone.")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_of_hours_or_days() {
        assert_eq!((hours("72h"), hours("7d"), hours("0h")), (Ok(72), Ok(168), Ok(0)));
        for text in ["", "h", "72", "72m", "-1h", "1.5d", "4294967295d", "é"] {
            assert!(hours(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_have_the_words_of_the_api() {
        assert_eq!(word(&Provider::OneLogin), "onelogin");
        assert_eq!(word(&LinkMethod::WorkloadIdentity), "workload-identity");
    }
}
