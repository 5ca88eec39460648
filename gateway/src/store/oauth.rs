//! A tenant's OAuth clients with their secrets, of which only digests are stored, and the assertions that were used.

pub mod signing_key;

use std::time::SystemTime;

use tokio_postgres::Row;
use uuid::Uuid;

use crate::store::error::Error;
use crate::store::postgres::pool::Statement;
use crate::store::tenant::names::TenantNames;
use crate::store::{ControlStore, Params, TenantStore};
use crate::tenant::TenantId;

/// The keys whose assertions a client may present, and what the assertions must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssertionRow {
    /// Who issues them; none for the client itself.
    pub issuer: Option<String>,
    /// Whom they are about; none for the client itself.
    pub subject: Option<String>,
    /// For whom they are; none for the token endpoint.
    pub audience: Option<String>,
    /// The keys as a JSON Web Key Set.
    pub jwks: Option<String>,
    /// Where the keys are.
    pub jwks_uri: Option<String>,
    /// Whether they are accepted in place of an access token.
    pub bearer: bool,
}

/// An OAuth client.
#[derive(Clone, Debug)]
pub struct OauthClient {
    /// Its `client_id`; the actor of what it does.
    pub id: Uuid,
    /// The operator's label for it.
    pub label: String,
    /// The life of its access tokens in seconds.
    pub token_seconds: i32,
    /// Which assertions it may present; none where it has secrets alone.
    pub assertion: Option<AssertionRow>,
    /// When it was created.
    pub created_at: SystemTime,
    /// When it was deleted.
    pub deleted_at: Option<SystemTime>,
    /// The setup link that made it.
    pub setup_link: Option<Uuid>,
}

/// A client's secret, without the secret.
#[derive(Clone, Debug)]
pub struct OauthSecret {
    /// Its id.
    pub id: Uuid,
    /// The end of the secret, to distinguish it from others.
    pub last_four: String,
    /// When it was issued.
    pub created_at: SystemTime,
    /// When it expires.
    pub expires_at: SystemTime,
    /// When it was revoked.
    pub revoked_at: Option<SystemTime>,
}

/// What a look-up before the tenant is known finds.
#[derive(Clone, Debug)]
pub struct FoundClient {
    /// The client's tenant.
    pub tenant: TenantId,
    /// The tenant's names.
    pub tenant_names: TenantNames,
    /// Whether the tenant is active.
    pub tenant_active: bool,
    /// The client.
    pub client: OauthClient,
    /// Secrets whose access tokens are revoked, too.
    pub revoked_secrets: Vec<Uuid>,
}

const CLIENT_COLUMNS: &str = "c.id, c.label, c.token_seconds, c.issuer, c.subject, c.audience, c.jwks, c.jwks_uri, c.bearer, c.created_at, c.deleted_at, c.setup_link";
const SECRET_COLUMNS: &str = "s.id, s.last_four, s.created_at, s.expires_at, s.revoked_at";

/// Used assertions that one use removes once they have expired.
const EXPIRED_PER_USE: i64 = 20;

