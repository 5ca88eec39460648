//! `scimgate bootstrap`: the first operator key.

use uuid::Uuid;

use crate::failure::Failure;
use crate::migrate::Database;
use crate::output::print;
use scimgate::auth::token::{Kind, Token};
use scimgate::clock::Clock;
use scimgate::store;
use scimgate::store::Store;
use scimgate::tenant::TenantId;

/// Which database.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    database: Database,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let store = store::connect(&arguments.database.database_url, 1)?;
    match first_key(&store, &Clock::system()).await {
        Ok(key) => {
            print(&format!("Operator key (shown this once): {}", key.reveal()));
            Ok(())
        }
        Err(store::Error::Duplicate { .. }) => Err(Failure::new(
            "there is a first operator key already; it was shown when it was made and cannot be shown again",
        )),
        Err(error) => Err(error.into()),
    }
}

/// Makes and stores the first operator key.
///
/// # Errors
/// [`store::Error::Duplicate`] where there is one.
pub(super) async fn first_key(store: &Store, clock: &Clock) -> Result<Token, store::Error> {
    let key = Token::generate(Kind::Operator, TenantId(Uuid::nil()));
    store.control().insert_operator_key(clock.new_id(), &key.digest(), key.last_four(), true, clock.now()).await?;
    Ok(key)
}
