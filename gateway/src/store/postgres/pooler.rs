//! Finds out at the start whether a pooler in transaction mode is between the gateway and the server. Such a pooler
//! gives a connection to another client after each transaction: settings of the session, such as the tenant, would apply to that one.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_postgres::types::Type;

use crate::config::Pooler;
use crate::store::Store;
use crate::store::error::Error;
use crate::store::postgres::session::Session;

/// The connections with which a pooler is found also where one address leads to several: only the first connection's own pooler can give
/// its process to another.
pub const CONNECTIONS: usize = 17;
/// A pooler in session mode may have no more connections.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a server without room is asked whether it has closed the connections.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
const DOING: &str = "asking whether there is a pooler";

/// The process of the server that has this connection now.
const PROCESS: &str = "SELECT pg_backend_pid()";
/// Whether any of the server's processes is still there.
const ARE_OPEN: &str = "SELECT 1 FROM pg_stat_activity a WHERE a.pid = ANY($1)";

impl Store {
    /// What the address leads through, found out with at most so many connections, but two at least. A server with room for few has none
    /// for others meanwhile; this waits for up to a second until the server has closed them.
    ///
    /// # Errors
    /// The database.
    pub async fn pooler(&self, connections: usize) -> Result<Pooler, Error> {
        let first = self.pool.open(DOING).await?;
        let process = process(&first).await?;
        let (mut others, mut processes, mut has_room) = (Vec::new(), Vec::new(), true);
        // A pooler gives the connection to the server that was used last, or the one that was not used for longest.
        for _ in 1..connections.clamp(2, CONNECTIONS) {
            let other = async {
                let session = self.pool.open(DOING).await?;
                session.client.batch_execute("BEGIN").await.map_err(|source| Error::from_driver(DOING, source))?;
                let process = self::process(&session).await?;
                Ok::<_, Error>((session, process))
            };
            // Neither the server nor a pooler in session mode needs to have room for another.
            let Ok(Ok((session, theirs))) = timeout(PATIENCE, other).await else {
                has_room = false;
                break;
            };
            others.push(session);
            processes.push(theirs);
            if theirs == process {
                return Ok(Pooler::Transaction);
            }
        }
        // While the others keep theirs, a connection of the first one's own stays the same.
        if !matches!(timeout(PATIENCE, self::process(&first)).await, Ok(Ok(still)) if still == process) {
            return Ok(Pooler::Transaction);
        }
        drop(others);
        if !has_room {
            // The server notices later that they are closed. A pooler in session mode keeps them, which is as good.
            let _ = timeout(PATIENCE, closed(&first, &processes)).await;
        }
        Ok(Pooler::Session)
    }
}

async fn process(session: &Session) -> Result<i32, Error> {
    let rows = session.client.query_typed(PROCESS, &[]).await;
    let rows = rows.map_err(|source| Error::from_driver(DOING, source))?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

async fn closed(first: &Session, processes: &[i32]) {
    while first.client.query_typed(ARE_OPEN, &[(&processes, Type::INT4_ARRAY)]).await.is_ok_and(|rows| !rows.is_empty())
    {
        sleep(POLL_INTERVAL).await;
    }
}
