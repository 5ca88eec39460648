//! What `scimgate doctor` asks the database: its version, clock and TLS, the roles, and row-level security.

use std::time::{Duration, SystemTime};

use crate::store::Store;
use crate::store::error::Error;

/// The oldest PostgreSQL that the statements work on.
pub const OLDEST_POSTGRES: i32 = 15;

/// `pg_stat_ssl` is readable by everybody for the own connection.
const SERVER: &str = "SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000, clock_timestamp(),
  coalesce((SELECT s.ssl FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()), false), inet_server_addr() IS NULL, session_user::text,
  current_database()::text, pg_is_in_recovery()";

/// The two roles: whether each is there, whether the login role may take it, and whether it is above row-level security.
const ROLES: &str = "SELECT wanted, r.oid IS NOT NULL, coalesce(pg_has_role(session_user, r.oid, 'MEMBER'), false),
  coalesce(r.rolsuper OR r.rolbypassrls, false)
FROM unnest(ARRAY['scimgate_tenant', 'scimgate_control']) wanted LEFT JOIN pg_roles r ON r.rolname = wanted ORDER BY wanted DESC";

/// Tables with tenants' rows that the tenant role may read, and that row-level security does not hold for.
const UNPROTECTED: &str = "SELECT c.relname::text FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'tenant'::regclass)
  AND has_table_privilege('scimgate_tenant', c.oid, 'SELECT') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
ORDER BY c.relname LIMIT 20";

/// A database server, as its own connection sees it.
#[derive(Clone, Debug)]
pub struct Server {
    /// Its version, as it is written.
    pub version: String,
    /// The number of its major version.
    pub major: i32,
    /// The time there minus the time here, in milliseconds.
    pub ahead_ms: i64,
    /// The time from the question to the answer.
    pub took: Duration,
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
    /// Whether the connection is a Unix socket's.
    pub is_socket: bool,
    /// The login role.
    pub login: String,
    /// The database's name.
    pub database: String,
    /// Whether it is a standby, which takes no writes.
    pub is_standby: bool,
}

/// One of the two roles that statements run under.
#[derive(Clone, Debug)]
pub struct SessionRole {
    /// Its name.
    pub name: String,
    /// Whether it exists.
    pub exists: bool,
    /// Whether the login role may take it.
    pub is_granted: bool,
    /// Whether row-level security does not hold for it.
    pub is_unbound: bool,
}

impl Store {
    /// What the server says of itself. `now` is the clock of this machine.
    pub async fn diagnose_server(&self, now: impl Fn() -> SystemTime) -> Result<Server, Error> {
        let doing = "asking the database about itself";
        let login = self.pool.login(doing).await?;
        let asked = now();
        // Unnamed, as through a pooler in transaction mode no statement can be kept prepared.
        let rows = login.client.query_typed(SERVER, &[]).await.map_err(|source| Error::from_driver(doing, source))?;
        let [row] = rows.as_slice() else {
            return Err(Error::Corrupt { what: "answer of the server", why: format!("{} rows", rows.len()) });
        };
        let took = now().duration_since(asked).unwrap_or_default();
        // The database read its clock between question and answer.
        let (here, there) = (asked + took / 2, row.get::<_, SystemTime>(2));
        let ahead = there.duration_since(here).map_err(|behind| behind.duration());
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Ok(Server {
            version: row.get(0),
            major: row.get(1),
            ahead_ms: ahead.map_or_else(|behind| -millis(behind), millis),
            took,
            is_encrypted: row.get(3),
            is_socket: row.get(4),
            login: row.get(5),
            database: row.get(6),
            is_standby: row.get(7),
        })
    }

    /// The two roles that statements run under.
    pub async fn diagnose_roles(&self) -> Result<Vec<SessionRole>, Error> {
        let doing = "asking the database for the roles";
        let login = self.pool.login(doing).await?;
        let rows = login.client.query_typed(ROLES, &[]).await.map_err(|source| Error::from_driver(doing, source))?;
        let role = |row: &tokio_postgres::Row| SessionRole {
            name: row.get(0),
            exists: row.get(1),
            is_granted: row.get(2),
            is_unbound: row.get(3),
        };
        Ok(rows.iter().map(role).collect())
    }

    /// Tables with tenants' rows for which row-level security is not forced; none where all is well.
    pub async fn unprotected_tables(&self) -> Result<Vec<String>, Error> {
        let doing = "asking the database for row-level security";
        let login = self.pool.login(doing).await?;
        let rows =
            login.client.query_typed(UNPROTECTED, &[]).await.map_err(|source| Error::from_driver(doing, source))?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}
