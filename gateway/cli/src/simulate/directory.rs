//! Whether the product's directory is compared as well, which is decided before the simulation starts.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use scimgate::auth::token::{Kind, Token};
use scimgate::telemetry::chain;
use scimgate_simulate::{BaseUrl, Directory, Secret, check_directory_access};

use crate::failure::Failure;
use crate::local_dev::LocalDev;

/// How to read the directory.
#[derive(Debug, Args)]
pub(super) struct DirectoryOptions {
    /// The internal listener of a Scimgate, to compare what the product sees; needs a directory key.
    #[arg(
        long,
        env = "SCIMGATE_ADMIN_URL",
        value_name = "URL",
        help_heading = "Directory",
        default_value = "http://127.0.0.1:8081"
    )]
    admin_url: String,
    #[command(flatten)]
    key: Key,
}

/// A directory key as clap parses it.
#[derive(Debug, Args)]
struct KeyArgument {
    /// The tenant's directory key. Without it only SCIM is compared, and also if the key in the environment belongs to
    /// another tenant than the token or is not accepted.
    #[arg(
        long,
        env = "SCIMGATE_DIRECTORY_KEY",
        value_name = "KEY",
        help_heading = "Directory",
        hide_env_values = true
    )]
    directory_key: Option<Secret>,
}

/// A directory key, and whether it was given as an option. One in the environment may be meant for other commands.
#[derive(Debug)]
struct Key {
    secret: Option<Secret>,
    is_explicit: bool,
}

impl FromArgMatches for Key {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let is_explicit = matches.value_source("directory_key") == Some(ValueSource::CommandLine);
        Ok(Self { secret: KeyArgument::from_arg_matches(matches)?.directory_key, is_explicit })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        Self::from_arg_matches(matches).map(|key| *self = key)
    }
}

impl Args for Key {
    fn augment_args(command: Command) -> Command {
        KeyArgument::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        KeyArgument::augment_args_for_update(command)
    }
}

/// Why the directory cannot be compared, and how to change that.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(
        "the token is not a Scimgate token, so its server has no directory; if it has one, pass its key with --directory-key"
    )]
    ForeignToken,
    #[error("SCIMGATE_DIRECTORY_KEY is not a directory key; `scimgate token issue` issues one with --scope directory")]
    NotAKey,
    #[error(
        "the directory key belongs to another tenant than the token; `scimgate token issue` issues one with --scope directory"
    )]
    OtherTenant,
    #[error("--admin-url (SCIMGATE_ADMIN_URL) must be a URL like http://127.0.0.1:8081")]
    Address(#[source] scimgate_simulate::Error),
    #[error(
        "the directory cannot be read; --admin-url (SCIMGATE_ADMIN_URL) must be the internal listener of the token's gateway"
    )]
    Inaccessible(#[source] scimgate_simulate::Error),
}

impl DirectoryOptions {
    /// The directory to compare, if any, or a note that says why there is none. An explicit key must be accepted.
    pub(super) async fn open(
        &self,
        token: &Secret,
        dev: Option<LocalDev>,
    ) -> Result<(Option<Directory>, Option<String>), Failure> {
        if let Some(dev) = dev.filter(|_| self.key.secret.is_none()) {
            let address = format!("{}/directory/v1", dev.admin_url);
            let base_url = BaseUrl::parse(&address).map_err(Error::Address)?;
            return Ok((Some(Directory { base_url, key: Secret::from(dev.directory_key) }), None));
        }
        let Some(key) = self.key.secret.as_ref().filter(|key| !key.is_empty()) else { return Ok((None, None)) };
        match self.check(token, key).await {
            Ok(directory) => Ok((Some(directory), None)),
            Err(error) if self.key.is_explicit => Err(Failure::usage(format!("--directory-key: {}", chain(&error)))),
            Err(error) => Ok((None, Some(format!("The directory was not compared: {}.", chain(&error))))),
        }
    }

    async fn check(&self, token: &Secret, key: &Secret) -> Result<Directory, Error> {
        check_tenant(token, key, self.key.is_explicit)?;
        let directory = self.directory(key)?;
        check_directory_access(&directory).await.map_err(Error::Inaccessible)?;
        Ok(directory)
    }

    fn directory(&self, key: &Secret) -> Result<Directory, Error> {
        let address = format!("{}/directory/v1", self.admin_url.trim().trim_end_matches('/'));
        Ok(Directory { base_url: BaseUrl::parse(&address).map_err(Error::Address)?, key: key.clone() })
    }
}

/// Checks that a key belongs to the token's tenant. Secrets in an unknown form are accepted only with an explicit key.
fn check_tenant(token: &Secret, key: &Secret, is_explicit: bool) -> Result<(), Error> {
    let parse = |secret: &Secret, kind| Token::parse(secret.reveal()).filter(|it| it.kind == kind);
    match (parse(token, Kind::Scim), parse(key, Kind::Directory)) {
        (Some(token), Some(key)) if token.tenant == key.tenant => Ok(()),
        (Some(_), Some(_)) => Err(Error::OtherTenant),
        _ if is_explicit => Ok(()),
        (None, _) => Err(Error::ForeignToken),
        (Some(_), None) => Err(Error::NotAKey),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use scimgate::tenant::TenantId;
    use uuid::Uuid;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        directory: DirectoryOptions,
    }

    #[test]
    fn the_directory_is_below_the_internal_listener_and_an_option_is_explicit() {
        let Line { directory } =
            Line::try_parse_from(["x", "--admin-url", "http://gw:8081/", "--directory-key", "sgd_1"]).unwrap();
        assert!(directory.key.is_explicit);
        let key = directory.key.secret.clone().unwrap();
        assert_eq!(directory.directory(&key).unwrap().base_url.as_str(), "http://gw:8081/directory/v1");
    }

    #[test]
    fn a_key_from_the_environment_must_belong_to_the_tokens_tenant() {
        let make =
            |kind, tenant| Secret::from(Token::generate(kind, TenantId(Uuid::from_u128(tenant))).reveal().to_owned());
        let foreign = || Secret::from("eyJ0b2tlbiI6Im9mIG90aGVycyJ9".to_owned());
        let other = "another tenant";
        let cases = [
            (make(Kind::Scim, 1), make(Kind::Directory, 1), [None, None]),
            (make(Kind::Scim, 1), make(Kind::Directory, 2), [Some(other), Some(other)]),
            (make(Kind::Scim, 1), make(Kind::Scim, 1), [Some("not a directory key"), None]),
            (make(Kind::Scim, 1), foreign(), [Some("not a directory key"), None]),
            (foreign(), make(Kind::Directory, 1), [Some("not a Scimgate token"), None]),
        ];
        for (number, (token, key, expected)) in cases.into_iter().enumerate() {
            for (is_explicit, expected) in [false, true].into_iter().zip(expected) {
                let error = check_tenant(&token, &key, is_explicit).err().map(|error| error.to_string());
                match (error, expected) {
                    (None, None) => (),
                    (Some(error), Some(words)) => assert!(error.contains(words), "{number} {is_explicit}: {error}"),
                    other => panic!("{number} {is_explicit}: {other:?}"),
                }
            }
        }
    }
}
