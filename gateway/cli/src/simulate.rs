//! `scimgate simulate`: plays an identity provider against any SCIM URL and tells what the server did wrong.

mod arguments;
mod product;
mod progress;
mod verdict;

use crate::failure::Failure;
use arguments::{Common, Scope};
use product::Product;
use scimgate_simulate::okta::Form;
use scimgate_simulate::{Dialect, Error, Options, Report, Size, Watcher};

/// Which identity provider.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Play Microsoft Entra ID: Test Connection, the initial cycle, incremental cycles, provisioning on demand; then read
    /// everything back and compare. Everything that was made is deleted at the end.
    Entra(Entra),
    /// Play Okta: the connection test, users of an app made by the wizard or of the catalogue, group push, the import; then
    /// read everything back and compare.
    ///
    /// Users are looked for by userName, made, changed, deactivated and assigned again; Okta never deletes one. Groups are
    /// pushed by name, with who left and who came, and with all members at once. The import reads everybody, a hundred at a
    /// time, and the order must be that of the connection test. Everything that was made is deleted at the end.
    Okta(Okta),
    /// Play OneLogin: a body from an administrator's template that declares the schema of SCIM 1.0, users by PUT and by
    /// PATCH, deactivated or deleted; then read everything back and compare.
    ///
    /// Attributes that a user does not have go out as empty texts, as the template says. Every other user has an older
    /// template, which knows no PATCH. Everything that was made is deleted at the end.
    Onelogin(Matched),
    /// Play JumpCloud: the activation, which makes a test user and a test group and must leave nothing behind, and then
    /// users by PUT and members one by one; then read everything back and compare.
    ///
    /// Members are removed by a list of values, which the RFC does not know, as Entra does. Everything that was made is
    /// deleted at the end.
    Jumpcloud(Plain),
    /// Play PingFederate: users by PUT alone, groups looked for by reading all of them and changed by PATCH or PUT; then
    /// read everything back and compare.
    ///
    /// What a user loses at the provider is what the PUT leaves out, so a server that does not replace the whole shows
    /// here. Everything that was made is deleted at the end.
    Ping(Plain),
    /// Play Rippling: the server's configuration and schemas decide what is sent, users are looked for by externalId, and a
    /// POST whose answer got lost is sent again; then read everything back and compare.
    ///
    /// Every third POST is sent twice, and there must be one user all the same. Attributes that the schemas do not have or
    /// that are readOnly are not sent. Everything that was made is deleted at the end.
    Rippling(Plain),
    /// Play SailPoint: every document of discovery one by one, accounts and entitlements by PATCH, and an aggregation of
    /// all users and groups, in which nobody may be left out; then read everything back and compare.
    ///
    /// Everything that was made is deleted at the end.
    Sailpoint(Plain),
    /// Send what no client should send and some do, and look that nothing fails at it: filters without quotes, names in the
    /// wrong case, nulls, huge numbers, bodies with a BOM, in chunks, in UTF-16 or cut off.
    ///
    /// A server may refuse each of these or understand it, but with a status below 500 and an answer in JSON, and errors as
    /// RFC 7644 has them. One user and one group are made for it. Everything that was made is deleted at the end.
    Garbage(Common),
    /// Try how many members one PATCH may add to a group: 100, 101, 8,000 and 8,001, or what --sizes says.
    ///
    /// As many users are made as the largest size has. A size that is accepted must be there whole; one that is refused must
    /// be refused with 413 and a sentence that names the limit, and leave the group as it was. Everything that was made is
    /// deleted at the end.
    Limits(Limits),
}

/// What a simulation of Entra takes.
#[derive(Debug, clap::Args)]
struct Entra {
    #[command(flatten)]
    matched: Matched,
    /// How a PATCH is written: as Entra does by itself, as it does with `aadOptscim062020` in the tenant URL, or the one or
    /// the other for each request. Without this the URL decides.
    #[arg(long, value_enum)]
    dialect: Option<Dialect>,
}

/// What a simulation of Okta takes.
#[derive(Debug, clap::Args)]
struct Okta {
    #[command(flatten)]
    plain: Plain,
    /// Which kind of app speaks.
    #[arg(long, value_enum, default_value_t = Form::Wizard)]
    form: Form,
}

/// What a simulation takes whose client can match by either attribute.
#[derive(Debug, clap::Args)]
struct Matched {
    #[command(flatten)]
    plain: Plain,
    /// Match by externalId: Entra looks for it where it finds no userName, OneLogin looks for nothing else.
    #[arg(long)]
    match_external_id: bool,
}

