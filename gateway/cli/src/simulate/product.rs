//! The product's side: whether the directory is compared, which is decided before anything is sent.

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::failure::Failure;
use scimgate::auth::token::{Kind, Token};
use scimgate::telemetry::chain;
use scimgate_simulate::address::Base;
use scimgate_simulate::secret::Secret;
use scimgate_simulate::{Directory, directory};

/// Where the product reads.
#[derive(Debug, Args)]
pub(super) struct Product {
    /// Where a Scimgate's internal listener is, to compare what the product sees; with a directory key.
    #[arg(long, env = "SCIMGATE_ADMIN_URL", default_value = "http://127.0.0.1:8081")]
    admin_url: String,
    #[command(flatten)]
    key: Key,
}

/// A directory key as clap reads it.
#[derive(Debug, Args)]
struct Written {
    /// The tenant's directory key. Without it only SCIM is compared; so it is where the environment's is of another tenant
    /// than the token, or opens nothing.
    #[arg(long, env = "SCIMGATE_DIRECTORY_KEY", hide_env_values = true)]
    directory_key: Option<Secret>,
}

/// A directory key, and whether somebody meant it for this simulation: an environment holds a key for other commands, too.
#[derive(Debug)]
struct Key {
    secret: Option<Secret>,
    told: bool,
}

impl FromArgMatches for Key {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let told = matches.value_source("directory_key") == Some(ValueSource::CommandLine);
        Ok(Self { secret: Written::from_arg_matches(matches)?.directory_key, told })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        Self::from_arg_matches(matches).map(|key| *self = key)
    }
}

impl Args for Key {
    fn augment_args(command: Command) -> Command {
        Written::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Written::augment_args_for_update(command)
    }
}

/// Why the directory cannot be compared, and what would help.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error(
        "the token is of no Scimgate, and so has no directory; one that is its own all the same is compared with --directory-key"
    )]
    ForeignToken,
    #[error("SCIMGATE_DIRECTORY_KEY holds no directory key; `scimgate token issue` makes one with --scope directory")]
    NoKey,
    #[error(
        "the directory key is of another tenant than the token; `scimgate token issue` makes one for the token's with --scope directory"
    )]
    OtherTenant,
    #[error("--admin-url (SCIMGATE_ADMIN_URL) takes an address like http://127.0.0.1:8081")]
    Address(#[source] scimgate_simulate::Error),
    #[error(
        "the directory cannot be read; --admin-url (SCIMGATE_ADMIN_URL) must lead to the internal listener of the token's gateway"
    )]
    Closed(#[source] scimgate_simulate::Error),
}

impl Product {
    /// The directory to compare with, if any, or a note that says why there is none. A key that was told for this simulation
    /// must open one.
    pub(super) async fn open(&self, token: &Secret) -> Result<(Option<Directory>, Option<String>), Failure> {
        let Some(key) = self.key.secret.as_ref().filter(|key| !key.is_empty()) else { return Ok((None, None)) };
        match self.look(token, key).await {
            Ok(directory) => Ok((Some(directory), None)),
            Err(unfit) if self.key.told => Err(Failure::usage(format!("--directory-key: {}", chain(&unfit)))),
            Err(unfit) => Ok((None, Some(format!("The directory was not compared: {}.", chain(&unfit))))),
        }
    }

    async fn look(&self, token: &Secret, key: &Secret) -> Result<Directory, Unfit> {
        fits(token, key, self.key.told)?;
        let directory = self.directory(key)?;
        directory::open(&directory).await.map_err(Unfit::Closed)?;
        Ok(directory)
    }

    fn directory(&self, key: &Secret) -> Result<Directory, Unfit> {
        let address = format!("{}/directory/v1", self.admin_url.trim().trim_end_matches('/'));
        Ok(Directory { base: Base::parse(&address).map_err(Unfit::Address)?, key: key.clone() })
    }
}

/// Whether a key can be that of the token's tenant. What cannot be read is taken for right only where it was told.
fn fits(token: &Secret, key: &Secret, told: bool) -> Result<(), Unfit> {
    let read = |secret: &Secret, kind| Token::parse(secret.reveal()).filter(|it| it.kind == kind);
    match (read(token, Kind::Scim), read(key, Kind::Directory)) {
        (Some(token), Some(key)) if token.tenant == key.tenant => Ok(()),
        (Some(_), Some(_)) => Err(Unfit::OtherTenant),
        _ if told => Ok(()),
        (None, _) => Err(Unfit::ForeignToken),
        (Some(_), None) => Err(Unfit::NoKey),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use uuid::Uuid;

    use super::*;
    use scimgate::tenant::TenantId;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        product: Product,
    }

    #[test]
    fn the_directory_is_below_the_internal_listener_and_its_key_is_told() {
        let Line { product } =
            Line::try_parse_from(["x", "--admin-url", "http://gw:8081/", "--directory-key", "sgd_1"]).unwrap();
        assert!(product.key.told);
        let key = product.key.secret.clone().unwrap();
        assert_eq!(product.directory(&key).unwrap().base.as_str(), "http://gw:8081/directory/v1");
    }

    #[test]
    fn a_key_of_the_environment_must_be_of_the_tokens_tenant() {
        let make =
            |kind, tenant| Secret::from(Token::generate(kind, TenantId(Uuid::from_u128(tenant))).reveal().to_owned());
        let foreign = || Secret::from("eyJ0b2tlbiI6Im9mIG90aGVycyJ9".to_owned());
        let same = "another tenant";
        let cases = [
            (make(Kind::Scim, 1), make(Kind::Directory, 1), [None, None]),
            (make(Kind::Scim, 1), make(Kind::Directory, 2), [Some(same), Some(same)]),
            (make(Kind::Scim, 1), make(Kind::Scim, 1), [Some("no directory key"), None]),
            (make(Kind::Scim, 1), foreign(), [Some("no directory key"), None]),
            (foreign(), make(Kind::Directory, 1), [Some("of no Scimgate"), None]),
        ];
        for (number, (token, key, expected)) in cases.into_iter().enumerate() {
            for (told, expected) in [false, true].into_iter().zip(expected) {
                let said = fits(&token, &key, told).err().map(|unfit| unfit.to_string());
                match (said, expected) {
                    (None, None) => (),
                    (Some(said), Some(words)) => assert!(said.contains(words), "{number} {told}: {said}"),
                    other => panic!("{number} {told}: {other:?}"),
                }
            }
        }
    }
}
