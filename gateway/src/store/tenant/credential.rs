//! A tenant's credentials: SCIM tokens and directory keys. Only a digest is stored.

use std::time::SystemTime;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::{ControlStore, Params, TenantStore};
use crate::tenant::TenantId;

/// What a credential opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The SCIM endpoint, for the identity provider.
    Scim,
    /// The directory, for the product.
    Directory,
}

impl Scope {
    /// The word in the database and the admin API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Scim => "scim",
            Self::Directory => "directory",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Scim, Self::Directory].into_iter().find(|scope| scope.word() == word)
    }
}

/// A credential without its secret.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its id; the actor of what it does.
    pub id: Uuid,
    /// What it opens.
    pub scope: Scope,
    /// The operator's label for it.
    pub label: String,
    /// The end of the secret, to distinguish it from others.
    pub last_four: String,
    /// When it was issued.
    pub created_at: SystemTime,
    /// When it expires.
    pub expires_at: Option<SystemTime>,
    /// When it was revoked.
    pub revoked_at: Option<SystemTime>,
}

/// What a look-up by digest finds.
#[derive(Clone, Debug)]
pub struct Found {
    /// The credential.
    pub credential: Credential,
    /// Its tenant's name.
    pub tenant_name: String,
    /// Whether the tenant is active.
    pub tenant_active: bool,
}

const COLUMNS: &str = "c.id, c.scope, c.label, c.last_four, c.created_at, c.expires_at, c.revoked_at";

impl TenantStore {
    /// Stores a new credential.
    pub async fn insert_credential(&self, credential: &Credential, digest: &[u8]) -> Result<(), Error> {
        let sql = "WITH t AS (UPDATE tenant SET config_epoch = nextval('config_epoch') WHERE id = $1) \
                   INSERT INTO credential (tenant_id, id, scope, label, digest, last_four, created_at, expires_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let Credential { id, scope, label, last_four, created_at, expires_at, .. } = credential;
        let scope = scope.word();
        let params: Params<'_> = &[&self.tenant.0, id, &scope, label, &digest, last_four, created_at, expires_at];
        self.query("storing a credential", sql, params).await?;
        Ok(())
    }

    /// Every credential, revoked ones too, oldest first.
    pub async fn credentials(&self) -> Result<Vec<Credential>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM credential c WHERE c.tenant_id = $1 ORDER BY c.id");
        let rows = self.query("listing credentials", &sql, &[&self.tenant.0]).await?;
        rows.iter().map(credential).collect()
    }

    /// Revokes a credential; gives whether there is one. Revoking twice keeps the first time.
    pub async fn revoke_credential(&self, id: Uuid, at: SystemTime) -> Result<bool, Error> {
        let sql = "WITH c AS (UPDATE credential SET revoked_at = $3 \
                     WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING tenant_id), \
                   t AS (UPDATE tenant SET config_epoch = nextval('config_epoch') FROM c WHERE tenant.id = c.tenant_id) \
                   SELECT 1 FROM credential WHERE tenant_id = $1 AND id = $2";
        Ok(!self.query("revoking a credential", sql, &[&self.tenant.0, &id, &at]).await?.is_empty())
    }
}

const MARK_USED: &str = "
UPDATE credential c SET last_used_at = u.at FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) u (tenant_id, id, at)
WHERE c.tenant_id = u.tenant_id AND c.id = u.id AND (c.last_used_at IS NULL OR c.last_used_at < u.at)";

impl ControlStore {
    /// Stores when credentials were used.
    pub async fn mark_credentials_used(&self, used: &[((TenantId, Uuid), SystemTime)]) -> Result<(), Error> {
        let tenants: Vec<Uuid> = used.iter().map(|((tenant, _), _)| tenant.0).collect();
        let ids: Vec<Uuid> = used.iter().map(|((_, id), _)| *id).collect();
        let times: Vec<SystemTime> = used.iter().map(|(_, at)| *at).collect();
        self.query("storing when credentials were used", MARK_USED, &[&tenants, &ids, &times]).await.map(drop)
    }

    /// Finds a credential by its digest, revoked and expired ones too.
    pub async fn find_credential(&self, tenant: TenantId, digest: &[u8]) -> Result<Option<Found>, Error> {
        let sql = format!(
            "SELECT {COLUMNS}, t.name, t.state FROM credential c JOIN tenant t ON t.id = c.tenant_id \
             WHERE c.tenant_id = $1 AND c.digest = $2 AND t.state <> 'deleted'"
        );
        let rows = self.query("looking up a credential", &sql, &[&tenant.0, &digest]).await?;
        rows.first()
            .map(|row| {
                Ok(Found {
                    credential: credential(row)?,
                    tenant_name: row.get(7),
                    tenant_active: row.get::<_, &str>(8) == "active",
                })
            })
            .transpose()
    }
}

fn credential(row: &Row) -> Result<Credential, Error> {
    let word: &str = row.get(1);
    Ok(Credential {
        id: row.get(0),
        scope: Scope::from_word(word)
            .ok_or_else(|| Error::Corrupt { what: "credential", why: format!("\"{word}\" is no scope") })?,
        label: row.get(2),
        last_four: row.get(3),
        created_at: row.get(4),
        expires_at: row.get(5),
        revoked_at: row.get(6),
    })
}
