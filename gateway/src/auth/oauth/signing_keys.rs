//! The keys that sign access tokens: one signs, older ones are accepted until what they signed has expired. The database keeps
//! them, the private ones encrypted by a key that is derived from the root key.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use jsonwebtoken::{DecodingKey, EncodingKey};
use rand::RngExt as _;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::MAX_TOKEN_LIFE;
use crate::clock::Clock;
use crate::root_key::Keys;
use crate::store::audit::Entry;
use crate::store::oauth::signing_key::SigningKeyRow;
use crate::store::{self, Store};

/// How long a key signs before the next token is signed by a new one.
const SIGNING_KEY_LIFE: Duration = Duration::from_hours(720);
/// How much longer than its last token a retired key is accepted: another process may have signed until its next poll.
const RETIREMENT_MARGIN: Duration = Duration::from_mins(5);
/// What the encrypting key is derived for.
const PURPOSE: &str = "signing keys";

/// Why no key can sign.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The keys cannot be read or stored.
    #[error("the signing keys cannot be read")]
    Store(#[from] store::Error),
    /// A key cannot be made.
    #[error("a signing key cannot be made")]
    Make,
}

/// The number of a read, and how it ended.
type Ended = (u64, Result<(), store::Error>);

#[derive(Clone)]
struct Known {
    id: Uuid,
    row: SigningKeyRow,
    public: DecodingKey,
}

/// The keys of the installation, as this process knows them.
#[derive(Clone)]
pub struct SigningKeys {
    store: Store,
    clock: Clock,
    root: Arc<Keys>,
    known: Arc<RwLock<Arc<[Known]>>>,
    /// Locked during a read, so that there is one at a time. Holds the outcome of the last one that ended.
    reading: Arc<Mutex<Ended>>,
    /// The number of the read that began last.
    begun: Arc<AtomicU64>,
    revocations: Arc<AtomicU64>,
}

impl SigningKeys {
    pub(super) fn new(store: Store, clock: Clock, root: Arc<Keys>) -> Self {
        Self {
            store,
            clock,
            root,
            known: Arc::new(RwLock::new(Arc::from([]))),
            reading: Arc::new(Mutex::new((0, Ok(())))),
            begun: Arc::default(),
            revocations: Arc::default(),
        }
    }

    /// Reads the keys.
    pub async fn reload(&self) -> Result<(), store::Error> {
        let mut last = self.reading.lock().await;
        self.read(&mut last).await
    }

    /// Reads the keys again where this process knows any: one may have been revoked.
    pub async fn reload_known(&self) -> Result<(), store::Error> {
        if self.known().is_empty() { Ok(()) } else { self.reload().await }
    }

    /// Reads the keys once for all that look for an unknown one at the same time.
    pub(super) async fn look_for_new(&self) -> Result<(), store::Error> {
        let before = self.begun.load(Ordering::SeqCst);
        let mut last = self.reading.lock().await;
        // Another one's read that began since then has what was there then, or failed as this one would. Of one that was given up
        // nothing is left.
        if last.0 > before { last.1.clone() } else { self.read(&mut last).await }
    }

    async fn read(&self, last: &mut Ended) -> Result<(), store::Error> {
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let outcome = self.read_rows().await;
        *last = (number, outcome.clone());
        outcome
    }

