//! `scimgate tenant`: create, list, suspend, resume, move, delete and erase tenants.

mod bulk;
mod erase;
mod export;
mod import;
mod lines;
mod log_redaction;
mod rename;
mod retention;
mod send;

use reqwest::Method;
use scimgate::config::Rate;
use serde_json::{Value, json};

use crate::client::{AdminClient, OperatorOptions};
use crate::directory_schema;
use crate::failure::Failure;
use crate::output::{Column, Output};

const COLUMNS: [Column; 5] = [
    ("name", "/name"),
    ("state", "/state"),
    ("mapping", "/activeMapping"),
    ("created", "/createdAt"),
    ("scim url", "/scimUrl"),
];

const SHOWN: [Column; 14] = [
    ("name", "/name"),
    ("id", "/id"),
    ("state", "/state"),
    ("former names", "/formerNames"),
    ("client profile", "/clientProfile"),
    ("mapping", "/activeMapping"),
    ("requests at once", "/limits/requests"),
    ("rate", "/limits/rate"),
    ("keeps deleted resources, in days", "/retention/tombstoneDays"),
    ("keeps events, in days", "/retention/eventDays"),
    ("keeps the provisioning log, in days", "/retention/logDays"),
    ("not in the provisioning log", "/logRedaction"),
    ("created", "/createdAt"),
    ("scim url", "/scimUrl"),
];

const LIMITS: [Column; 3] = [("name", "/name"), ("requests at once", "/limits/requests"), ("rate", "/limits/rate")];

const GUARD: [Column; 5] = [
    ("users an hour", "/users"),
    ("memberships an hour", "/members"),
    ("or percent of the users", "/percent"),
    ("protected", "/protected"),
    ("confirm vanishing users from", "/confirmFrom"),
];

const SSO_SUBJECT: [Column; 3] =
    [("single sign-on subject", "/path"), ("changed", "/changedAt"), ("changed by", "/changedBy")];

/// What to do with tenants.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Create a tenant.
    Create(Named),
    /// List the tenants.
    List(List),
    /// Show a tenant with its limits, its retention and its former names.
    Show(Named),
    /// Give a tenant another name. Its address with the former name stays valid.
    Rename(rename::Rename),
    /// Forget a former name: requests to the address with it are refused, and another tenant may have it.
    ForgetName(rename::ForgetName),
    /// Show or set for how many days a tenant keeps deleted resources, events and its provisioning log.
    Retention(retention::Retention),
    /// Show or set the attributes whose values the provisioning log does not have.
    LogRedaction(log_redaction::LogRedaction),
    /// Suspend a tenant: its requests are refused until it is resumed.
    Suspend(Named),
    /// Resume a suspended tenant.
    Resume(Named),
    /// Set how much a tenant may send. What is left out follows the server's default.
    Limit(Limit),
    /// Show or set the guard against mass deprovisioning.
    Guard(Guard),
    /// Show or set which attribute of mapped users is the single sign-on subject.
    SsoSubject(SsoSubject),
    /// Export a tenant: all resources, memberships and settings.
    Export(export::Arguments),
    /// Import what `export` wrote into a tenant; it can be repeated.
    Import(import::Arguments),
    /// Send the bulk requests of `export --format bulk` to any SCIM server.
    Send(send::Arguments),
    /// Delete a tenant: its tokens become invalid, and the product no longer sees its users. Its rows stay until it is erased.
    Delete(Delete),
    /// Erase a tenant: delete it, if it is not, and erase all of its rows, without a way back.
    Erase(erase::Erase),
    /// List the erasures of tenants, or show how far one has come and what was proven at its end.
    Erasures(erase::Erasures),
}

#[derive(Debug, clap::Args)]
struct List {
    /// List the deleted tenants whose rows are still there.
    #[arg(long)]
    deleted: bool,
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The tenant's name: lower-case letters, digits and hyphens.
    name: String,
}

#[derive(Debug, clap::Args)]
struct Limit {
    /// The tenant's name.
    name: String,
    /// Requests that may be in progress at once, in each replica.
    #[arg(long)]
    requests: Option<u32>,
    /// Requests a second in all, and how many may come at once after a pause, such as 50/200.
    #[arg(long, value_name = "RATE/BURST")]
    rate: Option<Rate>,
}

#[derive(Debug, clap::Args)]
struct Guard {
    /// The tenant's name.
    name: String,
    /// Users that may be deactivated, deleted or excluded within an hour; what is more is held.
    #[arg(long)]
    users: Option<u32>,
    /// Memberships that may be removed within an hour.
    #[arg(long)]
    members: Option<u32>,
    /// The share of the tenant's users, in percent, up to which either may be more.
    #[arg(long)]
    percent: Option<u32>,
    /// A SCIM filter of users that never leave the product without an operator; an empty one protects none.
    #[arg(long, value_name = "FILTER")]
    protect: Option<String>,
    /// Activating a mapping must be confirmed if by its plan so many users, or more, would vanish from the product.
    #[arg(long, value_name = "USERS")]
    confirm_from: Option<u32>,
    /// Hold nothing but protected users.
    #[arg(long, conflicts_with_all = ["users", "members", "percent"])]
    off: bool,
}

