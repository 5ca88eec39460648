//! `scimgate bootstrap`: the first operator key.

use scimgate::auth::token::{Kind, Token};
use scimgate::clock::Clock;
use scimgate::store;
use scimgate::store::Store;
use scimgate::tenant::TenantId;
use uuid::Uuid;

use crate::failure::Failure;
use crate::migrate::Database;
use crate::output::print;

/// The database.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    database: Database,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let store = store::connect(&arguments.database.database_url, 1)?;
    match first_key(&store, &Clock::system()).await {
        Ok(key) => {
            print(&format!("Operator key (shown only once): {}", key.reveal()));
            Ok(())
        }
        Err(store::Error::Duplicate { .. }) => Err(Failure::new(
            "the first operator key exists already; it was shown when it was created and cannot be shown again",
        )),
        Err(error) => Err(error.into()),
    }
}

/// Creates and stores the first operator key.
///
/// # Errors
/// [`store::Error::Duplicate`] if there is one already.
pub(super) async fn first_key(store: &Store, clock: &Clock) -> Result<Token, store::Error> {
    let key = Token::generate(Kind::Operator, TenantId(Uuid::nil()));
    store.control().insert_operator_key(clock.new_id(), &key.digest(), key.last_four(), true, clock.now()).await?;
    Ok(key)
}
