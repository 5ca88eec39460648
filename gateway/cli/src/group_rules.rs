//! `scimgate group-rules`: which roles and entitlements the members of groups have in the directory.

use std::path::PathBuf;
use std::time::Duration;

use indicatif::ProgressBar;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Column, Output, read_list};

const RULES: [Column; 6] = [
    ("members of", "/of"),
    ("groups", "/groups"),
    ("have", "/have"),
    ("display", "/display"),
    ("type", "/type"),
    ("primary", "/primary"),
];

const FORM: &str = r#"The file:
  {
    "rules": [
      { "group": { "displayName": "App admins" }, "role": { "value": "admin", "display": "Administrator" } },
      { "group": { "externalId": "g-7" }, "entitlement": { "value": "seat", "type": "license" } }
    ]
  }"#;

/// Time between two looks at how far the announcing has come.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// What to do with a tenant's group rules.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the rules, each with the number of groups that it names and the product sees; with -o json in the form that `set` accepts.
    Show(Named),
    /// Set the rules: the directory shows at once what they give, and the product is sent a user.updated of each user that changes.
    #[command(after_help = FORM)]
    Set(Set),
    /// Remove all rules.
    Off(Off),
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The tenant's name.
    tenant: String,
}

#[derive(Debug, clap::Args)]
struct Set {
    /// The tenant's name.
    tenant: String,
    /// A JSON file with the rules, or - for standard input.
    file: PathBuf,
    /// Wait until the product was sent the events of all users that change.
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, clap::Args)]
struct Off {
    /// The tenant's name.
    tenant: String,
    /// Wait until the product was sent the events of all users that change.
    #[arg(long)]
    wait: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    let (tenant, body, wait) = match arguments.command {
        Command::Show(it) => return show(output, &client.get(&path(&client, &it.tenant)?).await?),
        Command::Set(it) => (it.tenant, json!({ "rules": read_list(&it.file, "rules")? }), it.wait),
        Command::Off(it) => (it.tenant, json!({ "rules": [] }), it.wait),
    };
    let mut rules = client.put(Method::PUT, &path(&client, &tenant)?, &body).await?;
    if wait {
        rules = announced(&client, &tenant).await?;
    }
    show(output, &rules)
}

fn path(client: &AdminClient, tenant: &str) -> Result<String, Failure> {
    Ok(client.path(&["tenants", tenant, "group-rules"])?)
}

/// The rules once all that they change is announced; until then a line on standard error says how far that has come.
async fn announced(client: &AdminClient, tenant: &str) -> Result<Value, Failure> {
    let (rules, job) = (path(client, tenant)?, client.path(&["tenants", tenant, "jobs", "group-rules"])?);
    let bar = ProgressBar::new_spinner();
    loop {
        let shown = client.get(&rules).await?;
        if shown["announced"] == true {
            bar.finish_and_clear();
            return Ok(shown);
        }
        let status = client.get(&job).await?;
        let number = |name: &str| status[name].as_u64().unwrap_or_default();
        bar.set_message(format!("{} users compared, {} announced", number("examined"), number("changed")));
        bar.tick();
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn show(output: Output, rules: &Value) -> Result<(), Failure> {
    if output == Output::Json {
        return Ok(output.json(rules)?);
    }
    if rules.pointer("/rules/0").is_none() {
        output.say("There are no group rules.")?;
    } else {
        output.list(&json!({ "rules": rows(rules) }), "rules", &RULES)?;
    }
    if rules["announced"] == false {
        output.say("\nNot all users that they change are announced to the product yet.")?;
    }
    Ok(())
}

/// The rules as rows for people.
fn rows(reply: &Value) -> Vec<Value> {
    let rules = reply["rules"].as_array().into_iter().flatten().enumerate();
    let row = |(index, rule): (usize, &Value)| {
        let names = rule["group"].as_object().into_iter().flatten();
        let of: Vec<String> = names.map(|(by, name)| format!("{by} {}", name.as_str().unwrap_or_default())).collect();
        let one = if rule["role"].is_object() { "role" } else { "entitlement" };
        let given = &rule[one];
        json!({
            "of": of.join(" "),
            "groups": reply["groups"][index],
            "have": format!("{one} {}", given["value"].as_str().unwrap_or_default()),
            "display": given["display"],
            "type": given["type"],
            "primary": given["primary"],
        })
    };
    rules.map(row).collect()
}
