//! The last step of an upgrade, once no replica of the version before runs: keys are written in the final layout alone, and
//! the triggers that followed the older replicas go.

use std::time::Duration;

use crate::store::error::Error;
use crate::store::{ControlStore, Store};

/// A replica reads search keys as its cached settings say, which are up to this old.
const SETTINGS_AGE: Duration = Duration::from_secs(3);

/// Tenants whose search keys a job is still completing.
const UNREADY: &str = "SELECT name FROM tenant WHERE key_layout = 0 AND state <> 'deleted' ORDER BY name LIMIT 20";
const UPGRADABLE: &str = "SELECT count(*) FROM tenant WHERE key_layout < 2";
/// Statements by the older settings are refused, since the schema revision changes.
const UPGRADE: &str = "
UPDATE tenant SET key_layout = 2, schema_revision = schema_revision + 1, config_epoch = nextval('config_epoch')
WHERE key_layout = 1 OR key_layout = 0 AND state = 'deleted'";

/// A trigger is dropped when the statements that may still need it have ended. The indexes served the version before alone.
const CONTRACT: &str = "
SET LOCAL lock_timeout = '10s';
ALTER TABLE tenant ALTER COLUMN key_layout SET DEFAULT 2;
DROP TRIGGER IF EXISTS mirror ON resource_key;
DROP TRIGGER IF EXISTS count_numbered ON event;
DROP INDEX IF EXISTS resource_page;
ALTER TABLE event DROP CONSTRAINT IF EXISTS event_pkey;";

/// The result of [`Store::finish_upgrade`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    /// Nothing was left to do, or it is done now, for so many tenants.
    Done(i64),
    /// Jobs are not finished for these tenants, or for more.
    Unready(Vec<String>),
}

impl Store {
    /// Finishes an upgrade. It can be repeated.
    pub async fn finish_upgrade(&self) -> Result<Finished, Error> {
        let doing = "finishing an upgrade";
        let control = self.control();
        let unready = control.query(doing, UNREADY, &[]).await?;
        if !unready.is_empty() {
            return Ok(Finished::Unready(unready.iter().map(|row| row.get(0)).collect()));
        }
        let count = control.query(doing, UPGRADABLE, &[]).await?.first().map_or(0, |row| row.get(0));
        if count > 0 {
            tokio::time::sleep(SETTINGS_AGE).await;
            control.upgrade_tenants().await?;
        }
        let login = self.pool.login(doing).await?;
        let contract = format!("BEGIN; {CONTRACT} COMMIT");
        if let Err(source) = login.client.batch_execute(&contract).await {
            login.client.batch_execute("ROLLBACK").await.map_err(|lost| Error::from_driver(doing, lost))?;
            return Err(Error::from_driver(doing, source));
        }
        Ok(Finished::Done(count))
    }
}

impl ControlStore {
    async fn upgrade_tenants(&self) -> Result<(), Error> {
        self.query("finishing an upgrade", UPGRADE, &[]).await?;
        Ok(())
    }
}
