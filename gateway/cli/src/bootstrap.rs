//! `scimgate bootstrap`: the first operator key, and another one in its place where it is lost.

use scimgate::auth::token::Token;
use scimgate::clock::Clock;
use scimgate::operation::admin::operator_keys;
use scimgate::store;
use scimgate::store::operator_key::{OperatorKey, OperatorScope};

use crate::audit;
use crate::failure::Failure;
use crate::migrate::Database;
use crate::output::{print, printable};

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
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let control = store::connect(&arguments.database.database_url, 1)?.control();
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
        Ok(()) => print(&format!("Operator key (shown only once): {}", secret.reveal())),
        Err(store::Error::Duplicate { .. }) => {
            return Err(Failure::new(
                "the first operator key exists already; it was shown when it was created and cannot be shown again. \
                 If it is lost, `scimgate bootstrap --replace` revokes it and creates another",
            ));
        }
        Err(error) => return Err(error.into()),
    }
    if arguments.replace {
        say_what_remains(&control.operator_keys().await?, &key, &clock);
    }
    Ok(())
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
fn say_what_remains(keys: &[OperatorKey], new: &OperatorKey, clock: &Clock) {
    let remaining: Vec<&OperatorKey> =
        keys.iter().filter(|key| key.id != new.id && key.is_accepted(clock.now())).collect();
    if remaining.is_empty() {
        print("No other operator key is accepted.");
        return;
    }
    print("The key before is revoked. These others are still accepted; --revoke-others would revoke them as well:");
    for key in remaining {
        let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.word()).collect();
        print(&format!("  {}  ends in {}  {}  {}", key.id, key.last_four, scopes.join(", "), printable(&key.label)));
    }
}
