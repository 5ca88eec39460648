//! A tenant's setup links: each makes one credential, once, for the customer's own administrator. Only digests are stored.

mod credential;
mod first_use;

use std::time::SystemTime;

use tokio_postgres::Row;
use uuid::Uuid;

pub use credential::{Assertion, Use};

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::postgres::pool::Statement;
use crate::tenant::TenantId;

macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident { $(#[doc = $doc:literal] $variant:ident = $word:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = $doc] $variant,)+
        }

        impl $name {
            /// Each of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word in the database and the admin API.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// Reads the word.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }
        }
    };
}

words! {
    /// The identity provider that a link's page explains.
    Provider {
        /// Microsoft Entra ID.
        Entra = "entra",
        /// Okta.
        Okta = "okta",
        /// OneLogin.
        OneLogin = "onelogin",
        /// JumpCloud.
        JumpCloud = "jumpcloud",
        /// PingOne and PingFederate.
        Ping = "ping",
        /// Google Workspace.
        Google = "google",
        /// Any other.
        Other = "other",
    }
}

words! {
    /// Which credential a link makes.
    Method {
        /// A token.
        Token = "token",
        /// An OAuth client with a secret.
        Client = "client",
        /// An OAuth client for assertions of the provider.
        WorkloadIdentity = "workload-identity",
    }
}

/// A setup link without its secret.
#[derive(Clone, Debug)]
pub struct SetupLink {
    /// Its id.
    pub id: Uuid,
    /// Which provider's page it shows.
    pub provider: Provider,
    /// Which credential it makes.
    pub method: Method,
    /// The operator's label for it and its credential.
    pub label: String,
    /// The life of the credential in days; of no meaning for workload identity.
    pub credential_days: i32,
    /// When it was created.
    pub created_at: SystemTime,
    /// The operator key that created it, or the name of a command.
    pub created_by: String,
    /// When its page is closed.
    pub expires_at: SystemTime,
    /// When an operator revoked it.
    pub revoked_at: Option<SystemTime>,
    /// When it made its credential.
    pub used_at: Option<SystemTime>,
    /// That credential: a token's id, or a `client_id`.
    pub credential: Option<Uuid>,
    /// The digest of the cookie of the browser that used it.
    pub browser: Option<Vec<u8>>,
    /// When the credential was used first.
    pub first_used_at: Option<SystemTime>,
    /// The client that was recognised by then.
    pub recognised: Option<String>,
    /// The latest refused request before the first use, and why it was refused.
    pub refused: Option<(SystemTime, String)>,
}

/// What a look-up by digest finds.
#[derive(Clone, Debug)]
pub struct FoundLink {
    /// The link.
    pub link: SetupLink,
    /// Its tenant.
    pub tenant: TenantId,
    /// The tenant's name.
    pub tenant_name: String,
    /// Whether the tenant is active.
    pub tenant_active: bool,
}

const COLUMNS: &str = "s.id, s.provider, s.method, s.label, s.credential_days, s.created_at, s.created_by, s.expires_at, s.revoked_at, \
                       s.used_at, s.credential_id, s.browser, s.first_used_at, s.recognised, s.refused_at, s.refused_why";

/// Of links that have expired so many are kept …
const KEPT_EXPIRED: i64 = 100;
/// … and so many of the others are removed with each new link.
const REMOVED_PER_INSERT: i64 = 20;

