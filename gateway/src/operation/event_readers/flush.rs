//! Stores how far the events were read.

use crate::operation::context::Gateway;
use crate::store::Error;

/// Stores what is noted. What cannot be stored is noted again with the next read.
///
/// # Errors
/// The database is unavailable; the positions of other tenants are stored.
pub async fn write(gateway: &Gateway) -> Result<(), Error> {
    let (now, mut outcome) = (gateway.clock.now(), Ok(()));
    for (tenant, positions) in gateway.event_readers.take() {
        match gateway.store.tenant(tenant).keep_reader_positions(&positions, now).await {
            // There is nobody any more to whom they matter.
            Ok(()) | Err(Error::Deleted { .. }) => {}
            Err(error) => outcome = Err(error),
        }
    }
    outcome
}
