//! `scimgate simulate`: simulates an identity provider against any SCIM URL and reports what the server did wrong.

mod arguments;
mod directory;
mod estimate;
mod html;
mod plot;
mod progress;
mod report;
mod summary;

use scimgate_simulate::{Dialect, Error, OktaApp, Options, Progress, Report, Size};

use crate::failure::Failure;
use arguments::{Common, Scope};
use directory::DirectoryOptions;

/// Sizes of one test of limits.
const MAX_SIZES: usize = 100;

/// Which identity provider.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Simulate Microsoft Entra ID: Test Connection, the initial cycle, incremental cycles and provisioning on demand; then
    /// read everything back and compare.
    ///
    /// Everything that was created is deleted at the end.
    Entra(Entra),
    /// Simulate Okta: the connection test, users of an app from the wizard or the catalogue, group push and the import; then
    /// read everything back and compare.
    ///
    /// Users are looked up by userName, created, changed, deactivated and assigned again; Okta never deletes a user. Groups
    /// are pushed by name, with the removed and added members, and with all members at once. The import reads all users,
    /// 100 per page, and their order must be that of the connection test. Everything that was created is deleted at the end.
    Okta(Okta),
    /// Simulate OneLogin: bodies from an administrator's template that declares the schema of SCIM 1.0, users by PUT and by
    /// PATCH, deactivated or deleted; then read everything back and compare.
    ///
    /// The template sends attributes that a user does not have as empty texts. About half of the users have an older
    /// template, without PATCH. Everything that was created is deleted at the end.
    Onelogin(Matching),
    /// Simulate JumpCloud: the activation, which creates a test user and a test group and must leave nothing behind, then
    /// users by PUT and members one by one; then read everything back and compare.
    ///
    /// Members are removed by a list of values, a form that the RFC does not have but Entra uses, too. Everything that was
    /// created is deleted at the end.
    Jumpcloud(Plain),
    /// Simulate PingFederate: users by PUT only, groups looked up by reading all of them and changed by PATCH or PUT; then
    /// read everything back and compare.
    ///
    /// A PUT omits the values that a user lost, which shows whether the server replaces the whole user. Everything that was
    /// created is deleted at the end.
    Ping(Plain),
    /// Simulate Rippling: the server's configuration and schemas determine what is sent, users are looked up by externalId,
    /// and a POST whose response was lost is repeated; then read everything back and compare.
    ///
    /// Every third POST is sent twice and must create one user only. Attributes that are readOnly or missing in the schemas
    /// are not sent. Everything that was created is deleted at the end.
    Rippling(Plain),
    /// Simulate SailPoint: every discovery document one by one, accounts and entitlements by PATCH, and an aggregation of
    /// all users and groups, which must be complete; then read everything back and compare.
    ///
    /// Everything that was created is deleted at the end.
    Sailpoint(Plain),
    /// Send requests that no client should send but some do: filters without quotes, names in the wrong case, nulls, huge
    /// numbers, bodies with a BOM, in chunks, in UTF-16 or truncated.
    ///
    /// A server may refuse or accept each of them, but with a status below 500 and a JSON body, and errors must be in the
    /// form of RFC 7644. One user and one group are created for it. Everything that was created is deleted at the end.
    Garbage(Common),
    /// Test how many members one PATCH may add to a group: 100, 101, 1,000 and 1,001, or the numbers in --sizes.
    ///
    /// As many users are created as the largest size needs. If the server accepts a size, all members must be there; if it
    /// refuses, it must answer 413, state the limit, and leave the group unchanged. Everything that was created is deleted
    /// at the end.
    Limits(Limits),
}

/// The arguments of a simulation of Entra.
#[derive(Debug, clap::Args)]
struct Entra {
    #[command(flatten)]
    matching: Matching,
    /// How a PATCH is written: as Entra does by default, as it does with `aadOptscim062020` in the tenant URL, or a mix of
    /// both. By default the URL decides.
    #[arg(long, value_enum)]
    dialect: Option<Dialect>,
    /// At the end this share of the users falls out of scope, as by a wrong filter, and is deactivated. With --keep, another run with the
    /// same seed corrects the mistake.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=100))]
    lose_scope: u8,
}

/// The arguments of a simulation of Okta.
#[derive(Debug, clap::Args)]
struct Okta {
    #[command(flatten)]
    plain: Plain,
    /// The kind of app.
    #[arg(long, value_enum, default_value_t = OktaApp::Wizard)]
    form: OktaApp,
}

/// The arguments for a provider that can match by either attribute.
#[derive(Debug, clap::Args)]
struct Matching {
    #[command(flatten)]
    plain: Plain,
    /// Match by externalId: Entra tries it if userName finds nothing, OneLogin uses nothing else.
    #[arg(long)]
    match_external_id: bool,
}

