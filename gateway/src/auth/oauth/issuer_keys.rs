//! The keys of other issuers, as this process has read them: fresh for ten minutes, and used for a day where they cannot be read
//! again. An address is read at most once in thirty seconds, whatever tokens say.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use jsonwebtoken::{DecodingKey, Header};
use moka::future::Cache;
use tokio::sync::Mutex;

use super::fetch::{self, FetchRules, Fetcher};
use super::key_set::{self, KeySet};
use crate::clock::Clock;
use crate::telemetry;

/// How long keys are used without reading them again.
const FRESH_FOR: Duration = Duration::from_mins(10);
/// How long known keys are used while they cannot be read again.
const STALE_FOR: Duration = Duration::from_hours(24);
/// How often one address is read at most.
const FETCH_INTERVAL: Duration = Duration::from_secs(30);
/// Addresses whose keys are kept.
const MAX_ISSUERS: u64 = 1_000;

/// Why keys are not there.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// They cannot be read.
    #[error("the keys at {uri} cannot be read")]
    Fetch {
        /// Where they should be.
        uri: String,
        /// Why.
        #[source]
        source: Arc<fetch::Error>,
    },
    /// They are not keys.
    #[error("what is at {uri} is not usable: {why}")]
    Keys {
        /// Where they should be.
        uri: String,
        /// Why.
        why: key_set::Error,
    },
    /// They could not be read a moment ago.
    #[error("the keys at {uri} could not be read {} s ago or less", FETCH_INTERVAL.as_secs())]
    Lately {
        /// Where they should be.
        uri: String,
    },
}

#[derive(Default)]
struct Entry {
    keys: Option<(Arc<KeySet>, SystemTime)>,
    tried_at: Option<SystemTime>,
}

/// The keys by their addresses.
#[derive(Clone)]
pub(super) struct IssuerKeys {
    clock: Clock,
    rules: Arc<OnceLock<FetchRules>>,
    fetcher: Arc<OnceLock<Fetcher>>,
    entries: Cache<String, Arc<Mutex<Entry>>>,
}

impl IssuerKeys {
    pub(super) fn new(clock: Clock) -> Self {
        let entries = Cache::builder().max_capacity(MAX_ISSUERS).build();
        Self { clock, rules: Arc::default(), fetcher: Arc::default(), entries }
    }

    pub(super) fn set_rules(&self, rules: FetchRules) {
        let _ = self.rules.set(rules);
    }

    /// The key that a header names, among those at an address.
    ///
    /// # Errors
    /// It is not known, and the keys cannot be read.
    pub(super) async fn find(&self, uri: &str, header: &Header) -> Result<Option<DecodingKey>, Error> {
        let entry = self.entries.get_with_by_ref(uri, async { Arc::default() }).await;
        // Held while keys are read, so that they are read once.
        let mut entry = entry.lock().await;
        let now = self.clock.now();
        let within = |at: SystemTime, time: Duration| now.duration_since(at).unwrap_or_default() < time;
        let known = |entry: &Entry, age: Duration| {
            let (keys, _) = entry.keys.as_ref().filter(|(_, read_at)| within(*read_at, age))?;
            keys.find(header).cloned()
        };
        if let Some(key) = known(&entry, FRESH_FOR) {
            return Ok(Some(key));
        }
        let may_read = !entry.tried_at.is_some_and(|at| within(at, FETCH_INTERVAL));
        let failure = if may_read {
            entry.tried_at = Some(now);
            match self.read(uri).await {
                Ok(keys) => {
                    entry.keys = Some((Arc::new(keys), now));
                    None
                }
                Err(error) => {
                    tracing::warn!(error = %telemetry::chain(&error), "an issuer's keys cannot be read");
                    Some(error)
                }
            }
        } else {
            None
        };
        let is_fresh = entry.keys.as_ref().is_some_and(|(_, read_at)| within(*read_at, FRESH_FOR));
        match known(&entry, STALE_FOR) {
            Some(key) => Ok(Some(key)),
            // The issuer's list is at hand, and has no such key.
            None if is_fresh => Ok(None),
            None => Err(failure.unwrap_or_else(|| Error::Lately { uri: uri.to_owned() })),
        }
    }

    async fn read(&self, uri: &str) -> Result<KeySet, Error> {
        let failed = |source| Error::Fetch { uri: uri.to_owned(), source: Arc::new(source) };
        let text = self.fetcher().map_err(failed)?.get(uri).await.map_err(failed)?;
        KeySet::parse(&text).map_err(|why| Error::Keys { uri: uri.to_owned(), why })
    }

    /// Set up when it is first needed: most installations have no issuers.
    fn fetcher(&self) -> Result<&Fetcher, fetch::Error> {
        if let Some(fetcher) = self.fetcher.get() {
            return Ok(fetcher);
        }
        let new = Fetcher::new(self.rules.get().cloned().unwrap_or_default())?;
        Ok(self.fetcher.get_or_init(|| new))
    }
}
