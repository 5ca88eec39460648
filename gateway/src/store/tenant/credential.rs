//! A tenant's credentials: SCIM tokens and directory keys. Only a digest is stored.

mod mark;
mod rotation;

use std::time::SystemTime;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::tenant::names::TenantNames;
use crate::store::{ControlStore, TenantStore};
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

/// Where a credential stands in a rotation. All of these are accepted, until they expire or are revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Issued to replace another one, which is not revoked yet.
    Pending,
    /// In no rotation.
    Active,
    /// About to be replaced by a pending one.
    Retiring,
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retiring => "retiring",
        }
    }
}

/// What narrows a credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// Whether it only reads.
    pub read_only: bool,
    /// The only resource type that it reaches, by its name; none for all.
    pub resource_type: Option<String>,
    /// The networks from which it is accepted; empty for everywhere.
    pub networks: Vec<String>,
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
    /// The operator key that issued it, or the name of a command.
    pub created_by: Option<String>,
    /// When it expires.
    pub expires_at: Option<SystemTime>,
    /// When it was revoked.
    pub revoked_at: Option<SystemTime>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<SystemTime>,
    /// Where it stands in a rotation.
    pub phase: Phase,
    /// The one that it was issued to replace.
    pub replaces: Option<Uuid>,
    /// What narrows it.
    pub restrictions: Restrictions,
    /// The setup link that made it.
    pub setup_link: Option<Uuid>,
}

/// What a look-up by digest finds.
#[derive(Clone, Debug)]
pub struct Found {
    /// The credential.
    pub credential: Credential,
    /// Its tenant's names.
    pub tenant_names: TenantNames,
    /// Whether the tenant is active.
    pub tenant_active: bool,
}

const COLUMNS: &str = "c.id, c.scope, c.label, c.last_four, c.created_at, c.created_by, c.expires_at, c.revoked_at, c.last_used_at, \
                       c.state, c.replaces, c.read_only, c.resource_type, c.networks, c.setup_link";

const INSERT: &str = "
WITH t AS (UPDATE tenant SET config_epoch = nextval('config_epoch') WHERE id = $1)
INSERT INTO credential (tenant_id, id, scope, label, digest, last_four, created_at, expires_at, created_by, read_only, resource_type,
  networks)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

/// The other one of a rotation is in none from then on.
const REVOKE: &str = "
WITH c AS (UPDATE credential SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL
  RETURNING tenant_id, state, replaces),
o AS (UPDATE credential o SET state = 'active' FROM c WHERE o.tenant_id = $1 AND o.id <> $2 AND o.revoked_at IS NULL
  AND (c.state = 'pending' AND o.state = 'retiring' AND o.id = c.replaces
    OR c.state = 'retiring' AND o.state = 'pending' AND o.replaces = $2)),
t AS (UPDATE tenant SET config_epoch = nextval('config_epoch') FROM c WHERE tenant.id = c.tenant_id)
SELECT 1 FROM credential WHERE tenant_id = $1 AND id = $2";

impl TenantStore {
    /// Stores a new credential.
    pub async fn insert_credential(&self, credential: &Credential, digest: &[u8]) -> Result<(), Error> {
        let scope = credential.scope.word();
        let params = insertion(&self.tenant, credential, &scope, &digest);
        self.query("storing a credential", INSERT, &params).await?;
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
        Ok(!self.query("revoking a credential", REVOKE, &[&self.tenant.0, &id, &at]).await?.is_empty())
    }
}

/// The parameters of a statement that stores a new credential, from the tenant on.
fn insertion<'a>(
    tenant: &'a TenantId,
    credential: &'a Credential,
    scope: &'a &'static str,
    digest: &'a &[u8],
) -> [&'a (dyn ToSql + Sync); 12] {
    let Credential { id, label, last_four, created_at, expires_at, created_by, restrictions, .. } = credential;
    let Restrictions { read_only, resource_type, networks } = restrictions;
    [
        &tenant.0,
        id,
        scope,
        label,
        digest,
        last_four,
        created_at,
        expires_at,
        created_by,
        read_only,
        resource_type,
        networks,
    ]
}

impl ControlStore {
    /// Finds a credential by its digest, revoked and expired ones too.
    pub async fn find_credential(&self, tenant: TenantId, digest: &[u8]) -> Result<Option<Found>, Error> {
        let sql = format!(
            "SELECT {COLUMNS}, t.name, t.former_names, t.state FROM credential c JOIN tenant t ON t.id = c.tenant_id \
             WHERE c.tenant_id = $1 AND c.digest = $2 AND t.state <> 'deleted'"
        );
        let rows = self.query("looking up a credential", &sql, &[&tenant.0, &digest]).await?;
        rows.first()
            .map(|row| {
                Ok(Found {
                    credential: credential(row)?,
                    tenant_names: TenantNames { current: row.get(15), former: row.get(16) },
                    tenant_active: row.get::<_, &str>(17) == "active",
                })
            })
            .transpose()
    }
}

fn credential(row: &Row) -> Result<Credential, Error> {
    let (scope, phase): (&str, &str) = (row.get(1), row.get(9));
    let corrupt = |why: String| Error::Corrupt { what: "credential", why };
    let phases = [Phase::Pending, Phase::Active, Phase::Retiring];
    Ok(Credential {
        id: row.get(0),
        scope: Scope::from_word(scope).ok_or_else(|| corrupt(format!("\"{scope}\" is not a scope")))?,
        label: row.get(2),
        last_four: row.get(3),
        created_at: row.get(4),
        created_by: row.get(5),
        expires_at: row.get(6),
        revoked_at: row.get(7),
        last_used_at: row.get(8),
        phase: phases
            .into_iter()
            .find(|known| known.word() == phase)
            .ok_or_else(|| corrupt(format!("\"{phase}\" is not a state")))?,
        replaces: row.get(10),
        restrictions: Restrictions { read_only: row.get(11), resource_type: row.get(12), networks: row.get(13) },
        setup_link: row.get(14),
    })
}
