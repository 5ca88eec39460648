//! `scimgate directory`: reads what the product reads.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::client::{AdminClient, DirectoryOptions};
use crate::failure::Failure;
use crate::output::{Column, Output, cell, printable, write};

const USERS: [Column; 5] = [
    ("id", "/id"),
    ("userName", "/userName"),
    ("displayName", "/displayName"),
    ("active", "/active"),
    ("mapping", "/mappingState"),
];

const GROUPS: [Column; 3] = [("id", "/id"), ("displayName", "/displayName"), ("mapping", "/mappingState")];

const EVENTS: [Column; 5] =
    [("seq", "/seq"), ("at", "/at"), ("type", "/type"), ("resource", "/resourceId"), ("member", "/memberId")];

/// How often to ask for new events.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// What to read.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    directory: DirectoryOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the mapped users, a page at a time.
    Users(Page),
    /// Show one mapped user, by id or by single sign-on subject.
    User(User),
    /// List the mapped groups, a page at a time.
    Groups(Page),
    /// Show one mapped group with its members.
    Group(One),
    /// List the mapped resources of any endpoint, a page at a time.
    Resources(PageOf),
    /// Show one mapped resource of any endpoint.
    Resource(OneOf),
    /// List events in order.
    Events(Events),
}

#[derive(Debug, clap::Args)]
struct Page {
    /// The maximum number of entries.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// The nextCursor of the previous page, to continue after it.
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    cursor: String,
}

#[derive(Debug, clap::Args)]
struct One {
    /// Its id.
    id: String,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct User {
    /// Its id.
    id: Option<String>,
    /// Its single sign-on subject, as `scimgate tenant sso-subject` says which attribute that is.
    #[arg(long, value_name = "SUBJECT")]
    sso_subject: Option<String>,
}

#[derive(Debug, clap::Args)]
struct PageOf {
    /// The endpoint of their type, e.g. devices.
    endpoint: String,
    #[command(flatten)]
    page: Page,
}

#[derive(Debug, clap::Args)]
struct OneOf {
    /// The endpoint of its type, e.g. devices.
    endpoint: String,
    /// Its id.
    id: String,
}

#[derive(Debug, clap::Args)]
struct Events {
    /// List only events after this number.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    after: i64,
    /// The maximum number of events per request.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Only so many of the newest events.
    #[arg(long, conflicts_with_all = ["after", "limit"], value_parser = clap::value_parser!(u16).range(1..=1000))]
    last: Option<u16>,
    /// Continue with new events, one line each, until interrupted.
    #[arg(long)]
    follow: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.directory.open()?;
    match arguments.command {
        Command::Users(page) => list(&client, output, "users", &page).await,
        Command::Groups(page) => list(&client, output, "groups", &page).await,
        Command::Resources(it) => list(&client, output, &it.endpoint, &it.page).await,
        Command::Resource(it) => Ok(output.json(&client.get(&client.path(&[&it.endpoint, &it.id])?).await?)?),
        Command::User(User { sso_subject: Some(subject), .. }) => by_subject(&client, output, &subject).await,
        Command::User(User { id, .. }) => {
            Ok(output.json(&client.get(&client.path(&["users", &id.unwrap_or_default()])?).await?)?)
        }
        Command::Group(it) => Ok(output.json(&client.get(&client.path(&["groups", &it.id])?).await?)?),
        Command::Events(it) if it.follow => follow(&client, output, &it).await,
        Command::Events(it) => list_events(&client, output, &it).await,
    }
}

async fn list(client: &AdminClient, output: Output, what: &str, page: &Page) -> Result<(), Failure> {
    let mut path = format!("{}?limit={}", client.path(&[what])?, page.limit);
    // A cursor consists of characters that need no escaping.
    if !page.cursor.is_empty() {
        if !page.cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return Err(Failure::new("--cursor must be the nextCursor of the previous page, unchanged"));
        }
        path = format!("{path}&cursor={}", page.cursor);
    }
    let reply = client.get(&path).await?;
    output.list(&reply, "resources", if what == "users" { &USERS } else { &GROUPS })?;
    if let Some(next) = reply.get("nextCursor").and_then(Value::as_str) {
        let what = if matches!(what, "users" | "groups") { what.to_owned() } else { format!("resources {what}") };
        output.say(&format!("\nNext page: scimgate directory {what} --limit {} --cursor {next}", page.limit))?;
    }
    Ok(())
}

async fn list_events(client: &AdminClient, output: Output, it: &Events) -> Result<(), Failure> {
    let reply = first_events(client, it).await?;
    output.list(&reply, "events", &EVENTS)?;
    let count = reply["events"].as_array().map_or(0, Vec::len);
    if it.last.is_none() && count == usize::from(it.limit) {
        let after = &reply["lastSeq"];
        output
            .say(&format!("\nThere may be more: scimgate directory events --after {after}; the newest: --last 20"))?;
    }
    Ok(())
}

/// The events that the options name.
async fn first_events(client: &AdminClient, it: &Events) -> Result<Value, Failure> {
    match it.last {
        Some(last) => Ok(client.get(&format!("{}?last={last}", client.path(&["events"])?)).await?),
        None => events(client, it.after, it.limit).await,
    }
}

async fn by_subject(client: &AdminClient, output: Output, subject: &str) -> Result<(), Failure> {
    let escaped = utf8_percent_encode(subject, NON_ALPHANUMERIC);
    let page = client.get(&format!("{}?ssoSubject={escaped}", client.path(&["users"])?)).await?;
    match page.pointer("/resources/0") {
        Some(user) => Ok(output.json(user)?),
        None => Err(Failure::new(format!("no user has the single sign-on subject {}", printable(subject)))),
    }
}

async fn events(client: &AdminClient, after: i64, limit: u16) -> Result<Value, Failure> {
    Ok(client.get(&format!("{}?after={after}&limit={limit}", client.path(&["events"])?)).await?)
}

/// Prints new events until interrupted or standard output is closed.
async fn follow(client: &AdminClient, output: Output, it: &Events) -> Result<(), Failure> {
    let mut reply = first_events(client, it).await?;
    let mut after = it.after;
    loop {
        let page = reply.get("events").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for event in page {
            if !write(&line(output, event))? {
                return Ok(());
            }
        }
        after = reply.get("lastSeq").and_then(Value::as_i64).unwrap_or(after);
        if page.is_empty() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        reply = events(client, after, it.limit).await?;
    }
}

fn line(output: Output, event: &Value) -> String {
    match output {
        Output::Json => event.to_string(),
        Output::Table | Output::Csv => EVENTS.map(|(_, pointer)| cell(event, pointer)).join("  "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_followed_event_is_one_line() {
        let event = json!({ "seq": 7, "at": "2026-05-01T09:30:00.000Z", "type": "user.created", "resourceId": "u1" });
        assert_eq!(line(Output::Table, &event), "7  2026-05-01T09:30:00.000Z  user.created  u1  -");
        assert_eq!(line(Output::Json, &event), event.to_string());
    }
}