impl TenantStore {
    /// Stores a new client; gives whether there was room for it among so many that are not deleted.
    pub async fn insert_oauth_client(&self, client: &OauthClient, max: i64) -> Result<bool, Error> {
        let sql = "INSERT INTO oauth_client (tenant_id, id, label, token_seconds, issuer, subject, audience, jwks, jwks_uri, bearer, created_at) \
                   SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 \
                   WHERE (SELECT count(*) FROM oauth_client WHERE tenant_id = $1 AND deleted_at IS NULL) < $12 RETURNING 1";
        let OauthClient { id, label, token_seconds, assertion, created_at, .. } = client;
        let own =
            AssertionRow { issuer: None, subject: None, audience: None, jwks: None, jwks_uri: None, bearer: false };
        let AssertionRow { issuer, subject, audience, jwks, jwks_uri, bearer } = assertion.as_ref().unwrap_or(&own);
        let params: Params<'_> = &[
            &self.tenant.0,
            id,
            label,
            token_seconds,
            issuer,
            subject,
            audience,
            jwks,
            jwks_uri,
            bearer,
            created_at,
            &max,
        ];
        Ok(!self.query("storing an OAuth client", sql, params).await?.is_empty())
    }

    /// Every client, deleted ones too, the oldest first.
    pub async fn oauth_clients(&self) -> Result<Vec<OauthClient>, Error> {
        let sql = format!("SELECT {CLIENT_COLUMNS} FROM oauth_client c WHERE c.tenant_id = $1 ORDER BY c.id");
        Ok(self
            .query("listing OAuth clients", &sql, &[&self.tenant.0])
            .await?
            .iter()
            .map(|row| client(row, 0))
            .collect())
    }

    /// Every client's secrets, revoked ones too, the oldest first, each with its client's id.
    pub async fn oauth_secrets(&self) -> Result<Vec<(Uuid, OauthSecret)>, Error> {
        let sql = format!(
            "SELECT s.client_id, {SECRET_COLUMNS} FROM oauth_secret s WHERE s.tenant_id = $1 ORDER BY s.client_id, s.id"
        );
        let rows = self.query("listing OAuth secrets", &sql, &[&self.tenant.0]).await?;
        Ok(rows.iter().map(|row| (row.get(0), secret(row, 1))).collect())
    }

    /// Stores a client's new secret; gives whether there is such a client with room for it among so many that are not revoked.
    pub async fn insert_oauth_secret(
        &self,
        client: Uuid,
        secret: &OauthSecret,
        digest: &[u8],
        max: i64,
    ) -> Result<bool, Error> {
        let sql = "INSERT INTO oauth_secret (tenant_id, client_id, id, digest, last_four, created_at, expires_at) \
                   SELECT c.tenant_id, c.id, $3, $4, $5, $6, $7 FROM oauth_client c \
                   WHERE c.tenant_id = $1 AND c.id = $2 AND c.deleted_at IS NULL AND (SELECT count(*) FROM oauth_secret \
                   WHERE tenant_id = $1 AND client_id = $2 AND revoked_at IS NULL AND expires_at > $6) < $8 RETURNING 1";
        let OauthSecret { id, last_four, created_at, expires_at, .. } = secret;
        let params: Params<'_> = &[&self.tenant.0, &client, id, &digest, last_four, created_at, expires_at, &max];
        Ok(!self.query("storing an OAuth secret", sql, params).await?.is_empty())
    }

    /// Revokes a client's secret, and the access tokens that it got before if wanted; gives whether there is one. Revoking twice
    /// keeps the first time.
    pub async fn revoke_oauth_secret(
        &self,
        client: Uuid,
        id: Uuid,
        with_tokens: bool,
        at: SystemTime,
    ) -> Result<bool, Error> {
        let sql = "WITH s AS (UPDATE oauth_secret SET revoked_at = coalesce(revoked_at, $4), tokens_revoked = tokens_revoked OR $5 \
                   WHERE tenant_id = $1 AND client_id = $2 AND id = $3 RETURNING 1) \
                   UPDATE tenant SET config_epoch = nextval('config_epoch') WHERE id = $1 AND EXISTS (SELECT 1 FROM s) RETURNING 1";
        let params: Params<'_> = &[&self.tenant.0, &client, &id, &at, &with_tokens];
        Ok(!self.query("revoking an OAuth secret", sql, params).await?.is_empty())
    }

    /// Deletes a client, with which its access tokens are refused; gives whether there is one.
    pub async fn delete_oauth_client(&self, id: Uuid, at: SystemTime) -> Result<bool, Error> {
        let sql = "WITH c AS (UPDATE oauth_client SET deleted_at = $3 WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING 1) \
                   UPDATE tenant SET config_epoch = nextval('config_epoch') WHERE id = $1 AND EXISTS (SELECT 1 FROM c) RETURNING 1";
        Ok(!self.query("deleting an OAuth client", sql, &[&self.tenant.0, &id, &at]).await?.is_empty())
    }

    /// Marks an assertion as used until it expires; gives whether it was not so before. Some that have expired are removed.
    pub async fn use_assertion(&self, digest: &[u8], expires_at: SystemTime, now: SystemTime) -> Result<bool, Error> {
        // By their places, as in `held/settle.rs`.
        let remove = "DELETE FROM used_assertion d USING (SELECT old.place FROM (SELECT u.ctid AS place FROM used_assertion u \
                      WHERE u.tenant_id = $1 AND u.expires_at < $2 ORDER BY u.expires_at LIMIT $3) old LIMIT (SELECT 1000000)) gone \
                      WHERE d.tenant_id = $1 AND d.ctid = gone.place";
        let insert = "INSERT INTO used_assertion (tenant_id, digest, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1";
        let doing = "marking an assertion as used";
        let used = self
            .batch(&[
                Statement::new(doing, remove, &[&self.tenant.0, &now, &EXPIRED_PER_USE]),
                Statement::new(doing, insert, &[&self.tenant.0, &digest, &expires_at]),
            ])
            .await?;
        Ok(used.get(1).is_some_and(|rows| !rows.is_empty()))
    }
}

