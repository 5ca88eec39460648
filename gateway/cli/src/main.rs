//! The `scimgate` binary: servers, the first operator key, clients of the admin API, and simulations.

mod apply;
mod audit;
mod authorities;
mod bootstrap;
mod client;
mod completion;
mod configuration;
#[cfg(feature = "embedded")]
mod dev;
mod directory;
mod directory_schema;
mod docs;
mod doctor;
mod explain;
mod failure;
mod group_rules;
mod held;
mod home;
mod issuers;
mod job;
mod local_dev;
mod log;
mod mapping;
mod migrate;
mod nearest;
mod oauth_client;
mod operator_key;
mod output;
mod plugin;
mod problem;
mod provisioning_log;
mod resource_type;
mod root_key;
mod schema;
mod scim_client;
mod screen;
mod secret;
mod serve;
mod settings;
mod setup_link;
mod signing_key;
mod simulate;
mod status;
mod tenant;
mod token;
mod webhooks;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use scimgate::telemetry;

use configuration::Refusal;
use failure::Failure;
use log::Log;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// The SCIM 2.0 endpoint in front of your product.
#[derive(Debug, Parser)]
#[command(name = "scimgate", version, about, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    config: configuration::ConfigFile,
    #[command(flatten)]
    log: Log,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve on an embedded database with a demo tenant and a token: nothing else to install.
    #[cfg(feature = "embedded")]
    Dev(dev::Arguments),
    /// Serve on a PostgreSQL server.
    Serve(serve::Arguments),
    /// Migrate the database to the schema version that this binary needs.
    Migrate(migrate::Arguments),
    /// Create the first operator key, or replace it, and print it once.
    Bootstrap(bootstrap::Arguments),
    /// Issue, list and revoke operator keys.
    OperatorKey(operator_key::Arguments),
    /// Create and change tenants as files describe them.
    Apply(apply::Arguments),
    /// Check, show and document the settings.
    Config(configuration::Arguments),
    /// Check what serve needs: database, schema, roles, clock, root key, public URL.
    Doctor(doctor::Arguments),
    /// Build the documents as a site, which serve can serve.
    Docs(docs::Arguments),
    /// Print the completion of commands and options for a shell.
    Completion(completion::Completion),
    /// Write the man pages.
    Man(completion::Man),
    /// Read what operators changed.
    Audit(audit::Arguments),
    /// Create, list, suspend and delete tenants.
    Tenant(tenant::Arguments),
    /// Issue, list and revoke a tenant's tokens.
    Token(token::Arguments),
    /// Create, list and delete OAuth clients, which get access tokens, and rotate their secrets.
    OauthClient(oauth_client::Arguments),
    /// Create, list and revoke links with which a customer's administrator gets URL and token.
    SetupLink(setup_link::Arguments),
    /// List and rotate the keys that sign access tokens.
    SigningKey(signing_key::Arguments),
    /// Define a tenant's extension schemas, and add schema packs.
    Schema(schema::Arguments),
    /// Define a tenant's own resource types.
    ResourceType(resource_type::Arguments),
    /// Show and set a tenant's SCIM client profile and leniencies.
    Client(scim_client::Arguments),
    /// Follow and cancel a tenant's background jobs.
    Job(job::Arguments),
    /// Upload and list mapping plugins.
    Plugin(plugin::Arguments),
    /// Draft, preview, activate and roll back a tenant's mapping.
    Mapping(mapping::Arguments),
    /// Show, set and check what mapped users and groups must be.
    DirectorySchema(directory_schema::Arguments),
    /// Show and set which roles and entitlements the members of groups have.
    GroupRules(group_rules::Arguments),
    /// Search a tenant's provisioning log: what its identity provider sent, and how it ended.
    Log(provisioning_log::Arguments),
    /// Show the health of a tenant or of all: what its identity provider does, what is wrong, and what to do.
    Status(status::Arguments),
    /// Explain where a user or a group stands and why, or list what is not mapped.
    Explain(explain::Arguments),
    /// List, release and reject removals that the guard keeps from the product.
    Held(held::Arguments),
    /// Read what the product reads: mapped users and groups, and events.
    Directory(directory::Arguments),
    /// Simulate an identity provider against any SCIM URL and report what the server did wrong.
    Simulate(simulate::Arguments),
}

