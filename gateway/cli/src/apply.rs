//! `scimgate apply`: tenants as files describe them. What is there already as the files say stays; what no file names is left alone, and
//! nothing is deleted.

mod file;
mod token;

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{AdminClient, OperatorOptions};
use crate::failure::Failure;
use crate::output::{Output, printable, write, write_styled};
use crate::settings::{self, Plan};
use file::Tenant;
use token::{Secrets, TokenRequest};

/// The exit status of `--dry-run --exit-code` where something is to be done. 1 is an error, 2 wrong usage, as of every command.
const CHANGES_STATUS: u8 = 3;

const CREATED: Style = AnsiColor::Green.on_default();
const CHANGED: Style = AnsiColor::Yellow.on_default();
const QUIET: Style = Style::new().dimmed();

const FORM: &str = "A file, of which all but the names may be left out:
  tenants:
    - name: acme
      client: { profile: okta }
      packs: [ws1b]
      guard: { users: 50, percent: 5 }
      mapping:
        onFailure: keep
        steps: [{ plugin: scoping@0.1.0, config: {} }]
      tokens: [{ label: okta, scope: scim, expiresInDays: 365 }]

docs/apply.md describes every key.";

/// Which files, and how.
#[derive(Debug, clap::Args)]
#[command(after_help = FORM)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    /// A YAML file; - is standard input. Repeat it for several.
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Change nothing; show what would be changed.
    #[arg(long)]
    dry_run: bool,
    /// End with status 3 where something is to be done, and with 0 where nothing is.
    #[arg(long, requires = "dry_run")]
    exit_code: bool,
    /// Activate mappings though users would vanish from the product.
    #[arg(long)]
    accept_vanishing: bool,
    /// Write the secrets of new tokens into this new file, which only its owner may read, and not to standard output.
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    tokens_to: Option<PathBuf>,
}

/// What is to be done about one tenant.
struct Work<'t> {
    tenant: &'t Tenant,
    /// Whether it is to be created.
    is_new: bool,
    plan: Plan,
    tokens: Vec<&'t TokenRequest>,
}

impl Work<'_> {
    fn count(&self) -> usize {
        usize::from(self.is_new) + self.plan.changes.len() + self.tokens.len()
    }
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let tenants = file::tenants(&arguments.files)?;
    let (client, output) = arguments.operator.open()?;
    let listed = client.get(&client.path(&["tenants"])?).await?;
    let known: Vec<&str> =
        listed["tenants"].as_array().into_iter().flatten().filter_map(|it| it["name"].as_str()).collect();
    let mut all = Vec::with_capacity(tenants.len());
    for tenant in &tenants {
        all.push(look(&client, tenant, known.contains(&tenant.name.as_str())).await?);
    }
    let others: Vec<&str> = known.into_iter().filter(|name| !tenants.iter().any(|it| it.name == *name)).collect();
    let count = all.iter().map(Work::count).sum::<usize>();
    if arguments.dry_run {
        show(output, &all, &others, count)?;
        if arguments.exit_code && count > 0 {
            let message = format!("{} to be made", changes(count));
            return Err(Failure { status: CHANGES_STATUS, ..Failure::new(message) });
        }
        return Ok(());
    }
    let mut secrets = arguments.tokens_to.as_deref().map(Secrets::open).transpose()?;
    let mut issued = Vec::new();
    for work in &all {
        let done = make(&client, work, arguments.accept_vanishing, (secrets.as_mut(), &mut issued)).await;
        if let Err(failure) = done {
            // Their secrets are shown by nothing else.
            show_tokens(output, &issued)?;
            let message = format!("{}; what was done before stays, apply again to go on", failure.message);
            return Err(Failure { message, ..failure });
        }
    }
    show(output, &all, &others, count)?;
    show_tokens(output, &issued)
}

/// Compares a tenant with what is wanted of it.
async fn look<'t>(client: &AdminClient, tenant: &'t Tenant, exists: bool) -> Result<Work<'t>, Failure> {
    let wanted = tenant.wanted()?;
    if !exists {
        let plan = settings::plan(&settings::of_new_tenant(), &wanted);
        return Ok(Work { tenant, is_new: true, plan, tokens: tenant.tokens.iter().collect() });
    }
    let plan = settings::plan(&settings::read(client, &tenant.name).await?, &wanted);
    let tokens = if tenant.tokens.is_empty() {
        Vec::new()
    } else {
        token::missing(&client.get(&client.path(&["tenants", &tenant.name, "tokens"])?).await?, &tenant.tokens)
    };
    Ok(Work { tenant, is_new: false, plan, tokens })
}

