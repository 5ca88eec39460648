//! The last step of an upgrade, once no replica of the version before runs: keys are written in the final layout alone, and
//! the triggers that followed the older replicas go.

use std::time::Duration;

use crate::store::Store;
use crate::store::error::Error;
use crate::store::postgres::migrate::concurrent;
use crate::tenant::TenantId;

/// Tenants whose search keys a job is still completing.
const UNREADY: &str = "SELECT name, id FROM tenant WHERE key_layout = 0 AND state <> 'deleted' ORDER BY name LIMIT 20";
const UPGRADABLE: &str = "SELECT count(*) FROM tenant WHERE key_layout < 2";
/// Statements by the older settings are refused, since the schema revision changes.
const UPGRADE: &str = "
UPDATE tenant SET key_layout = 2, schema_revision = schema_revision + 1, config_epoch = nextval('config_epoch')
WHERE key_layout = 1 OR key_layout = 0 AND state = 'deleted'";

/// From now on tenants are created as they will stay.
const DEFAULTS: &str = "
ALTER TABLE tenant ALTER COLUMN key_layout SET DEFAULT 2, ALTER COLUMN search_attributes SET DEFAULT ARRAY['emails.value'],
  ALTER COLUMN search_ready SET DEFAULT ARRAY['emails.value'];
";

/// A trigger is dropped when the statements that may still need it have ended. The indexes served the version before alone.
const CONTRACT: &str = "
DROP TRIGGER IF EXISTS mirror ON resource_key;
DROP TRIGGER IF EXISTS count_numbered ON event;
DROP TRIGGER IF EXISTS release ON plugin;
DROP INDEX IF EXISTS resource_page;
ALTER TABLE event DROP CONSTRAINT IF EXISTS event_pkey;
";

/// The result of [`Store::finish_upgrade`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    /// Nothing was left to do, or it is done now, for so many tenants.
    Done(i64),
    /// Jobs are not finished for these tenants, or for more.
    Unready(Vec<String>),
}

impl Store {
    /// Finishes an upgrade, when every replica has read its tenants' settings within `settings_age`. It can be repeated.
    pub async fn finish_upgrade(&self, settings_age: Duration) -> Result<Finished, Error> {
        let doing = "finishing an upgrade";
        let (control, login) = (self.control(), self.pool.login(doing).await?);
        concurrent::run_each(&login.client, DEFAULTS).await?;
        drop(login);
        let unready = control.query(doing, UNREADY, &[]).await?;
        if !unready.is_empty() {
            for row in &unready {
                self.tenant(TenantId(row.get(1))).resume_search_keys().await?;
            }
            return Ok(Finished::Unready(unready.iter().map(|row| row.get(0)).collect()));
        }
        let count = control.query(doing, UPGRADABLE, &[]).await?.first().map_or(0, |row| row.get(0));
        if count > 0 {
            tokio::time::sleep(settings_age).await;
            control.query(doing, UPGRADE, &[]).await?;
        }
        let login = self.pool.login(doing).await?;
        concurrent::run_each(&login.client, CONTRACT).await?;
        Ok(Finished::Done(count))
    }
}