impl TenantStore {
    /// Stores a new link; gives whether there was room for it among so many that have not expired. Removes some that have.
    pub async fn insert_setup_link(&self, link: &SetupLink, digest: &[u8], max: i64) -> Result<bool, Error> {
        let remove = "DELETE FROM setup_link WHERE tenant_id = $1 AND id IN (SELECT id FROM setup_link \
                      WHERE tenant_id = $1 AND expires_at <= $2 ORDER BY expires_at DESC OFFSET $3 LIMIT $4)";
        let insert = "WITH l AS (INSERT INTO setup_link (tenant_id, id, digest, provider, method, label, credential_days, created_at, \
                      created_by, expires_at) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 \
                      WHERE (SELECT count(*) FROM setup_link WHERE tenant_id = $1 AND expires_at > $8) < $11 RETURNING 1) \
                      UPDATE tenant SET config_epoch = nextval('config_epoch') WHERE id = $1 AND EXISTS (SELECT 1 FROM l) RETURNING 1";
        let SetupLink { id, provider, method, label, credential_days, created_at, created_by, expires_at, .. } = link;
        let (provider, method, tenant) = (provider.word(), method.word(), self.tenant.0);
        let doing = "storing a setup link";
        let stored = self
            .batch(&[
                Statement::new(doing, remove, &[&tenant, created_at, &KEPT_EXPIRED, &REMOVED_PER_INSERT]),
                Statement::new(
                    doing,
                    insert,
                    &[
                        &tenant,
                        id,
                        &digest,
                        &provider,
                        &method,
                        label,
                        credential_days,
                        created_at,
                        created_by,
                        expires_at,
                        &max,
                    ],
                ),
            ])
            .await?;
        Ok(stored.get(1).is_some_and(|rows| !rows.is_empty()))
    }

    /// Every link that is kept, the oldest first.
    pub async fn setup_links(&self) -> Result<Vec<SetupLink>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM setup_link s WHERE s.tenant_id = $1 ORDER BY s.id");
        self.query("listing setup links", &sql, &[&self.tenant.0]).await?.iter().map(link).collect()
    }

    /// Revokes a link; gives whether there is one. Revoking twice keeps the first time.
    pub async fn revoke_setup_link(&self, id: Uuid, at: SystemTime) -> Result<bool, Error> {
        let sql = "WITH l AS (UPDATE setup_link SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING 1), \
                   t AS (UPDATE tenant SET config_epoch = nextval('config_epoch') WHERE id = $1 AND EXISTS (SELECT 1 FROM l)) \
                   SELECT 1 FROM setup_link WHERE tenant_id = $1 AND id = $2";
        Ok(!self.query("revoking a setup link", sql, &[&self.tenant.0, &id, &at]).await?.is_empty())
    }

    /// The link with a digest, revoked and expired ones too.
    pub async fn find_setup_link(&self, digest: &[u8]) -> Result<Option<FoundLink>, Error> {
        let sql = format!(
            "SELECT {COLUMNS}, t.name, t.state FROM setup_link s JOIN tenant t ON t.id = s.tenant_id \
             WHERE s.tenant_id = $1 AND s.digest = $2 AND t.state <> 'deleted'"
        );
        let rows = self.query("looking up a setup link", &sql, &[&self.tenant.0, &digest]).await?;
        let found = |row: &Row| {
            let tenant_active = row.get::<_, &str>(17) == "active";
            Ok(FoundLink { link: link(row)?, tenant: self.tenant, tenant_name: row.get(16), tenant_active })
        };
        rows.first().map(found).transpose()
    }
}

fn link(row: &Row) -> Result<SetupLink, Error> {
    let (provider, method): (&str, &str) = (row.get(1), row.get(2));
    let corrupt = |word: &str| Error::Corrupt { what: "setup link", why: format!("\"{word}\" is not known") };
    let refused_at: Option<SystemTime> = row.get(14);
    Ok(SetupLink {
        id: row.get(0),
        provider: Provider::from_word(provider).ok_or_else(|| corrupt(provider))?,
        method: Method::from_word(method).ok_or_else(|| corrupt(method))?,
        label: row.get(3),
        credential_days: row.get(4),
        created_at: row.get(5),
        created_by: row.get(6),
        expires_at: row.get(7),
        revoked_at: row.get(8),
        used_at: row.get(9),
        credential: row.get(10),
        browser: row.get(11),
        first_used_at: row.get(12),
        recognised: row.get(13),
        refused: refused_at.zip(row.get(15)),
    })
}