/// Does what is to be done about a tenant. Tokens come last, so that none is issued for a tenant that is not as it should be.
async fn make(
    client: &AdminClient,
    work: &Work<'_>,
    accepts_vanishing: bool,
    (mut secrets, issued): (Option<&mut Secrets>, &mut Vec<Value>),
) -> Result<(), Failure> {
    let name = &work.tenant.name;
    let mut changes = &work.plan.changes;
    let own;
    if work.is_new {
        client.put(Method::POST, &client.path(&["tenants"])?, &json!({ "name": name })).await?;
        // What a new tenant has is the gateway's to say.
        own = settings::plan(&settings::read(client, name).await?, &work.tenant.wanted()?).changes;
        changes = &own;
    }
    for change in changes {
        settings::make(client, name, change, accepts_vanishing).await?;
    }
    for wanted in &work.tokens {
        let mut token = token::issue(client, name, wanted).await.map_err(|failure| {
            let message = format!("{name}: tokens: {}: {}", wanted.label, failure.message);
            Failure { message, ..failure }
        })?;
        if let Some(secrets) = &mut secrets {
            secrets.write(&token)?;
            if let Some(members) = token.as_object_mut() {
                members.shift_remove("secret");
            }
        }
        issued.push(token);
    }
    Ok(())
}

fn changes(count: usize) -> String {
    if count == 1 { "1 change is".to_owned() } else { format!("{count} changes are") }
}

/// What was done, or would be.
fn show(output: Output, all: &[Work<'_>], others: &[&str], count: usize) -> Result<(), Failure> {
    if output == Output::Json {
        return Ok(output.json(&report(all, others))?);
    }
    let mut text = String::new();
    for work in all {
        text.push_str(&lines(work));
    }
    if !others.is_empty() {
        text.push_str(&format!("{QUIET}Left alone: the tenants {}{QUIET:#}\n", others.join(", ")));
    }
    if count == 0 {
        text.push_str("Nothing to do.");
    } else {
        text.push_str(&format!("{count} {}.", if count == 1 { "change" } else { "changes" }));
    }
    Ok(write_styled(text.trim_end())?)
}

fn lines(work: &Work<'_>) -> String {
    let (name, mut text) = (printable(&work.tenant.name), String::new());
    if work.is_new {
        text.push_str(&format!("{CREATED}+ {name}{CREATED:#}: new tenant\n"));
    }
    for change in &work.plan.changes {
        text.push_str(&format!("{CHANGED}~ {name}{CHANGED:#}: {}\n", change.kind));
        for difference in &change.differences {
            text.push_str(&format!("    {}\n", difference.line()));
        }
    }
    if !work.tokens.is_empty() {
        text.push_str(&format!("{CREATED}+ {name}{CREATED:#}: tokens\n"));
        work.tokens.iter().for_each(|token| text.push_str(&format!("    {}\n", printable(&token.line()))));
    }
    for (kind, names) in &work.plan.left_alone {
        text.push_str(&format!("{QUIET}  {name}: left alone: {kind} {}{QUIET:#}\n", printable(&names.join(", "))));
    }
    text
}

/// The same for programs.
fn report(all: &[Work<'_>], others: &[&str]) -> Value {
    let tenants = all.iter().map(|work| {
        let changes = work.plan.changes.iter().map(|change| {
            let differences = change.differences.iter();
            let differences = differences.map(|it| json!({ "path": it.path, "before": it.before, "after": it.after }));
            json!({ "kind": change.kind, "differences": differences.collect::<Vec<_>>() })
        });
        let left_alone = work.plan.left_alone.iter().map(|(kind, names)| json!({ "kind": kind, "names": names }));
        json!({
            "name": work.tenant.name,
            "created": work.is_new,
            "changes": changes.collect::<Vec<_>>(),
            "tokens": work.tokens.iter().map(|token| &token.label).collect::<Vec<_>>(),
            "leftAlone": left_alone.collect::<Vec<_>>(),
        })
    });
    json!({ "tenants": tenants.collect::<Vec<_>>(), "leftAlone": others })
}

/// The new tokens, with their secrets unless those are in a file.
fn show_tokens(output: Output, issued: &[Value]) -> Result<(), Failure> {
    if issued.is_empty() {
        return Ok(());
    }
    if output == Output::Json {
        return Ok(output.json(&json!({ "issued": issued }))?);
    }
    write("")?;
    output.list(
        &json!({ "issued": issued }),
        "issued",
        &[
            ("tenant", "/tenant"),
            ("label", "/label"),
            ("scope", "/scope"),
            ("expires", "/expiresAt"),
            ("secret", "/secret"),
        ],
    )?;
    let has_secrets = issued.iter().any(|token| token["secret"].is_string());
    Ok(output.say(if has_secrets { "\nThe secrets are shown only once." } else { "\nThe secrets are in the file." })?)
}