/// What every simulation of an identity provider takes.
#[derive(Debug, clap::Args)]
struct Plain {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    product: Product,
    #[command(flatten)]
    scope: Scope,
}

/// What a trial of limits takes.
#[derive(Debug, clap::Args)]
struct Limits {
    #[command(flatten)]
    common: Common,
    /// Members to add at once, each to a group of its own.
    #[arg(
        long,
        value_delimiter = ',',
        default_values_t = [100, 101, 8_000, 8_001],
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    sizes: Vec<u32>,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Entra(entra) => entra.matched.plain.play(entra.options()?, scimgate_simulate::entra).await,
        Command::Okta(Okta { plain, form }) => {
            let okta =
                async |options: &Options, watcher: &dyn Watcher| scimgate_simulate::okta(options, form, watcher).await;
            plain.play(plain.options()?, okta).await
        }
        Command::Onelogin(matched) => matched.plain.play(matched.options()?, scimgate_simulate::onelogin).await,
        Command::Jumpcloud(plain) => plain.play(plain.options()?, scimgate_simulate::jumpcloud).await,
        Command::Ping(plain) => plain.play(plain.options()?, scimgate_simulate::ping).await,
        Command::Rippling(plain) => plain.play(plain.options()?, scimgate_simulate::rippling).await,
        Command::Sailpoint(plain) => plain.play(plain.options()?, scimgate_simulate::sailpoint).await,
        Command::Garbage(common) => {
            let size = Size { users: 1, groups: 1, members_per_group: 0, cycles: 0 };
            common.play(&common.options(size)?, None, scimgate_simulate::garbage).await
        }
        Command::Limits(limits) => {
            let sizes: Vec<usize> =
                limits.sizes.iter().map(|size| usize::try_from(*size).unwrap_or(usize::MAX)).collect();
            let try_all = async |options: &Options, watcher: &dyn Watcher| {
                scimgate_simulate::limits(options, &sizes, watcher).await
            };
            limits.common.play(&limits.common.options(scimgate_simulate::limits::size(&sizes))?, None, try_all).await
        }
    }
}

impl Entra {
    fn options(&self) -> Result<Options, Failure> {
        let options = self.matched.options()?;
        let by_url = if options.base.has_flag() { Dialect::Flag } else { Dialect::Default };
        Ok(Options { dialect: self.dialect.unwrap_or(by_url), ..options })
    }
}

impl Matched {
    fn options(&self) -> Result<Options, Failure> {
        Ok(Options { match_external_id: self.match_external_id, ..self.plain.options()? })
    }
}

impl Plain {
    fn options(&self) -> Result<Options, Failure> {
        self.common.options(self.scope.size())
    }

    /// Plays, and compares the directory where there is one to compare.
    async fn play(
        &self,
        options: Options,
        simulation: impl AsyncFnOnce(&Options, &dyn Watcher) -> Result<Report, Error>,
    ) -> Result<(), Failure> {
        let (directory, note) = self.product.open(&options.token).await?;
        self.common.play(&Options { directory, ..options }, note, simulation).await
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
    fn the_url_decides_the_dialect_unless_it_is_told() {
        let plain = ["--url", "https://x.test/scim"];
        let flagged = ["--url", "https://x.test/scim/?aadOptscim062020"];
        assert_eq!(entra(&plain).dialect, Dialect::Default);
        assert_eq!(entra(&flagged).dialect, Dialect::Flag);
        assert_eq!(entra(&[&flagged[..], &["--dialect", "mixed"]].concat()).dialect, Dialect::Mixed);
    }

    #[test]
    fn okta_is_the_wizards_unless_it_is_told() {
        let form = |written: &[&str]| {
            let line = ["--url", "https://x.test/scim"];
            let Command::Okta(okta) = command("okta", &[&line[..], written].concat()) else {
                panic!("another command")
            };
            okta.form
        };
        assert_eq!((form(&[]), form(&["--form", "catalogue"])), (Form::Wizard, Form::Catalogue));
    }

    #[test]
    fn each_simulation_says_what_it_does_and_that_it_cleans_up() {
        for provider in Line::command().get_subcommands_mut() {
            let help = provider.render_long_help().to_string();
            let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains("deleted at the end") && words.contains("--seed"), "{help}");
        }
    }
}
