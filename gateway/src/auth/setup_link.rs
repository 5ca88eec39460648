//! From the secret in a setup link's address to the link. Whether it is open is for the use case: an expired link has a page, too.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::token::{Kind, Token, TokenDigest};
use super::{Auth, Error, Miss, refusal};
use crate::store::setup_link::FoundLink;

/// How long a link is not looked up again: so late does another replica find out that it was used or revoked.
pub(super) const SETUP_LINK_TTL: Duration = Duration::from_millis(500);
/// Links that are cached.
pub(super) const MAX_SETUP_LINKS: u64 = 1_000;

impl Auth {
    /// The link that a secret opens, revoked and expired ones too.
    ///
    /// # Errors
    /// As [`Auth::verify`].
    pub async fn setup_link(
        &self,
        text: &str,
        address: impl FnOnce() -> Option<IpAddr>,
    ) -> Result<Arc<FoundLink>, Error> {
        let token = Token::parse(text).filter(|token| token.kind == Kind::Setup).ok_or(Error::Unauthorized)?;
        let digest = token.digest();
        if let Some(found) = self.setup_links.get(&digest).await {
            return Ok(found);
        }
        if self.tenants.excludes(token.tenant, self.clock.now()) {
            return Err(Error::Unauthorized);
        }
        let address = address();
        self.check_stranger(digest, address).await?;
        let look_up = self.look_up_setup_link(&token, digest, address);
        self.setup_links.try_get_with(digest, look_up).await.map_err(|miss| refusal(&miss))
    }

    async fn look_up_setup_link(
        &self,
        token: &Token,
        digest: TokenDigest,
        address: Option<IpAddr>,
    ) -> Result<Arc<FoundLink>, Miss> {
        // Another request's look-up may have ended since this one checked.
        if self.invalid.contains_key(&digest) {
            return Err(Miss::Unknown);
        }
        let found = self.store.tenant(token.tenant).find_setup_link(&digest).await.map_err(Miss::Store)?;
        let Some(found) = found else {
            // Before the look-up ends, or the next request would make another.
            self.note_unknown(digest, address).await;
            return Err(Miss::Unknown);
        };
        self.known.insert(digest, ()).await;
        Ok(Arc::new(found))
    }

    /// Drops what is cached of setup links.
    pub fn forget_setup_links(&self) {
        self.setup_links.invalidate_all();
    }
}
