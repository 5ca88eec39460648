//! The operators' keys. Only a digest is stored.

use std::time::SystemTime;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::ControlStore;
use crate::store::error::Error;
use crate::store::postgres::pool::Statement;

/// Most keys that are listed, the newest first.
pub const MAX_LISTED_KEYS: i64 = 500;

/// What an operator key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperatorScope {
    /// Read everything that the admin API shows.
    Read,
    /// Read it, and change tenants and what belongs to them.
    Tenants,
    /// Read and change plugins.
    Plugins,
    /// All of that, and change operator keys.
    Everything,
}

impl OperatorScope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Read, Self::Tenants, Self::Plugins, Self::Everything];

    /// The word in the database and the admin API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Tenants => "tenants",
            Self::Plugins => "plugins",
            Self::Everything => "everything",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.word() == word)
    }
}

/// An operator key without its secret.
#[derive(Clone, Debug)]
pub struct OperatorKey {
    /// Its id; the actor of what it does.
    pub id: Uuid,
    /// The operator's label for it.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<OperatorScope>,
    /// The end of the secret, to distinguish it from others.
    pub last_four: String,
    /// Whether `bootstrap` made it, of which there is one at a time.
    pub bootstrap: bool,
    /// When it was issued.
    pub created_at: SystemTime,
    /// The operator key that issued it, or the name of a command.
    pub created_by: Option<String>,
    /// When it expires; none for never.
    pub expires_at: Option<SystemTime>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<SystemTime>,
    /// When it was revoked.
    pub revoked_at: Option<SystemTime>,
}

impl OperatorKey {
    /// Whether it is accepted at a moment.
    #[must_use]
    pub fn is_accepted(&self, now: SystemTime) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| at > now)
    }
}

const INSERT: &str = "
INSERT INTO operator_key (id, digest, last_four, bootstrap, created_at, label, scopes, expires_at, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const COLUMNS: &str =
    "id, label, scopes, last_four, bootstrap, created_at, created_by, expires_at, last_used_at, revoked_at";

/// Two keys that revoke each other at the same moment come one after the other, and the second sees what the first did.
const LOCK: &str = "SELECT 1 FROM operator_key WHERE revoked_at IS NULL ORDER BY id FOR UPDATE";

/// With `$3` the key must not be the last that may do everything.
const REVOKE: &str = "
UPDATE operator_key k SET revoked_at = $2 WHERE k.id = $1 AND k.revoked_at IS NULL AND (NOT $3::bool OR NOT 'everything' = ANY(k.scopes)
  OR k.expires_at <= $2 OR EXISTS (SELECT 1 FROM operator_key o WHERE o.id <> $1 AND o.revoked_at IS NULL
    AND (o.expires_at IS NULL OR o.expires_at > $2) AND 'everything' = ANY(o.scopes)))
RETURNING 1";

const REPLACE: &str = "UPDATE operator_key SET revoked_at = $1 WHERE revoked_at IS NULL AND (bootstrap OR $2::bool)";

const MARK_USED: &str = "
UPDATE operator_key k SET last_used_at = u.at FROM unnest($1::uuid[], $2::timestamptz[]) u (id, at)
WHERE k.id = u.id AND (k.last_used_at IS NULL OR k.last_used_at < u.at)";

impl ControlStore {
    /// Stores an operator key. A bootstrap key is refused where there is one already.
    ///
    /// # Errors
    /// [`Error::Duplicate`] for a second bootstrap key.
    pub async fn insert_operator_key(&self, key: &OperatorKey, digest: &[u8]) -> Result<(), Error> {
        let scopes = words(key);
        self.query("storing an operator key", INSERT, &insertion(key, &digest, &scopes)).await?;
        Ok(())
    }

    /// Stores a bootstrap key in place of the one before; `others` revokes all other keys too.
    ///
    /// # Errors
    /// [`Error::Duplicate`] where another one was stored at the same moment.
    pub async fn replace_bootstrap_key(&self, key: &OperatorKey, digest: &[u8], others: bool) -> Result<(), Error> {
        let scopes = words(key);
        self.batch(&[
            Statement::new("revoking operator keys", REPLACE, &[&key.created_at, &others]),
            Statement::new("storing an operator key", INSERT, &insertion(key, &digest, &scopes)),
        ])
        .await
        .map(drop)
    }

    /// The operator key with this digest, also a revoked or expired one.
    pub async fn find_operator_key(&self, digest: &[u8]) -> Result<Option<OperatorKey>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM operator_key WHERE digest = $1");
        let rows = self.query("looking up an operator key", &sql, &[&digest]).await?;
        rows.first().map(operator_key).transpose()
    }

    /// The operator key with this id.
    pub async fn operator_key(&self, id: Uuid) -> Result<Option<OperatorKey>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM operator_key WHERE id = $1");
        let rows = self.query("reading an operator key", &sql, &[&id]).await?;
        rows.first().map(operator_key).transpose()
    }

    /// The newest keys, revoked and expired ones too.
    pub async fn operator_keys(&self) -> Result<Vec<OperatorKey>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM operator_key ORDER BY id DESC LIMIT $1");
        self.query("listing operator keys", &sql, &[&MAX_LISTED_KEYS]).await?.iter().map(operator_key).collect()
    }

    /// Revokes a key; false where it is revoked already, or where it is the last that may do everything and `keep_last` is set.
    pub async fn revoke_operator_key(&self, id: Uuid, keep_last: bool, at: SystemTime) -> Result<bool, Error> {
        let answers = self
            .batch(&[
                Statement::new("locking operator keys", LOCK, &[]),
                Statement::new("revoking an operator key", REVOKE, &[&id, &at, &keep_last]),
            ])
            .await?;
        Ok(!answers[1].is_empty())
    }

    /// Stores when keys were used.
    pub async fn mark_operator_keys_used(&self, used: &[(Uuid, SystemTime)]) -> Result<(), Error> {
        let (ids, times): (Vec<Uuid>, Vec<SystemTime>) = used.iter().copied().unzip();
        self.query("storing when operator keys were used", MARK_USED, &[&ids, &times]).await.map(drop)
    }
}

fn words(key: &OperatorKey) -> Vec<&'static str> {
    key.scopes.iter().map(|scope| scope.word()).collect()
}

fn insertion<'a>(
    key: &'a OperatorKey,
    digest: &'a &[u8],
    scopes: &'a Vec<&'static str>,
) -> [&'a (dyn tokio_postgres::types::ToSql + Sync); 9] {
    let OperatorKey { id, label, last_four, bootstrap, created_at, created_by, expires_at, .. } = key;
    [id, digest, last_four, bootstrap, created_at, label, scopes, expires_at, created_by]
}

fn operator_key(row: &Row) -> Result<OperatorKey, Error> {
    let scopes: Vec<&str> = row.get(2);
    let scope = |word: &str| {
        let known = OperatorScope::from_word(word);
        known.ok_or_else(|| Error::Corrupt { what: "operator key", why: format!("\"{word}\" is not a scope") })
    };
    Ok(OperatorKey {
        id: row.get(0),
        label: row.get(1),
        scopes: scopes.into_iter().map(scope).collect::<Result<_, _>>()?,
        last_four: row.get(3),
        bootstrap: row.get(4),
        created_at: row.get(5),
        created_by: row.get(6),
        expires_at: row.get(7),
        last_used_at: row.get(8),
        revoked_at: row.get(9),
    })
}
