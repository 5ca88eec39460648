//! `scimgate plugin run`: one document, as a preview shows it, without a server.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use anstyle::Style;
use scimgate_plugin_sdk::test::{FixtureFile, Schemas, context};
use scimgate_scim::leniency::Leniencies;
use scimgate_scim::normalise::normalise;
use scimgate_scim::schema::validate::validate;
use serde_json::{Value, json};

use super::call::preview;
use super::local::{Input, Local};
use crate::failure::Failure;
use crate::mapping::preview::body;
use crate::output::{Output, read, read_json, write_styled};

const BOLD: Style = Style::new().bold();

#[derive(Debug, clap::Args)]
pub(in crate::plugin) struct Arguments {
    /// The plugin's .wasm file.
    plugin: PathBuf,
    /// The document as a SCIM client would send it: a JSON file, or - for standard input.
    #[arg(default_value = "-")]
    document: PathBuf,
    /// A JSON file with the configuration; {} by default.
    #[arg(long)]
    config: Option<PathBuf>,
    /// The document's resource type.
    #[arg(long = "type", default_value = "User")]
    resource_type: String,
    #[command(flatten)]
    schemas: SchemaOptions,
    /// The context's lastModified, a plugin's only clock.
    #[arg(long)]
    last_modified: Option<String>,
}

/// The schemas beside the standard ones.
#[derive(Debug, clap::Args)]
pub(super) struct SchemaOptions {
    /// A JSON file with `schemas`, as a file of examples has them.
    #[arg(long)]
    schemas: Option<PathBuf>,
    /// A schema pack's name.
    #[arg(long)]
    pack: Vec<String>,
}

impl SchemaOptions {
    pub(super) fn read(&self) -> Result<Schemas, Failure> {
        let mut schemas = match &self.schemas {
            None => Schemas::standard(),
            Some(path) => {
                let named = read_json(path)?;
                let listed = named.get("schemas").cloned().unwrap_or_else(|| json!({}));
                let text = json!({ "schemas": listed, "examples": [] }).to_string();
                let file =
                    FixtureFile::read(&text).map_err(|why| Failure::new(format!("{}: {why}", path.display())))?;
                file.schemas
            }
        };
        for pack in &self.pack {
            schemas = schemas.with_pack(pack).map_err(|why| Failure::usage(format!("--pack: {why}")))?;
        }
        Ok(schemas)
    }
}

pub(super) async fn run(output: Output, it: Arguments) -> Result<(), Failure> {
    let plugin = Local::load(read(&it.plugin)?).await.map_err(|failure| at(&it.plugin, &failure))?;
    let (input, warnings) = read_document(&it)?;
    let config = match &it.config {
        Some(path) => read_json(path)?,
        None => json!({}),
    };
    plugin.check(&config, &input.resource_type).map_err(|why| {
        let file = it.config.as_ref().map_or_else(|| "without --config".to_owned(), |path| path.display().to_string());
        Failure::new(format!("{file}: {why}"))
    })?;
    let mut context = context(&input.resource_type.name);
    if let Some(time) = it.last_modified {
        context.last_modified = time;
    }
    let call = plugin.call(&input, &context, &config).await?;
    let mut shown = preview(&call, &input);
    shown["warnings"] = warnings.into();
    match output {
        Output::Json => output.json(&shown)?,
        Output::Table | Output::Csv => write_styled(&text(&shown))?,
    }
    match shown["outcome"].as_str() {
        Some("failed") => Err(Failure::new("the plugin failed on this document")),
        _ => Ok(()),
    }
}

/// The document as the SCIM endpoint reads it of a client whose every leniency is allowed.
fn read_document(it: &Arguments) -> Result<(Input, Vec<Value>), Failure> {
    let schemas = it.schemas.read()?;
    let resource_type =
        schemas.resource_type(&it.resource_type).map_err(|why| Failure::usage(format!("--type: {why}")))?;
    let file =
        if it.document.as_os_str() == "-" { "standard input".to_owned() } else { it.document.display().to_string() };
    let refused = |why: String| Failure::new(format!("{file}: {why}"));
    let body = read_json(&it.document)?;
    let read = normalise(body, &resource_type, &Leniencies::all()).map_err(|error| refused(error.detail))?;
    validate(&read.document, &resource_type).map_err(|error| refused(error.detail))?;
    let mut warnings: Vec<Value> = Vec::new();
    for tolerated in &read.warnings {
        warnings.push(format!("Read with the leniency {} ({}).", tolerated.leniency, tolerated.attribute).into());
    }
    Ok((Input { source: Arc::new(read.document), resource_type }, warnings))
}

fn text(shown: &Value) -> String {
    let step = &shown["steps"][0];
    let (memory, calls, written) = (&step["memoryBytes"], &step["hostCalls"], &step["writtenBytes"]);
    let mut text = format!("{BOLD}{}{BOLD:#}\n{}", shown["resourceType"].as_str().unwrap_or_default(), body(shown));
    // Writing to a String cannot fail.
    let _ = write!(text, "\n\n{memory} bytes of memory, {calls} host calls, {written} bytes written");
    text
}

/// A failure that says which file it is about.
pub(super) fn at(path: &std::path::Path, failure: &Failure) -> Failure {
    Failure::new(format!("{}: {}", path.display(), failure.message))
}