#[derive(Debug, clap::Args)]
struct SsoSubject {
    /// The tenant's name.
    name: String,
    /// A path of mapped users with one text, such as externalId, userName, emails[type eq "work"].value or urn:…:User:objectId;
    /// `off` for none. Without it the path is shown.
    path: Option<String>,
    /// Wait until the stored users are checked, and show how they comply.
    #[arg(long, requires = "path")]
    wait: bool,
}

#[derive(Debug, clap::Args)]
struct Delete {
    /// The tenant's name.
    name: String,
    /// Confirm; without this nothing is deleted.
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    if let Command::Send(it) = &arguments.command {
        return send::run(it).await;
    }
    let (client, output) = arguments.operator.open()?;
    match arguments.command {
        Command::Send(_) => Ok(()),
        Command::Export(it) => export::run(&client, &it).await,
        Command::Import(it) => import::run(&client, output, &it).await,
        Command::Create(it) => {
            let tenant = client.put(Method::POST, &client.path(&["tenants"])?, &json!({ "name": it.name })).await?;
            Ok(output.record(&tenant, &COLUMNS)?)
        }
        Command::List(List { deleted: true }) => erase::list_deleted(&client, output).await,
        Command::List(List { deleted: false }) => {
            let tenants = client.get(&client.path(&["tenants"])?).await?;
            Ok(output.list(&tenants, "tenants", &COLUMNS)?)
        }
        Command::Show(it) => {
            let tenant = client.get(&client.path(&["tenants", &it.name])?).await?;
            Ok(output.record(&tenant, &SHOWN)?)
        }
        Command::Rename(it) => rename::rename(&client, output, &it).await,
        Command::ForgetName(it) => rename::forget(&client, output, &it).await,
        Command::Retention(it) => retention::run(&client, output, &it).await,
        Command::LogRedaction(it) => log_redaction::run(&client, output, &it).await,
        Command::Suspend(it) => set_state(&client, output, &it.name, "suspended").await,
        Command::Resume(it) => set_state(&client, output, &it.name, "active").await,
        Command::Limit(it) => {
            let rate = it.rate.map(|rate| rate.to_string());
            let limits = json!({ "limits": { "requests": it.requests, "rate": rate } });
            let tenant = client.put(Method::PATCH, &client.path(&["tenants", &it.name])?, &limits).await?;
            Ok(output.record(&tenant, &LIMITS)?)
        }
        Command::Guard(it) => guard(&client, output, &it).await,
        Command::SsoSubject(it) => sso_subject(&client, output, &it).await,
        Command::Delete(it) => delete(&client, output, &it).await,
        Command::Erase(it) => erase::erase(&client, output, &it).await,
        Command::Erasures(it) => erase::erasures(&client, output, &it).await,
    }
}

async fn sso_subject(client: &AdminClient, output: Output, it: &SsoSubject) -> Result<(), Failure> {
    let path = client.path(&["tenants", &it.name, "sso-subject"])?;
    let Some(wanted) = &it.path else { return Ok(output.record(&client.get(&path).await?, &SSO_SUBJECT)?) };
    let wanted = json!({ "path": (wanted != "off").then_some(wanted) });
    let set = client.put(Method::PUT, &path, &wanted).await?;
    if it.wait {
        return directory_schema::wait(client, output, &it.name).await;
    }
    output.record(&set, &SSO_SUBJECT)?;
    let tenant = &it.name;
    Ok(output.say(&format!("\n`scimgate directory-schema check {tenant} --show` shows how stored users comply."))?)
}

/// Changes what is given; the rest stays.
async fn guard(client: &AdminClient, output: Output, it: &Guard) -> Result<(), Failure> {
    let path = client.path(&["tenants", &it.name, "guard"])?;
    let mut guard = client.get(&path).await?;
    let numbers =
        [("users", it.users), ("members", it.members), ("percent", it.percent), ("confirmFrom", it.confirm_from)];
    for (name, number) in numbers.into_iter().filter_map(|(name, number)| Some((name, number?))) {
        guard[name] = number.into();
    }
    if it.off {
        guard["users"] = Value::Null;
    }
    if let Some(filter) = &it.protect {
        guard["protected"] = if filter.is_empty() { Value::Null } else { filter.as_str().into() };
    }
    if it.off || it.protect.is_some() || numbers.iter().any(|(_, number)| number.is_some()) {
        guard = client.put(Method::PUT, &path, &guard).await?;
    }
    Ok(output.record(&guard, &GUARD)?)
}

async fn set_state(client: &AdminClient, output: Output, name: &str, state: &str) -> Result<(), Failure> {
    let path = client.path(&["tenants", name])?;
    let tenant = client.put(Method::PATCH, &path, &json!({ "state": state })).await?;
    Ok(output.record(&tenant, &COLUMNS)?)
}

async fn delete(client: &AdminClient, output: Output, it: &Delete) -> Result<(), Failure> {
    if !it.yes {
        return Err(Failure::new(format!(
            "this deletes the tenant {name}: its tokens become invalid, and the product no longer sees its users, whose rows are \
             kept; confirm with `scimgate tenant delete {name} --yes`",
            name = it.name
        )));
    }
    client.delete(&client.path(&["tenants", &it.name])?).await?;
    let name = &it.name;
    Ok(output.say(&format!("The tenant {name} is deleted. Its rows are kept until `scimgate tenant erase {name}`."))?)
}