fn main() -> ExitCode {
    let line: Vec<OsString> = std::env::args_os().collect();
    let as_json = configuration::wants_json(&line);
    let fail = |failure: &Failure| fail(failure, as_json);
    let arguments = match read(&line) {
        Ok(arguments) => arguments,
        Err(Refusal::Usage(error)) if as_json && error.use_stderr() => return fail(&configuration::misused(&error)),
        Err(Refusal::Usage(error)) => error.exit(),
        Err(Refusal::File(problems)) => return fail(&configuration::several(&problems)),
    };
    if !arguments.command.starts_the_log() {
        telemetry::start(&arguments.log.log, arguments.log.log_format);
    }
    // This fails only if a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Failure::from(error)),
    };
    let outcome = runtime.block_on(run(arguments));
    // The process must end even if a plugin still blocks a thread.
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    outcome.map_or_else(|failure| fail(&failure), |()| ExitCode::SUCCESS)
}

impl Command {
    /// Whether the command decides itself where the log goes.
    fn starts_the_log(&self) -> bool {
        #[cfg(feature = "embedded")]
        let starts = matches!(self, Self::Dev(_));
        #[cfg(not(feature = "embedded"))]
        let starts = false;
        starts
    }
}

/// The commands and their options.
fn definition() -> clap::Command {
    screen::fit(Arguments::command())
}

fn read(line: &[OsString]) -> Result<Arguments, Refusal> {
    let mut command = definition();
    let matches = configuration::parse(&command, line)?;
    Arguments::from_arg_matches(&matches).map_err(|error| Refusal::Usage(error.format(&mut command)))
}

/// What is wrong with a command's settings beyond what its definition says.
fn problems(matches: &clap::ArgMatches) -> Vec<String> {
    let found = match Arguments::from_arg_matches(matches).map(|arguments| arguments.command) {
        Ok(Command::Serve(arguments)) => serve::problems(&arguments),
        Ok(Command::Migrate(arguments)) => arguments.database.open(1).err().into_iter().collect(),
        Ok(_) => Vec::new(),
        Err(error) => vec![Failure::usage(error.to_string())],
    };
    found.into_iter().map(|failure| failure.message).collect()
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let config = arguments.config;
    match arguments.command {
        #[cfg(feature = "embedded")]
        Command::Dev(it) => dev::run(it, &arguments.log).await,
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Migrate(arguments) => migrate::run(arguments).await,
        Command::Bootstrap(arguments) => bootstrap::run(arguments).await,
        Command::OperatorKey(arguments) => operator_key::run(arguments).await,
        Command::Apply(arguments) => apply::run(arguments).await,
        Command::Config(arguments) => configuration::run(&config, arguments, &definition(), problems),
        Command::Doctor(arguments) => doctor::run(arguments).await,
        Command::Docs(arguments) => docs::run(&arguments),
        Command::Completion(arguments) => completion::completion(&arguments, definition()),
        Command::Man(arguments) => completion::man(&arguments, definition()),
        Command::Audit(arguments) => audit::run(arguments).await,
        Command::Tenant(arguments) => tenant::run(arguments).await,
        Command::Token(arguments) => token::run(arguments).await,
        Command::OauthClient(arguments) => oauth_client::run(arguments).await,
        Command::SetupLink(arguments) => setup_link::run(arguments).await,
        Command::SigningKey(arguments) => signing_key::run(arguments).await,
        Command::Schema(arguments) => schema::run(arguments).await,
        Command::ResourceType(arguments) => resource_type::run(arguments).await,
        Command::Client(arguments) => scim_client::run(arguments).await,
        Command::Job(arguments) => job::run(arguments).await,
        Command::Plugin(arguments) => plugin::run(arguments).await,
        Command::Mapping(arguments) => mapping::run(arguments).await,
        Command::DirectorySchema(arguments) => directory_schema::run(arguments).await,
        Command::GroupRules(arguments) => group_rules::run(arguments).await,
        Command::Log(arguments) => provisioning_log::run(arguments).await,
        Command::Status(arguments) => status::run(arguments).await,
        Command::Explain(arguments) => explain::run(arguments).await,
        Command::Held(arguments) => held::run(arguments).await,
        Command::Directory(arguments) => directory::run(arguments).await,
        Command::Simulate(arguments) => simulate::run(arguments).await,
    }
}

fn fail(failure: &Failure, as_json: bool) -> ExitCode {
    use std::io::Write as _;
    // If standard error is closed, the exit status is all that is left.
    let _ = writeln!(std::io::stderr(), "{}", failure.text(as_json));
    ExitCode::from(failure.status)
}

#[cfg(test)]
mod tests;
