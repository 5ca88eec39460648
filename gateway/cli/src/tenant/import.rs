//! `scimgate tenant import`: what `tenant export` wrote, into a tenant. It can be repeated: what is there already stays.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::ProgressBar;
use reqwest::Method;
use serde_json::{Value, json};

use super::export::{eprint_line, progress};
use super::lines::{Completeness, Header, MAX_LINE_BYTES};
use crate::client::{AdminClient, Error};
use crate::failure::Failure;
use crate::output::{Column, Output, printable};
use crate::settings::{self, KINDS, Wanted};

/// Most lines and bytes of a request.
const MAX_BATCH_LINES: usize = 500;
const MAX_BATCH_BYTES: usize = 2 << 20;
/// How often a request is sent that could not be answered, and the pause, which grows.
const MAX_ATTEMPTS: u32 = 6;
const PAUSE: Duration = Duration::from_secs(1);
/// Lines that could not be imported: so many are printed, and so many kept for programs.
const MAX_PRINTED: usize = 50;
const MAX_KEPT: usize = 10_000;

const SUMMARY: [Column; 5] = [
    ("created", "/created"),
    ("there already", "/unchanged"),
    ("memberships", "/members"),
    ("lines with problems", "/problemCount"),
    ("lines", "/lines"),
];

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The tenant's name.
    name: String,
    /// The file that `tenant export` wrote; - is standard input.
    file: PathBuf,
    /// Create the tenant.
    #[arg(long)]
    create: bool,
    /// Confirm that the export is of a tenant with this other name.
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// What to do where the tenant's settings are not those of the export: schemas, mapping, client profile and others.
    #[arg(long, value_enum)]
    settings: Option<Setting>,
    /// Activate the mapping of the export though users would vanish from the product.
    #[arg(long)]
    accept_vanishing: bool,
    /// Store nothing; say what would be done.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Setting {
    /// Set those of the export.
    Set,
    /// Keep the tenant's own.
    Keep,
}

/// What became of the lines that were sent.
#[derive(Debug, Default)]
struct Summary {
    lines: u64,
    created: u64,
    unchanged: u64,
    members: u64,
    problem_count: usize,
    problems: Vec<Value>,
}

pub(super) async fn run(client: &AdminClient, output: Output, it: &Arguments) -> Result<(), Failure> {
    let is_file = it.file.as_os_str() != "-";
    if is_file {
        check(&it.file)?;
    }
    let mut lines = Lines::open(&it.file)?;
    let first = lines.next()?.unwrap_or_default();
    let header = Header::read(&first)?;
    if header.tenant != it.name && it.from.as_deref() != Some(&header.tenant) {
        return Err(Failure::new(format!(
            "this is the export of the tenant {}; to import it into {}, confirm with --from {}",
            header.tenant, it.name, header.tenant
        )));
    }
    let exists = prepare(client, output, it, &header).await?;
    if !exists {
        return Ok(());
    }
    let bar = progress("importing lines");
    bar.set_length(lines.bytes);
    let mut summary = Summary { lines: 1, ..Summary::default() };
    let mut complete = Completeness::default();
    send_all(client, it, (&mut lines, &mut complete), (&mut summary, &bar)).await?;
    bar.finish_and_clear();
    report(output, &summary)?;
    complete.check()?;
    match summary.problem_count {
        0 => Ok(()),
        1 => Err(Failure::new("one line could not be imported as it is; mend what it says and import again")),
        count => Err(Failure::new(format!(
            "{count} lines could not be imported as they are; mend what they say and import again"
        ))),
    }
}

/// Reads the whole file before anything is sent: whether it is complete.
fn check(path: &Path) -> Result<(), Failure> {
    let mut lines = Lines::open(path)?;
    Header::read(&lines.next()?.unwrap_or_default())?;
    let mut complete = Completeness::default();
    while let Some(line) = lines.next()? {
        complete.pass(&line);
    }
    complete.check().map_err(|failure| Failure::new(format!("{}: {}", path.display(), failure.message)))
}

/// Creates the tenant and sets its settings, as far as that is asked for. Returns whether there is a tenant to import into: not in a dry
/// run of a new one.
async fn prepare(client: &AdminClient, output: Output, it: &Arguments, header: &Header) -> Result<bool, Failure> {
    let tenants = client.get(&client.path(&["tenants"])?).await?;
    let exists = tenants["tenants"].as_array().into_iter().flatten().any(|tenant| tenant["name"] == it.name.as_str());
    if !exists && !it.create {
        return Err(Failure::new(format!("there is no tenant called {}; create it with --create", it.name)));
    }
    if !exists && it.dry_run {
        let count = header.resources;
        output.say(&format!(
            "The tenant {} would be created, with the settings of the export and {count} resources.",
            it.name
        ))?;
        return Ok(false);
    }
    if !exists {
        client.put(Method::POST, &client.path(&["tenants"])?, &json!({ "name": it.name })).await?;
    }
    if it.settings == Some(Setting::Keep) {
        return Ok(true);
    }
    let plan = settings::plan(&settings::read(client, &it.name).await?, &wanted(&header.settings));
    if !plan.changes.is_empty() && exists && it.settings.is_none() && !it.dry_run {
        let kinds: Vec<&str> = plan.changes.iter().map(|change| change.kind).collect();
        return Err(Failure::new(format!(
            "the settings of {} are not those of the export: {}. `--settings set` sets them, `--settings keep` imports into the \
             tenant as it is; with --dry-run you see what differs",
            it.name,
            kinds.join(", ")
        )));
    }
    for change in &plan.changes {
        let verb = if it.dry_run { "differ" } else { "set" };
        eprint_line(&format!("settings {verb}: {}", change.kind));
        if it.dry_run {
            change.differences.iter().for_each(|difference| eprint_line(&format!("    {}", difference.line())));
        } else {
            settings::make(client, &it.name, change, it.accept_vanishing).await?;
        }
    }
    Ok(true)
}

