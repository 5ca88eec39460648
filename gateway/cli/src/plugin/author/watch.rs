//! `scimgate plugin watch`: on every save the plugin is built and uploaded for one tenant; what the tenant's mapping with it makes of the
//! last users is shown. Nothing is mapped by it for the product, and no draft is stored, except where it runs once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anstyle::{AnsiColor, Style};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde_json::{Value, json};

use super::project::{FIXTURES, Project};
use super::purpose::Purpose;
use crate::client::{AdminClient, Key, OperatorOptions};
use crate::failure::Failure;
use crate::mapping::preview::steps;
use crate::output::{print, read_json, write_styled};

/// How often files are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Most files that are looked at.
const MAX_WATCHED_FILES: usize = 10_000;
/// Most events of one page, and pages of one look for the last users.
const EVENTS_PER_PAGE: usize = 1_000;
const MAX_EVENT_PAGES: usize = 20;
const FAINT: Style = Style::new().dimmed();
const BAD: Style = AnsiColor::Red.on_default();

#[derive(Debug, clap::Args)]
pub(in crate::plugin) struct Arguments {
    /// The tenant's name.
    tenant: String,
    /// The project's folder.
    #[arg(long, default_value = ".")]
    project: PathBuf,
    /// A JSON file with the plugin's configuration. By default it stays as it is in the mapping, and is config.json of the project for
    /// a plugin that the mapping does not have.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Show this user, by userName or id, in place of the last ones.
    #[arg(long)]
    user: Vec<String>,
    /// Show so many of the users that changed last.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=20))]
    users: u8,
    /// The tenant's directory key.
    #[arg(
        long,
        env = "SCIMGATE_DIRECTORY_KEY",
        value_name = "KEY",
        help_heading = "Gateway and output",
        hide_env_values = true
    )]
    directory_key: Option<Key>,
    /// Build, upload, draft and show once.
    #[arg(long)]
    once: bool,
}

pub(super) async fn run(operator: &OperatorOptions, it: Arguments) -> Result<(), Failure> {
    let project = Project::find(&it.project)?;
    let (client, _) = operator.open()?;
    let directory = operator.directory(it.directory_key.as_ref())?;
    if directory.is_none() && it.user.is_empty() {
        let message = "the last users are found with the tenant's directory key, in SCIMGATE_DIRECTORY_KEY or --directory-key; or name \
                       users with --user";
        return Err(Failure::usage(message));
    }
    let mut users = LastUsers { directory, named: it.user.clone(), after: 0, ids: Vec::new(), count: it.users.into() };
    let mut seen = Files::default();
    loop {
        let now = Files::of(&project, it.config.as_deref())?;
        if now == seen {
            tokio::time::sleep(POLL_INTERVAL).await;
            continue;
        }
        seen = now;
        let shown = show(&project, &client, &it, &mut users).await;
        if it.once {
            return shown;
        }
        if let Err(failure) = shown {
            write_styled(&format!("{BAD}{}{BAD:#}", failure.message))?;
        }
        print("\nWaiting for the next save; Ctrl-C stops.");
    }
}

/// Builds, uploads, drafts and shows.
async fn show(project: &Project, client: &AdminClient, it: &Arguments, users: &mut LastUsers) -> Result<(), Failure> {
    let started = Instant::now();
    let component = project.component(Purpose::Watch)?;
    let tenant = utf8_percent_encode(&it.tenant, NON_ALPHANUMERIC);
    let path = format!("{}?tenant={tenant}&dev=true", client.path(&["plugins"])?);
    // The gateway checks it, and says what it is called.
    let pushed = client.upload(&path, component).await?;
    let name = pushed["name"].as_str().unwrap_or_default();
    let mapping = client.path(&["tenants", &it.tenant, "mapping"])?;
    let wanted = draft(&client.get(&mapping).await?, name, &pushed["digest"], config(project, it)?);
    // A draft for each save would be kept for ever.
    let drafted =
        if it.once { client.put(Method::POST, &format!("{mapping}/revisions"), &wanted).await? } else { Value::Null };
    let by = if it.once { ("revision", &drafted["revision"]) } else { ("mapping", &wanted) };
    let mut text = String::new();
    for user in users.find(client, &it.tenant).await? {
        let mut body = json!({ "resourceType": "User", "resource": user });
        body[by.0] = by.1.clone();
        let shown = client.put(Method::POST, &format!("{mapping}/preview"), &body).await?;
        text.push_str(&steps(&shown));
        text.push('\n');
    }
    if text.is_empty() {
        text.push_str("The tenant has no users yet.\n");
    }
    for warning in drafted["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "Warning: {warning}");
    }
    let draft = drafted["revision"].as_i64().map_or_else(String::new, |revision| format!(", draft {revision}"));
    let (version, took) = (pushed["version"].as_str().unwrap_or_default(), started.elapsed().as_secs_f64());
    Ok(write_styled(&format!("{text}{FAINT}{name}@{version}{draft}, {took:.1} s{FAINT:#}"))?)
}

fn config(project: &Project, it: &Arguments) -> Result<(Option<Value>, Value), Failure> {
    let of_project = project.folder.join("config.json");
    let given = it.config.as_deref().map(read_json).transpose()?;
    let default = if of_project.is_file() { read_json(&of_project)? } else { json!({}) };
    Ok((given, default))
}

