//! The one use of a setup link: in one transaction it is marked as used and its credential is stored. Of two at once the row's lock
//! lets one find the link unused.

use std::time::SystemTime;

use uuid::Uuid;

use crate::store::TenantStore;
use crate::store::error::Error;
use crate::store::oauth::{OauthClient, OauthSecret};
use crate::store::postgres::pool::Statement;
use crate::store::tenant::credential::Credential;

const DOING: &str = "using a setup link";

/// The tenant's epoch changes only with the link, and the use is recorded only with the epoch.
const USE: &str = "
WITH l AS (UPDATE setup_link SET used_at = $3, credential_id = $4, browser = $5 WHERE tenant_id = $1 AND id = $2 AND used_at IS NULL
  AND revoked_at IS NULL AND expires_at > $3 AND EXISTS (SELECT 1 FROM tenant WHERE id = $1 AND state = 'active')
  AND ($6::bigint IS NULL OR (SELECT count(*) FROM oauth_client WHERE tenant_id = $1 AND deleted_at IS NULL) < $6) RETURNING 1)
UPDATE tenant SET config_epoch = nextval('config_epoch') WHERE id = $1 AND EXISTS (SELECT 1 FROM l) RETURNING 1";

/// What the transaction stores belongs to the link only if the statement before has entered its id.
const STORE_TOKEN: &str = "
INSERT INTO credential (tenant_id, id, scope, label, digest, last_four, created_at, expires_at, created_by, setup_link)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, s.id FROM setup_link s WHERE s.tenant_id = $1 AND s.id = $10 AND s.credential_id = $2";

const STORE_CLIENT: &str = "
INSERT INTO oauth_client (tenant_id, id, label, token_seconds, issuer, subject, audience, jwks_uri, created_at, setup_link)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, s.id FROM setup_link s WHERE s.tenant_id = $1 AND s.id = $10 AND s.credential_id = $2";

const STORE_SECRET: &str = "
INSERT INTO oauth_secret (tenant_id, client_id, id, digest, last_four, created_at, expires_at)
SELECT $1, $2, $3, $4, $5, $6, $7 FROM setup_link s WHERE s.tenant_id = $1 AND s.id = $8 AND s.credential_id = $2";

/// By the same browser, until the first request. What was refused before says nothing of the new values.
const CORRECT: &str = "
WITH c AS (UPDATE oauth_client c SET issuer = $4, subject = $5, audience = $6, jwks_uri = $7 FROM setup_link s
  WHERE s.tenant_id = $1 AND s.id = $2 AND s.browser = $3 AND s.first_used_at IS NULL AND s.revoked_at IS NULL AND s.expires_at > $8
    AND c.tenant_id = $1 AND c.id = s.credential_id AND c.deleted_at IS NULL
    AND EXISTS (SELECT 1 FROM tenant WHERE id = $1 AND state = 'active') RETURNING 1),
l AS (UPDATE setup_link SET refused_at = NULL, refused_why = NULL WHERE tenant_id = $1 AND id = $2 AND EXISTS (SELECT 1 FROM c))
UPDATE tenant SET config_epoch = nextval('config_epoch') WHERE id = $1 AND EXISTS (SELECT 1 FROM c) RETURNING 1";

/// Who uses a link, and when.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// The link.
    pub link: Uuid,
    /// The digest of the browser's cookie.
    pub browser: &'a [u8],
    /// When.
    pub at: SystemTime,
}

/// What a provider's assertions say, and where its keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// `aud`.
    pub audience: String,
    /// The address of the keys.
    pub jwks_uri: String,
}

impl TenantStore {
    /// Uses a link for a token; gives whether it could still be used.
    pub async fn use_setup_link_for_token(
        &self,
        it: &Use<'_>,
        credential: &Credential,
        digest: &[u8],
    ) -> Result<bool, Error> {
        let Credential { id, scope, label, last_four, created_at, expires_at, created_by, .. } = credential;
        let (tenant, scope) = (self.tenant.0, scope.word());
        let used = self
            .batch(&[
                Statement::new(DOING, USE, &[&tenant, &it.link, &it.at, id, &it.browser, &None::<i64>]),
                Statement::new(
                    DOING,
                    STORE_TOKEN,
                    &[&tenant, id, &scope, label, &digest, last_four, created_at, expires_at, created_by, &it.link],
                ),
            ])
            .await?;
        Ok(used.first().is_some_and(|rows| !rows.is_empty()))
    }

    /// Uses a link for an OAuth client, with a secret or with the assertions of a provider; gives whether it could still be used, and
    /// the tenant has room for a client among so many that are not deleted.
    ///
    /// # Errors
    /// [`Error::Duplicate`] where another client of the tenant has this issuer and subject.
    pub async fn use_setup_link_for_client(
        &self,
        it: &Use<'_>,
        client: &OauthClient,
        secret: Option<(&OauthSecret, &[u8])>,
        max: i64,
    ) -> Result<bool, Error> {
        let OauthClient { id, label, token_seconds, assertion, created_at, .. } = client;
        let tenant = self.tenant.0;
        let row = assertion.as_ref();
        let (issuer, subject) = (row.and_then(|row| row.issuer.as_ref()), row.and_then(|row| row.subject.as_ref()));
        let (audience, keys) = (row.and_then(|row| row.audience.as_ref()), row.and_then(|row| row.jwks_uri.as_ref()));
        let mut statements = vec![
            Statement::new(DOING, USE, &[&tenant, &it.link, &it.at, id, &it.browser, &max]),
            Statement::new(
                DOING,
                STORE_CLIENT,
                &[&tenant, id, label, token_seconds, &issuer, &subject, &audience, &keys, created_at, &it.link],
            ),
        ];
        if let Some((stored, digest)) = &secret {
            let OauthSecret { id: secret, last_four, created_at, expires_at, .. } = stored;
            statements.push(Statement::new(
                DOING,
                STORE_SECRET,
                &[&tenant, id, secret, digest, last_four, created_at, expires_at, &it.link],
            ));
        }
        let used = self.batch(&statements).await?;
        Ok(used.first().is_some_and(|rows| !rows.is_empty()))
    }

    /// Corrects the assertions of a link's client; gives whether that was still possible.
    ///
    /// # Errors
    /// [`Error::Duplicate`] where another client of the tenant has this issuer and subject.
    pub async fn correct_setup_link(&self, it: &Use<'_>, assertion: &Assertion) -> Result<bool, Error> {
        let Assertion { issuer, subject, audience, jwks_uri } = assertion;
        let doing = "correcting an OAuth client";
        let rows = self
            .query(
                doing,
                CORRECT,
                &[&self.tenant.0, &it.link, &it.browser, issuer, subject, audience, jwks_uri, &it.at],
            )
            .await?;
        Ok(!rows.is_empty())
    }
}
