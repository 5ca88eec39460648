//! `scimgate operator-key`: issue, list and revoke operator keys.

use reqwest::Method;
use serde_json::json;

use crate::client::OperatorOptions;
use crate::failure::Failure;
use crate::output::Column;
use scimgate::store::operator_key::MAX_LISTED_KEYS;

const LISTED: [Column; 9] = [
    ("id", "/id"),
    ("state", "/state"),
    ("scopes", "/scopes"),
    ("ends in", "/lastFour"),
    ("created", "/createdAt"),
    ("expires", "/expiresAt"),
    ("last used", "/lastUsedAt"),
    ("made by", "/createdBy"),
    ("label", "/label"),
];

const ISSUED: [Column; 5] =
    [("id", "/id"), ("scopes", "/scopes"), ("label", "/label"), ("expires", "/expiresAt"), ("secret", "/secret")];

/// What to do with operator keys.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Issue a key and print its secret, once.
    Issue(Issue),
    /// List the keys, without their secrets.
    List,
    /// Revoke a key: every replica refuses it within a second.
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct Issue {
    /// What the key may do. `tenants` and `plugins` include what they need to read; repeat it for several.
    #[arg(long = "scope", value_enum, required = true)]
    scopes: Vec<Scope>,
    /// What the key is for.
    #[arg(long, default_value = "")]
    label: String,
    /// Its validity in days [default: 365].
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Scope {
    /// Read everything but secrets.
    Read,
    /// Read, and change tenants and what belongs to them.
    Tenants,
    /// Read and change plugins.
    Plugins,
    /// All of that, and change operator keys.
    Everything,
}

impl Scope {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Tenants => "tenants",
            Self::Plugins => "plugins",
            Self::Everything => "everything",
        }
    }
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// The key's id, as `scimgate operator-key list` shows it.
    id: String,
    /// Revoke it also if it is the key in use, or the last that may do everything.
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    let keys = client.path(&["operator-keys"])?;
    match arguments.command {
        Command::Issue(it) => {
            let scopes: Vec<&str> = it.scopes.iter().map(|scope| scope.name()).collect();
            let wanted = json!({ "scopes": scopes, "label": it.label, "expiresInDays": it.expires_in_days });
            output.record(&client.put(Method::POST, &keys, &wanted).await?, &ISSUED)?;
            Ok(output.say("\nThe secret is shown only once.")?)
        }
        Command::List => Ok(output.at_most(&client.get(&keys).await?, "operatorKeys", &LISTED, MAX_LISTED_KEYS)?),
        Command::Revoke(it) => {
            let query = if it.yes { "?confirm=true" } else { "" };
            client.delete(&format!("{}{query}", client.path(&["operator-keys", &it.id])?)).await?;
            Ok(output.say(&format!("The operator key {} is revoked.", it.id))?)
        }
    }
}