impl ControlStore {
    /// The client with an id, and its secret with a digest, revoked and expired ones too. Of the secrets whose tokens are revoked
    /// it has those that were revoked after `since`: older ones have no living tokens.
    pub async fn find_oauth_client(
        &self,
        id: Uuid,
        digest: Option<&[u8]>,
        since: SystemTime,
    ) -> Result<Option<(FoundClient, Option<OauthSecret>)>, Error> {
        let sql = format!(
            "SELECT {CLIENT_COLUMNS}, t.id, t.name, t.former_names, t.state, ARRAY(SELECT r.id FROM oauth_secret r WHERE r.tenant_id = c.tenant_id \
             AND r.client_id = c.id AND r.tokens_revoked AND r.revoked_at > $3), {SECRET_COLUMNS} \
             FROM oauth_client c JOIN tenant t ON t.id = c.tenant_id \
             LEFT JOIN oauth_secret s ON s.tenant_id = c.tenant_id AND s.client_id = c.id AND s.digest = $2 \
             WHERE c.id = $1 AND c.deleted_at IS NULL AND t.state <> 'deleted'"
        );
        let rows = self.query("looking up an OAuth client", &sql, &[&id, &digest, &since]).await?;
        let with_secret = |row: &Row| {
            let is_there = row.get::<_, Option<Uuid>>(17).is_some();
            (found(row), is_there.then(|| secret(row, 17)))
        };
        Ok(rows.first().map(with_secret))
    }

    /// The client of a tenant whose assertions have this issuer and subject. The tenant may have been called so before.
    pub async fn find_oauth_client_of_issuer(
        &self,
        tenant: &str,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<FoundClient>, Error> {
        let sql = format!(
            "SELECT {CLIENT_COLUMNS}, t.id, t.name, t.former_names, t.state, ARRAY[]::uuid[] FROM \
             (SELECT n.* FROM tenant n WHERE n.name = $1 UNION ALL \
              SELECT f.* FROM tenant f WHERE f.former_names @> ARRAY[$1] AND f.former_names <> '{{}}') t \
             JOIN oauth_client c ON c.tenant_id = t.id \
             WHERE t.state <> 'deleted' AND c.issuer = $2 AND c.subject = $3 AND c.deleted_at IS NULL ORDER BY t.name <> $1 LIMIT 1"
        );
        let rows = self.query("looking up the OAuth client of an issuer", &sql, &[&tenant, &issuer, &subject]).await?;
        Ok(rows.first().map(found))
    }
}

fn found(row: &Row) -> FoundClient {
    FoundClient {
        client: client(row, 0),
        tenant: TenantId(row.get(12)),
        tenant_names: TenantNames { current: row.get(13), former: row.get(14) },
        tenant_active: row.get::<_, &str>(15) == "active",
        revoked_secrets: row.get(16),
    }
}

fn client(row: &Row, at: usize) -> OauthClient {
    let assertion = AssertionRow {
        issuer: row.get(at + 3),
        subject: row.get(at + 4),
        audience: row.get(at + 5),
        jwks: row.get(at + 6),
        jwks_uri: row.get(at + 7),
        bearer: row.get(at + 8),
    };
    OauthClient {
        id: row.get(at),
        label: row.get(at + 1),
        token_seconds: row.get(at + 2),
        assertion: (assertion.jwks.is_some() || assertion.jwks_uri.is_some()).then_some(assertion),
        created_at: row.get(at + 9),
        deleted_at: row.get(at + 10),
        setup_link: row.get(at + 11),
    }
}

fn secret(row: &Row, at: usize) -> OauthSecret {
    OauthSecret {
        id: row.get(at),
        last_four: row.get(at + 1),
        created_at: row.get(at + 2),
        expires_at: row.get(at + 3),
        revoked_at: row.get(at + 4),
    }
}
