//! `scimgate directory-schema`: what mapped users and groups must be, and how those that are stored comply.

use std::fmt::Write as _;
use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::job;
use crate::output::{Column, Output, printable, read_list};

const RULES: [Column; 6] = [
    ("resource type", "/resourceType"),
    ("path", "/path"),
    ("type", "/type"),
    ("required", "/required"),
    ("unique", "/unique"),
    ("allowed", "/allowed"),
];

const FORM: &str = r#"The file:
  {
    "rules": [
      { "resourceType": "User", "path": "emails[type eq \"work\"].value", "required": true, "unique": true },
      { "path": "userType", "allowed": ["Employee", "Contractor"] }
    ]
  }"#;

/// What to do with a tenant's directory schema.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the rules; with -o json in the form that `set` accepts.
    Show(Named),
    /// Set the rules: writes are checked by them from then on. What is stored stays as it is.
    #[command(after_help = FORM)]
    Set(Set),
    /// Find out how the stored mapped documents comply with rules, of a file or those that are set. Nothing is written but the report.
    #[command(after_help = FORM)]
    Check(Check),
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
    /// Follow the check of what is stored until it is complete, and show it.
    #[arg(long)]
    wait: bool,
}

#[derive(Debug, clap::Args)]
struct Check {
    /// The tenant's name.
    tenant: String,
    /// A JSON file with the rules, or - for standard input; by default the rules that are set.
    file: Option<PathBuf>,
    /// Follow it until it is complete, and show it.
    #[arg(long, conflicts_with = "show")]
    wait: bool,
    /// Show the latest check, and make none.
    #[arg(long, conflicts_with = "file")]
    show: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    match arguments.command {
        Command::Show(it) => show(output, &client.get(&path(&client, &it.tenant, &[])?).await?),
        Command::Set(it) => set(&client, output, &it).await,
        Command::Check(it) => check(&client, output, &it).await,
    }
}

fn path(client: &AdminClient, tenant: &str, rest: &[&str]) -> Result<String, Failure> {
    Ok(client.path(&[&["tenants", tenant, "directory-schema"], rest].concat())?)
}

fn show(output: Output, schema: &Value) -> Result<(), Failure> {
    if output == Output::Table && schema.pointer("/rules/0").is_none() {
        output.say("There are no rules beyond the schemas.")?;
    } else {
        output.list(schema, "rules", &RULES)?;
    }
    match schema["ssoSubject"].as_str() {
        Some(path) => {
            Ok(output.say(&format!("\n{} is the single sign-on subject: required and unique.", printable(path)))?)
        }
        None => Ok(()),
    }
}

/// Follows the check of what is stored, and shows its report.
pub(super) async fn wait(client: &AdminClient, output: Output, tenant: &str) -> Result<(), Failure> {
    let _ = job::follow(client, tenant, "directory-check").await?;
    report(output, &client.get(&path(client, tenant, &["check"])?).await?)
}

async fn set(client: &AdminClient, output: Output, it: &Set) -> Result<(), Failure> {
    let body = json!({ "rules": read_list(&it.file, "rules")? });
    let done = client.put_file(Method::PUT, &path(client, &it.tenant, &[])?, (&body, &it.file)).await?;
    if it.wait {
        return wait(client, output, &it.tenant).await;
    }
    show(output, &done)?;
    let tenant = &it.tenant;
    Ok(output
        .say(&format!("\n`scimgate directory-schema check {tenant} --show` shows how stored documents comply."))?)
}

async fn check(client: &AdminClient, output: Output, it: &Check) -> Result<(), Failure> {
    let path = path(client, &it.tenant, &["check"])?;
    if it.show {
        return report(output, &client.get(&path).await?);
    }
    let rules = it.file.as_deref().map(|file| read_list(file, "rules")).transpose()?;
    let begun = client.put(Method::POST, &path, &json!({ "rules": rules })).await?;
    if !it.wait {
        if output == Output::Json {
            return Ok(output.json(&begun)?);
        }
        let tenant = &it.tenant;
        return Ok(output.say(&format!("`scimgate directory-schema check {tenant} --show` shows what it finds."))?);
    }
    let _ = job::follow(client, &it.tenant, "directory-check").await?;
    report(output, &client.get(&path).await?)
}

fn report(output: Output, check: &Value) -> Result<(), Failure> {
    if output == Output::Json {
        return Ok(output.json(check)?);
    }
    let number = |name: &str| check[name].as_i64().unwrap_or_default();
    let of = if check["applies"] == true { "the directory schema" } else { "the rules" };
    let state = match check["state"].as_str() {
        Some("running") => ", not complete yet",
        Some("incomplete") => ", ended before it was complete",
        _ => "",
    };
    let mut text = format!("Check of {} mapped documents by {of}{state}.\n\n", number("examined"));
    let _ = writeln!(text, "{:>9}  do not comply", number("nonCompliant"));
    let _ = writeln!(text, "{:>9}  have a value that another one has", number("conflicts"));
    for (resource_type, rules) in check["byRule"].as_object().into_iter().flatten() {
        let _ = writeln!(text, "\nRules of {}:", printable(resource_type));
        for (path, count) in rules.as_object().into_iter().flatten() {
            let _ = writeln!(text, "{:>9}  {}", count.as_i64().unwrap_or_default(), printable(path));
        }
    }
    let examples = check["examples"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !examples.is_empty() {
        text.push_str("\nExamples:\n");
    }
    for example in examples {
        let shown = |name: &str| example[name].as_str().map(printable).unwrap_or_default();
        let _ = writeln!(text, "  {} {}: {}", shown("resourceType"), shown("id"), shown("reason"));
    }
    Ok(output.say(text.trim_end())?)
}