/// The settings of an export. Whether the tenant was suspended is not one: who moves a tenant decides when it is served where.
fn wanted(settings: &Value) -> Wanted {
    let all = KINDS.into_iter().filter(|kind| !matches!(kind.name(), "suspended" | "packs"));
    all.map(|kind| (kind, kind.of(settings))).collect()
}

/// Sends the lines in batches, in their order.
async fn send_all(
    client: &AdminClient,
    it: &Arguments,
    (lines, complete): (&mut Lines, &mut Completeness),
    (summary, bar): (&mut Summary, &ProgressBar),
) -> Result<(), Failure> {
    let mut batch: Vec<Vec<u8>> = Vec::new();
    let mut bytes = 0;
    loop {
        let line = lines.next()?;
        let is_full = batch.len() == MAX_BATCH_LINES || bytes + line.as_ref().map_or(0, Vec::len) > MAX_BATCH_BYTES;
        if (is_full || line.is_none()) && !batch.is_empty() {
            send(client, it, &mut batch, summary).await?;
            bytes = 0;
            bar.set_position(lines.read);
        }
        let Some(line) = line else { return Ok(()) };
        complete.pass(&line);
        bytes += line.len();
        batch.push(line);
    }
}

/// Sends a batch until all of its lines have been read.
async fn send(
    client: &AdminClient,
    it: &Arguments,
    batch: &mut Vec<Vec<u8>>,
    summary: &mut Summary,
) -> Result<(), Failure> {
    let path = client.path(&["tenants", &it.name, "import"])?;
    while !batch.is_empty() {
        let path = format!("{path}?firstLine={}&dryRun={}", summary.lines + 1, it.dry_run);
        let report = send_once(client, &path, &batch.concat()).await?;
        let number = |name: &str| report[name].as_u64().unwrap_or_default();
        let read = usize::try_from(number("lines")).unwrap_or_default().min(batch.len());
        if read == 0 {
            return Err(Failure::new(
                "the gateway has read none of the lines in the time of a request; try again later",
            ));
        }
        batch.drain(..read);
        summary.lines += read as u64;
        summary.created += number("created");
        summary.unchanged += number("unchanged");
        summary.members += number("members");
        let problems = report["problems"].as_array().cloned().unwrap_or_default();
        summary.problem_count += problems.len();
        let room = MAX_KEPT.saturating_sub(summary.problems.len());
        summary.problems.extend(problems.into_iter().take(room));
    }
    Ok(())
}

/// Sends it again where the gateway is not reached or busy: lines may be sent again.
async fn send_once(client: &AdminClient, path: &str, batch: &[u8]) -> Result<Value, Failure> {
    let mut attempt = 1;
    loop {
        match client.send_lines(path, batch.to_vec()).await {
            Ok(report) => return Ok(report),
            Err(Error::Busy(_) | Error::Connect { .. } | Error::Connection { .. } | Error::Timeout { .. })
                if attempt < MAX_ATTEMPTS =>
            {
                tokio::time::sleep(PAUSE * attempt).await;
                attempt += 1;
            }
            Err(error) => {
                let failure = Failure::from(error);
                let message = format!("{}; what was imported stays, import again to go on", failure.message);
                return Err(Failure { message, ..failure });
            }
        }
    }
}

fn report(output: Output, summary: &Summary) -> Result<(), Failure> {
    for problem in summary.problems.iter().take(MAX_PRINTED) {
        let id = problem["id"].as_str().map(|id| format!(" ({id})")).unwrap_or_default();
        let reason = printable(problem["reason"].as_str().unwrap_or_default());
        eprint_line(&format!("line {}{id}: {reason}", problem["line"]));
    }
    if summary.problem_count > MAX_PRINTED {
        eprint_line(&format!("… and {} more; -o json has them", summary.problem_count - MAX_PRINTED));
    }
    let Summary { lines, created, unchanged, members, problem_count, problems } = summary;
    let all = json!({
        "lines": lines, "created": created, "unchanged": unchanged, "members": members, "problemCount": problem_count,
        "problems": problems,
    });
    Ok(output.record(&all, &SUMMARY)?)
}

/// The lines of a file, each with its line feed.
struct Lines {
    reader: Box<dyn std::io::BufRead + Send>,
    /// The length of the file; none of standard input.
    bytes: u64,
    /// How much has been read.
    read: u64,
    number: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new(format!("cannot read {}: {error}", path.display()));
        if path.as_os_str() == "-" {
            let reader = Box::new(BufReader::new(std::io::stdin()));
            return Ok(Self { reader, bytes: 0, read: 0, number: 0 });
        }
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        Ok(Self { reader: Box::new(BufReader::new(file)), bytes, read: 0, number: 0 })
    }

    fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut line = Vec::new();
        let most = MAX_LINE_BYTES as u64 + 1;
        let read = self.reader.by_ref().take(most).read_until(b'\n', &mut line)?;
        self.number += 1;
        self.read += read as u64;
        if read as u64 == most {
            let (number, most) = (self.number, MAX_LINE_BYTES);
            return Err(Failure::new(format!("line {number} is longer than {most} bytes, the longest accepted")));
        }
        if read > 0 && !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        Ok((read > 0).then_some(line))
    }
}
