//! `scimgate signing-key`: the keys that sign access tokens.

use reqwest::Method;
use serde_json::json;

use crate::client::OperatorOptions;
use crate::failure::Failure;
use crate::output::Column;

const LISTED: [Column; 5] = [
    ("id", "/id"),
    ("state", "/state"),
    ("created", "/createdAt"),
    ("retired", "/retiredAt"),
    ("revoked", "/revokedAt"),
];

/// What to do with signing keys.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    operator: OperatorOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the keys.
    List,
    /// Sign access tokens by a new key from now on; it happens by itself every thirty days.
    Rotate(Rotate),
}

#[derive(Debug, clap::Args)]
struct Rotate {
    /// Refuse what the other keys signed within seconds; without this it is accepted until it expires.
    #[arg(long)]
    revoke_others: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let (client, output) = arguments.operator.open()?;
    let path = client.path(&["signing-keys"])?;
    match arguments.command {
        Command::List => Ok(output.list(&client.get(&path).await?, "signingKeys", &LISTED)?),
        Command::Rotate(Rotate { revoke_others }) => {
            let made = client.put(Method::POST, &path, &json!({ "revokeOthers": revoke_others })).await?;
            Ok(output.record(&made, &LISTED[..3])?)
        }
    }
}
