//! `scimgate bootstrap`: the first operator key, and another one in its place where it is lost.

use std::fmt::Write as _;

use scimgate::auth::token::Token;
use scimgate::clock::Clock;
use scimgate::operation::admin::operator_keys;
use scimgate::store;
use scimgate::store::operator_key::{OperatorKey, OperatorScope};
use scimgate::store::postgres::pooler::CONNECTIONS;
use serde_json::{Value, json};

use crate::audit;
use crate::failure::Failure;
use crate::migrate::{Database, require_schema};
use crate::output::{Output, printable};

/// The database, and what becomes of earlier keys.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    database: Database,
    /// Create another key in place of the first one, which is revoked.
    #[arg(long)]
    replace: bool,
    /// Revoke all other operator keys as well.
    #[arg(long, requires = "replace")]
    revoke_others: bool,
    /// How to print the key.
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let store = arguments.database.open(1)?;
    arguments.database.check_pooler(&store, CONNECTIONS).await?;
    require_schema(&store).await?;
    let control = store.control();
    let clock = Clock::system();
    let secret = operator_keys::secret();
    let key = first_key(&clock, &secret);
    let change = if arguments.replace { "operator-key.replace" } else { "operator-key.bootstrap" };
    let entry = audit::record(&clock, "bootstrap", change, &key.id.to_string()).after(&operator_keys::recorded(&key));
    let audited = control.clone().audited(entry);
    let made = if arguments.replace {
        audited.replace_bootstrap_key(&key, &secret.digest(), arguments.revoke_others).await
    } else {
        audited.insert_operator_key(&key, &secret.digest()).await
    };
    match made {
        Ok(()) => {}
        Err(store::Error::Duplicate { .. }) => {
            return Err(Failure::new(
                "the first operator key exists already; it was shown when it was created and cannot be shown again. \
                 If it is lost, `scimgate bootstrap --replace` revokes it and creates another",
            ));
        }
        Err(error) => return Err(error.into()),
    }
    let keys = if arguments.replace { control.operator_keys().await? } else { Vec::new() };
    let others: Vec<&OperatorKey> = keys.iter().filter(|it| it.id != key.id && it.is_accepted(clock.now())).collect();
    let mut sentence = format!("Operator key (shown only once): {}", secret.reveal());
    if arguments.replace {
        sentence += &what_remains(&others);
    }
    let others: Vec<Value> = others.iter().map(|key| json!({ "id": key.id, "label": key.label })).collect();
    let made = json!({ "id": key.id, "key": secret.reveal(), "stillAccepted": others });
    Ok(arguments.output.told(&sentence, &made)?)
}

fn first_key(clock: &Clock, secret: &Token) -> OperatorKey {
    OperatorKey {
        id: clock.new_id(),
        label: "bootstrap".to_owned(),
        scopes: vec![OperatorScope::Everything],
        last_four: secret.last_four().to_owned(),
        bootstrap: true,
        created_at: clock.now(),
        created_by: Some("bootstrap".to_owned()),
        // It is the way in: it ends when it is revoked.
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    }
}

/// Keys that whoever lost the first one may have lost as well.
fn what_remains(others: &[&OperatorKey]) -> String {
    if others.is_empty() {
        return "\nNo other operator key is accepted.".to_owned();
    }
    let mut text =
        "\nThe key before is revoked. These others are still accepted; --revoke-others would revoke them as well:"
            .to_owned();
    for key in others {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.word()).collect();
        let (scopes, label) = (scopes.join(", "), printable(&key.label));
        let _ = write!(text, "\n  {}  ends in {}  {scopes}  {label}", key.id, key.last_four);
    }
    text
}
