//! The memory that bodies and replies take in this process. A body and a page have a limit each; all of them together have one,
//! of which a tenant may have half. Who needs more than the rest waits for a moment, and then is refused.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Row, RowStream};

use crate::store::error::Error;
use crate::tenant::TenantId;
use crate::tenant::in_use::InUse;

/// Longest page in bytes, as the database sends it.
pub const MAX_PAGE_BYTES: usize = 16 << 20;
/// Bytes of a page that are not counted: there are no more such pages than connections to the database.
const UNCOUNTED_BYTES: usize = 512 << 10;
/// How often a counted byte is in memory at once: as a row, as a document, in its own text, in the reply's.
const COPIES: usize = 4;
/// Bytes of a body that are not counted: a tenant has few requests at once.
const UNCOUNTED_BODY_BYTES: usize = 16 << 10;
/// The memory of a parsed body for each byte of its text: a list of digits takes most.
const PARSED_BYTES_PER_BYTE: usize = 64;
/// The most that a parsed body counts: the number of its values has a limit, too.
const MAX_PARSED_BYTES: usize = 64 << 20;
/// What is counted, in bytes.
const UNIT: usize = 256 << 10;
/// Memory for all tenants, in bytes, unless set.
const DEFAULT_BYTES: usize = 256 << 20;
/// How long a reader waits for memory. It holds a connection to the database meanwhile.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// The memory of a process for bodies and replies.
pub struct Memory {
    units: usize,
    of_all: Arc<Semaphore>,
    tenants: InUse<TenantId, Semaphore>,
}

/// What one request holds of it, until it is dropped.
#[derive(Clone)]
pub struct Account {
    memory: Arc<Memory>,
    tenant: Arc<Semaphore>,
    held: Arc<Mutex<Vec<OwnedSemaphorePermit>>>,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(DEFAULT_BYTES)
    }
}

impl Memory {
    /// So many bytes, at least enough for the longest page of two tenants and the members of its groups.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let units = (bytes.max(2 * 2 * COPIES * MAX_PAGE_BYTES)) / UNIT;
        Self { units, of_all: Arc::new(Semaphore::new(units)), tenants: InUse::default() }
    }

    /// All bytes, and how many of them are free.
    pub(in crate::store) fn figures(&self) -> (usize, usize) {
        (self.units * UNIT, self.of_all.available_permits() * UNIT)
    }

    /// An account for a request of a tenant.
    pub(in crate::store) fn account(self: &Arc<Self>, tenant: TenantId) -> Account {
        let of_tenant = self.tenants.get(tenant, |_| true, || Semaphore::new(self.units / 2));
        Account { memory: Arc::clone(self), tenant: of_tenant, held: Arc::default() }
    }
}

impl Account {
    /// Holds memory for texts of so many bytes.
    ///
    /// # Errors
    /// [`Error::Memory`] where it does not become free in time.
    pub async fn hold(&self, bytes: usize) -> Result<(), Error> {
        self.grow(0, units(bytes)).await
    }

    /// Holds memory for a body of so many bytes and the values in it.
    ///
    /// # Errors
    /// [`Error::Memory`] where it does not become free in time.
    pub async fn hold_parsed(&self, bytes: usize) -> Result<(), Error> {
        if bytes <= UNCOUNTED_BODY_BYTES {
            return Ok(());
        }
        let parsed = bytes.saturating_mul(PARSED_BYTES_PER_BYTE).min(MAX_PARSED_BYTES);
        self.grow(0, parsed.div_ceil(UNIT)).await
    }

    /// Holds what `to` units are more than `from`.
    async fn grow(&self, from: usize, to: usize) -> Result<(), Error> {
        let Some(more) = u32::try_from(to.saturating_sub(from)).ok().filter(|more| *more > 0) else { return Ok(()) };
        let take = async {
            // The tenant's first: it must not hold what others could have while it waits for its own.
            let of_tenant = Arc::clone(&self.tenant).acquire_many_owned(more).await?;
            let of_all = Arc::clone(&self.memory.of_all).acquire_many_owned(more).await?;
            Ok::<_, tokio::sync::AcquireError>([of_tenant, of_all])
        };
        if let Ok(Ok(permits)) = tokio::time::timeout(MAX_WAIT, take).await {
            self.held.lock().unwrap_or_else(PoisonError::into_inner).extend(permits);
            return Ok(());
        }
        let is_own = self.tenant.available_permits() < to - from;
        Err(Error::Memory { bytes: if is_own { self.memory.units / 2 } else { self.memory.units } * UNIT })
    }

    /// The rows of an answer, held as they arrive.
    ///
    /// # Errors
    /// [`Error::TooLong`] beyond the longest page, [`Error::Memory`] as above.
    pub(in crate::store) async fn collect(&self, doing: &'static str, rows: RowStream) -> Result<Vec<Row>, Error> {
        let mut rows = std::pin::pin!(rows);
        let mut collected = Ok(Vec::new());
        let (mut bytes, mut held) = (0, 0);
        // After a refusal the rest is read and dropped: the next batch on this connection, perhaps another tenant's, would
        // otherwise wait for it.
        while let Some(row) = rows.try_next().await.map_err(|source| Error::from_driver(doing, source))? {
            let Ok(kept) = &mut collected else { continue };
            bytes += row.raw_size_bytes();
            let wanted = units(bytes);
            if bytes > MAX_PAGE_BYTES {
                collected = Err(Error::TooLong { fit: Some(kept.len()) });
            } else if let Err(refused) = self.grow(held, wanted).await {
                collected = Err(refused);
            } else {
                held = wanted;
                kept.push(row);
            }
        }
        collected
    }
}

/// What a page or a body of so many bytes counts.
fn units(bytes: usize) -> usize {
    if bytes <= UNCOUNTED_BYTES { 0 } else { bytes.saturating_mul(COPIES).div_ceil(UNIT) }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const MIB: usize = 1 << 20;

    #[tokio::test(start_paused = true)]
    async fn a_tenant_has_half_of_the_memory_and_gives_it_back() {
        let memory = Arc::new(Memory::new(256 * MIB));
        let account = |tenant: u128| memory.account(TenantId(Uuid::from_u128(tenant)));
        let first = account(1);
        // Four copies of 32 MiB are half of 256.
        first.hold(16 * MIB).await.unwrap();
        first.hold(16 * MIB).await.unwrap();
        let refused = account(1).hold(MIB).await.unwrap_err();
        assert!(matches!(refused, Error::Memory { bytes } if bytes == 128 * MIB), "{refused:?}");
        account(1).hold(UNCOUNTED_BYTES).await.unwrap();
        let second = account(2);
        second.hold(32 * MIB).await.unwrap();
        assert!(account(3).hold(MIB).await.is_err(), "all of it is used");
        let moved = first.clone();
        drop(first);
        assert!(account(1).hold(MIB).await.is_err());
        drop(moved);
        account(1).hold(MIB).await.unwrap();
        account(3).hold(MIB).await.unwrap();
    }
}
