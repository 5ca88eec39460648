//! What a tenant is called, and was: its identity provider may still send requests to the address with a former name.

use std::collections::HashMap;
use std::time::SystemTime;

use crate::store::ControlStore;
use crate::store::error::Error;
use crate::tenant::TenantId;

/// A tenant's name with those that it had before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantNames {
    /// What it is called.
    pub current: String,
    /// What it was called, the latest last, and what its address still may have.
    pub former: Vec<String>,
}

impl TenantNames {
    /// Whether the tenant is called so, or was.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.current == name || self.former.iter().any(|former| former == name)
    }
}

/// What came of a new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renamed {
    /// The tenant has it.
    Done,
    /// The tenant was renamed or deleted meanwhile, or the name is a former one of another tenant.
    Refused,
}

/// A name that another tenant had before is refused. Where that one is renamed at the same moment, both have it: an address with it then
/// is that of whose name it is now, or of whose token comes to it.
const RENAME: &str = "
UPDATE tenant SET name = $3, former_names = array_append(array_remove(former_names, $3), name), modified_at = $4,
  config_epoch = nextval('config_epoch')
WHERE id = $1 AND CASE WHEN id = $1 THEN name = $2 AND state <> 'deleted' END AND NOT EXISTS (SELECT 1 FROM tenant o
  WHERE o.former_names @> ARRAY[$3] AND o.former_names <> '{}' AND o.id <> $1) RETURNING 1";

const FORGET: &str = "
UPDATE tenant SET former_names = array_remove(former_names, $2), modified_at = $3, config_epoch = nextval('config_epoch')
WHERE id = $1 AND CASE WHEN id = $1 THEN $2 = ANY(former_names) AND state <> 'deleted' END RETURNING 1";

const FORMERLY: &str = "
SELECT name FROM tenant WHERE former_names @> ARRAY[$1] AND former_names <> '{}' AND state <> 'deleted' ORDER BY id LIMIT 1";

/// Of names that addresses have: those of tenants, or what they were called before.
const NAMED: &str = "
SELECT n.name, coalesce((SELECT t.id FROM tenant t WHERE t.name = n.name AND t.state <> 'deleted'),
  (SELECT t.id FROM tenant t WHERE t.former_names @> ARRAY[n.name] AND t.former_names <> '{}' AND t.state <> 'deleted' ORDER BY t.id LIMIT 1))
FROM (SELECT DISTINCT u.name FROM unnest($1::text[]) u (name)) n";

impl ControlStore {
    /// The tenants that have these names, or had them.
    pub async fn tenants_by_names(&self, names: &[&str]) -> Result<HashMap<String, TenantId>, Error> {
        let rows = self.query("looking up tenants by their names", NAMED, &[&names]).await?;
        let found = rows.iter().filter_map(|row| Some((row.get(0), TenantId(row.get::<_, Option<uuid::Uuid>>(1)?))));
        Ok(found.collect())
    }

    /// Gives a tenant another name; the one that it has becomes a former one.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when another tenant has the name.
    pub async fn rename_tenant(
        &self,
        id: TenantId,
        (from, to): (&str, &str),
        at: SystemTime,
    ) -> Result<Renamed, Error> {
        let rows = self.query("renaming a tenant", RENAME, &[&id.0, &from, &to, &at]).await?;
        Ok(if rows.is_empty() { Renamed::Refused } else { Renamed::Done })
    }

    /// Forgets a former name, which is free then; gives whether it was one.
    pub async fn forget_tenant_name(&self, id: TenantId, name: &str, at: SystemTime) -> Result<bool, Error> {
        Ok(!self.query("forgetting a tenant's former name", FORGET, &[&id.0, &name, &at]).await?.is_empty())
    }

    /// What a tenant is called that was called so before.
    pub async fn tenant_formerly_called(&self, name: &str) -> Result<Option<String>, Error> {
        let rows = self.query("looking up a former name", FORMERLY, &[&name]).await?;
        Ok(rows.first().map(|row| row.get(0)))
    }
}