/// The active mapping with the plugin in its step, or in a new last one.
fn draft(active: &Value, name: &str, digest: &Value, (given, default): (Option<Value>, Value)) -> Value {
    let mut steps: Vec<Value> = Vec::new();
    let mut is_there = false;
    for step in active["steps"].as_array().into_iter().flatten() {
        let mut kept =
            json!({ "plugin": step["plugin"], "config": step["config"], "resourceTypes": step["resourceTypes"] });
        if step["name"] == name {
            is_there = true;
            kept["plugin"] = digest.clone();
            if let Some(config) = &given {
                kept["config"] = config.clone();
            }
        }
        steps.push(kept);
    }
    if !is_there {
        steps.push(json!({ "plugin": digest, "config": given.unwrap_or(default) }));
    }
    let policy = active["onFailure"].as_str().unwrap_or("refuse");
    json!({ "onFailure": policy, "steps": steps, "note": format!("{name}, from plugin watch") })
}

/// The users that changed last, also those that the product does not see.
struct LastUsers {
    directory: Option<AdminClient>,
    named: Vec<String>,
    /// The last event that was read.
    after: i64,
    /// The latest last.
    ids: Vec<String>,
    count: usize,
}

impl LastUsers {
    async fn find(&mut self, client: &AdminClient, tenant: &str) -> Result<Vec<String>, Failure> {
        if !self.named.is_empty() {
            return Ok(self.named.clone());
        }
        self.read_events().await?;
        let unmapped =
            client.get(&format!("{}?state=excluded", client.path(&["tenants", tenant, "unmapped"])?)).await?;
        let mut ids: Vec<String> = self.ids.iter().rev().take(self.count).cloned().collect();
        let hidden = unmapped["resources"].as_array().into_iter().flatten();
        let hidden = hidden.filter(|it| it["resourceType"] == "User").filter_map(|it| it["id"].as_str());
        ids.extend(hidden.filter(|id| !self.ids.iter().any(|known| known == id)).map(str::to_owned));
        ids.truncate(self.count);
        Ok(ids)
    }

    async fn read_events(&mut self) -> Result<(), Failure> {
        let Some(directory) = &self.directory else { return Ok(()) };
        for _ in 0..MAX_EVENT_PAGES {
            let path = format!("{}?after={}&limit={EVENTS_PER_PAGE}", directory.path(&["events"])?, self.after);
            let reply = directory.get(&path).await?;
            let events = reply["events"].as_array().map(Vec::as_slice).unwrap_or_default();
            for event in events {
                let (Some(kind), Some(id)) = (event["type"].as_str(), event["resourceId"].as_str()) else { continue };
                if !kind.starts_with("user.") {
                    continue;
                }
                self.ids.retain(|known| known != id);
                if kind != "user.deleted" {
                    self.ids.push(id.to_owned());
                }
            }
            let surplus = self.ids.len().saturating_sub(EVENTS_PER_PAGE);
            self.ids.drain(..surplus);
            self.after = reply["lastSeq"].as_i64().unwrap_or(self.after);
            if events.len() < EVENTS_PER_PAGE {
                break;
            }
        }
        Ok(())
    }
}

/// The files of a project and when they were written.
#[derive(Default, PartialEq)]
struct Files(BTreeMap<PathBuf, SystemTime>);

impl Files {
    fn of(project: &Project, config: Option<&Path>) -> Result<Self, Failure> {
        let mut files = Self::default();
        for source in project.language.sources.iter().chain(&[FIXTURES, "config.json"]) {
            files.add(&project.folder.join(source))?;
        }
        if let Some(config) = config {
            files.add(config)?;
        }
        Ok(files)
    }

    /// Adds a file, or the files of a folder. What is gone meanwhile is not a file; the bound on their number ends the recursion.
    fn add(&mut self, path: &Path) -> Result<(), Failure> {
        if self.0.len() >= MAX_WATCHED_FILES {
            return Err(Failure::new(format!("the project has more than {MAX_WATCHED_FILES} files to look at")));
        }
        let Ok(about) = path.symlink_metadata() else { return Ok(()) };
        if about.is_dir() {
            for entry in path.read_dir().into_iter().flatten().flatten() {
                self.add(&entry.path())?;
            }
        } else if let Ok(written) = about.modified() {
            self.0.insert(path.to_owned(), written);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_has_the_plugin_in_its_step_or_in_a_last_one() {
        let step = |name: &str, digest: &str| json!({ "name": name, "plugin": digest, "config": { "a": 1 }, "resourceTypes": [] });
        let active = json!({ "onFailure": "keep", "steps": [step("trim", "aa"), step("shout", "bb")] });
        let kept = |digest: &str| json!({ "plugin": digest, "config": { "a": 1 }, "resourceTypes": [] });
        let drafted = draft(&active, "shout", &json!("cc"), (None, json!({ "b": 2 })));
        assert_eq!(drafted["steps"], json!([kept("aa"), kept("cc")]));
        assert_eq!(drafted["onFailure"], "keep");
        let drafted = draft(&active, "new", &json!("cc"), (None, json!({ "b": 2 })));
        assert_eq!(drafted["steps"][2], json!({ "plugin": "cc", "config": { "b": 2 } }));
        let off = json!({ "revision": 0, "steps": [] });
        let drafted = draft(&off, "shout", &json!("cc"), (Some(json!({ "c": 3 })), json!({})));
        assert_eq!(drafted["steps"], json!([{ "plugin": "cc", "config": { "c": 3 } }]));
    }
}