    async fn read_rows(&self) -> Result<(), store::Error> {
        let rows = self.store.control().signing_keys().await?;
        let is_revoked = |id: Uuid| rows.iter().any(|row| row.id == id && row.revoked_at.is_some());
        if self.known().iter().any(|key| is_revoked(key.id)) {
            self.revocations.fetch_add(1, Ordering::SeqCst);
        }
        let now = self.clock.now();
        let known = |row: SigningKeyRow| Known { id: row.id, public: DecodingKey::from_ed_der(&row.public_key), row };
        let keys: Arc<[Known]> = rows.into_iter().filter(|row| is_accepted(row, now)).map(known).collect();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// How often keys were found to be revoked that this process had known. What they signed may be cached until it is dropped.
    #[must_use]
    pub fn revocations(&self) -> u64 {
        self.revocations.load(Ordering::SeqCst)
    }

    fn known(&self) -> Arc<[Known]> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The public key with an id, if this process knows it.
    pub(super) fn public(&self, id: Uuid) -> Option<DecodingKey> {
        let now = self.clock.now();
        self.known().iter().find(|key| key.id == id && is_accepted(&key.row, now)).map(|key| key.public.clone())
    }

    /// The public keys with their ids.
    pub(super) async fn all_public(&self) -> Result<Vec<(Uuid, Vec<u8>)>, store::Error> {
        if self.known().is_empty() {
            self.reload().await?;
        }
        Ok(self.known().iter().map(|key| (key.id, key.row.public_key.clone())).collect())
    }

    /// The key that signs, with its id. Where there is none, or the newest is too old or was encrypted by another root key, a new
    /// one is made.
    pub(super) async fn signing(&self) -> Result<(Uuid, EncodingKey), Error> {
        for is_last in [false, true] {
            let now = self.clock.now();
            let usable = |key: &&Known| key.row.retired_at.is_none() && now < key.row.created_at + SIGNING_KEY_LIFE;
            let private = |key: &Known| self.open(&key.row).map(|private| (key.id, private));
            if let Some(found) = self.known().iter().filter(usable).find_map(private) {
                return Ok(found);
            }
            if !is_last {
                self.reload().await?;
            }
        }
        let row = self.rotate(false, |_| None).await?;
        self.open(&row).map(|private| (row.id, private)).ok_or(Error::Make)
    }

    /// Whether the root key decrypts the key that signs; none where no key signs.
    pub async fn is_readable(&self) -> Result<Option<bool>, store::Error> {
        self.reload().await?;
        let known = self.known();
        Ok(known.iter().find(|key| key.row.retired_at.is_none()).map(|key| self.open(&key.row).is_some()))
    }

    /// Makes a new key, which signs from now on. What the others signed is accepted until it expires, or not at all.
    /// `record` makes the audit's entry of it, for an operator's change.
    pub async fn rotate(
        &self,
        revoke_others: bool,
        record: impl FnOnce(Uuid) -> Option<Entry>,
    ) -> Result<SigningKeyRow, Error> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| Error::Make)?;
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).map_err(|_| Error::Make)?;
        let id = self.clock.new_id();
        let row = SigningKeyRow {
            id,
            public_key: pair.public_key().as_ref().to_vec(),
            sealed: self.seal(id, pkcs8.as_ref()).ok_or(Error::Make)?,
            created_at: self.clock.now(),
            retired_at: None,
            revoked_at: None,
        };
        let control = self.store.control();
        let control = match record(id) {
            Some(entry) => control.audited(entry),
            None => control,
        };
        control.insert_signing_key(&row, revoke_others).await?;
        self.reload().await?;
        Ok(row)
    }

    /// A nonce and the private key, encrypted for its id.
    fn seal(&self, id: Uuid, private: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_LEN] = rand::rng().random();
        let mut sealed = private.to_vec();
        let key = cipher(self.root.derive(PURPOSE).first()?)?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(id.as_bytes()), &mut sealed)
            .ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// The private key, by the root key or the previous one.
    fn open(&self, row: &SigningKeyRow) -> Option<EncodingKey> {
        let (nonce, sealed) = row.sealed.split_first_chunk::<NONCE_LEN>()?;
        self.root.derive(PURPOSE).iter().find_map(|key| {
            let mut content = sealed.to_vec();
            let aad = Aad::from(row.id.as_bytes());
            let opened = cipher(key)?.open_in_place(Nonce::assume_unique_for_key(*nonce), aad, &mut content).ok()?;
            Some(EncodingKey::from_ed_der(opened))
        })
    }
}

fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

/// Whether what a key signed is accepted.
fn is_accepted(row: &SigningKeyRow, now: SystemTime) -> bool {
    row.revoked_at.is_none() && row.retired_at.is_none_or(|at| now < at + MAX_TOKEN_LIFE + RETIREMENT_MARGIN)
}