/// The arguments for every identity provider.
#[derive(Debug, clap::Args)]
struct Plain {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    directory: DirectoryOptions,
    #[command(flatten)]
    scope: Scope,
}

/// The arguments of a test of limits.
#[derive(Debug, clap::Args)]
struct Limits {
    #[command(flatten)]
    common: Common,
    /// Numbers of members to add at once, each to a group of its own, such as 8000,8001.
    #[arg(
        long,
        num_args = 1..=MAX_SIZES,
        value_delimiter = ',',
        default_values_t = [100, 101, 1_000, 1_001],
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    sizes: Vec<u32>,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Entra(entra) => entra.matching.plain.run("entra", entra.options()?, scimgate_simulate::entra).await,
        Command::Okta(Okta { plain, form }) => {
            let okta = async |options: &Options, progress: &dyn Progress| {
                scimgate_simulate::okta(options, form, progress).await
            };
            plain.run("okta", plain.options()?, okta).await
        }
        Command::Onelogin(matching) => {
            matching.plain.run("onelogin", matching.options()?, scimgate_simulate::onelogin).await
        }
        Command::Jumpcloud(plain) => plain.run("jumpcloud", plain.options()?, scimgate_simulate::jumpcloud).await,
        Command::Ping(plain) => plain.run("ping", plain.options()?, scimgate_simulate::ping).await,
        Command::Rippling(plain) => plain.run("rippling", plain.options()?, scimgate_simulate::rippling).await,
        Command::Sailpoint(plain) => plain.run("sailpoint", plain.options()?, scimgate_simulate::sailpoint).await,
        Command::Garbage(common) => {
            let size = Size { users: 1, groups: 1, members_per_group: 0, cycles: 0 };
            common.run(("garbage", None), &common.options(size)?, scimgate_simulate::garbage).await
        }
        Command::Limits(limits) => {
            let sizes: Vec<usize> =
                limits.sizes.iter().map(|size| usize::try_from(*size).unwrap_or(usize::MAX)).collect();
            let run = async |options: &Options, progress: &dyn Progress| {
                scimgate_simulate::limits(options, &sizes, progress).await
            };
            let options = limits.common.options(scimgate_simulate::limits_size(&sizes))?;
            limits.common.run(("limits", None), &options, run).await
        }
    }
}

impl Entra {
    fn options(&self) -> Result<Options, Failure> {
        let options = self.matching.options()?;
        let by_url = if options.base_url.has_flag() { Dialect::Flag } else { Dialect::Default };
        Ok(Options { dialect: self.dialect.unwrap_or(by_url), lost_percent: self.lose_scope, ..options })
    }
}

impl Matching {
    fn options(&self) -> Result<Options, Failure> {
        Ok(Options { match_external_id: self.match_external_id, ..self.plain.options()? })
    }
}

impl Plain {
    fn options(&self) -> Result<Options, Failure> {
        self.common.options(self.scope.size())
    }

    /// Runs a simulation, and compares the directory if it can be read.
    async fn run(
        &self,
        provider: &str,
        options: Options,
        simulation: impl AsyncFnOnce(&Options, &dyn Progress) -> Result<Report, Error>,
    ) -> Result<(), Failure> {
        let (directory, note) = self.directory.open(&options.token, self.common.dev()).await?;
        self.common.run((provider, note), &Options { directory, ..options }, simulation).await
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn command(provider: &str, written: &[&str]) -> Command {
        let line = ["scimgate", provider, "--token", "t"];
        Line::try_parse_from(line.iter().chain(written)).unwrap().arguments.command
    }

    fn entra(written: &[&str]) -> Options {
        let Command::Entra(entra) = command("entra", written) else { panic!("another command") };
        entra.options().unwrap()
    }

    #[test]
    fn the_url_determines_the_dialect_unless_an_option_does() {
        let plain = ["--url", "https://x.test/scim"];
        let flagged = ["--url", "https://x.test/scim/?aadOptscim062020"];
        assert_eq!(entra(&plain).dialect, Dialect::Default);
        assert_eq!(entra(&flagged).dialect, Dialect::Flag);
        assert_eq!(entra(&[&flagged[..], &["--dialect", "mixed"]].concat()).dialect, Dialect::Mixed);
    }

    #[test]
    fn the_default_okta_app_is_from_the_wizard() {
        let form = |written: &[&str]| {
            let line = ["--url", "https://x.test/scim"];
            let Command::Okta(okta) = command("okta", &[&line[..], written].concat()) else {
                panic!("another command")
            };
            okta.form
        };
        assert_eq!((form(&[]), form(&["--form", "catalogue"])), (OktaApp::Wizard, OktaApp::Catalogue));
    }

    #[test]
    fn every_help_text_mentions_the_clean_up() {
        for provider in Line::command().get_subcommands_mut() {
            let help = provider.render_long_help().to_string();
            let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains("deleted at the end") && words.contains("--seed"), "{help}");
        }
    }
}
