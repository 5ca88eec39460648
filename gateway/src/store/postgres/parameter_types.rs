//! The types of the parameters of statements that are sent unnamed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;
use tokio_postgres::types::Type;

/// What was found out once for all connections. The code has a bounded number of statements.
#[derive(Debug, Default)]
pub(in crate::store::postgres) struct ParameterTypes(Mutex<HashMap<String, Arc<[Type]>>>);

impl ParameterTypes {
    /// The types of a statement's parameters.
    pub(in crate::store::postgres) async fn of(
        &self,
        client: &mut ClientWrapper,
        sql: &str,
    ) -> Result<Arc<[Type]>, Error> {
        let known = self.lock().get(sql).cloned();
        if let Some(types) = known {
            return Ok(types);
        }
        let types = describe(client, sql).await?;
        self.lock().insert(sql.to_owned(), Arc::clone(&types));
        Ok(types)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<[Type]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prepares the statement and drops it again in one transaction, so on one connection to the server. It is planned only when it runs, so
/// the role does not matter. A caller that is dropped meanwhile rolls it back.
async fn describe(client: &mut ClientWrapper, sql: &str) -> Result<Arc<[Type]>, Error> {
    let transaction = client.transaction().await?;
    let types = Arc::from(transaction.prepare(sql).await?.params());
    transaction.commit().await?;
    Ok(types)
}
