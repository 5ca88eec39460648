//! The one way to the database: a role, at most one tenant, and a batch of statements that is one transaction.
//!
//! A batch is sent whole at its first poll. A caller that is dropped in the middle therefore never leaves a pooled
//! connection inside an open transaction, as a hand-written BEGIN would.

pub(crate) mod figures;
pub(crate) mod once;
mod pipeline;
mod ready;
#[cfg(test)]
#[cfg(feature = "embedded")]
mod tests;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, PoolError};
use futures_util::future::join;
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::counts;
use crate::store::availability::Availability;
use crate::store::error::Error;
use crate::store::memory::Account;
use crate::store::postgres::pool::ready::Ready;
use crate::store::postgres::pool::turns::Turns;
pub(crate) use crate::store::postgres::session::Role;
use crate::store::postgres::session::{STATEMENT_TIMEOUT, Session, SessionManager};
use crate::store::waited::Waited;
use crate::trace::{self, OpenSpan};

/// A statement with its parameters.
#[derive(Clone)]
pub(crate) struct Statement<'a> {
    /// What it does, for messages.
    pub(crate) doing: &'static str,
    pub(crate) sql: &'a str,
    pub(crate) params: Vec<&'a (dyn ToSql + Sync)>,
}

impl<'a> Statement<'a> {
    pub(crate) fn new(doing: &'static str, sql: &'a str, params: &[&'a (dyn ToSql + Sync)]) -> Self {
        Self { doing, sql, params: params.to_vec() }
    }
}

/// Why nothing of a transaction was kept.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The index of the first statement that failed; none where it was the connection, BEGIN or COMMIT.
    pub(crate) statement: Option<usize>,
    pub(crate) error: Error,
}

impl AsRef<Error> for Failure {
    fn as_ref(&self) -> &Error {
        &self.error
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { statement: None, error }
    }
}

/// A bounded set of connections.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: managed::Pool<SessionManager>,
    turns: Arc<Turns>,
    /// The limit for one batch, including the wait for a connection.
    timeout: Duration,
    /// Whether a connection is kept though its batch timed out.
    keeps_on_timeout: bool,
    availability: Arc<Availability>,
    /// How long batches wait for a connection.
    waits: Histogram,
    /// How long the batches of this handle waited for a connection.
    waited: Option<Waited>,
}

/// A connection taken from the pool.
pub(crate) type PooledSession = managed::Object<SessionManager>;

impl Pool {
    /// Builds the pool over a connection manager.
    pub(crate) fn build(manager: SessionManager, size: usize, timeout: Duration) -> Result<Self, managed::BuildError> {
        let connections = managed::Pool::builder(manager)
            .max_size(size)
            .wait_timeout(Some(timeout))
            // Shorter than the batch's limit: so a database that does not answer differs from a pool without a free connection.
            .create_timeout(Some(timeout * 3 / 4))
            .recycle_timeout(Some(timeout))
            // The connection used last is the likeliest to have the next batch's role.
            .queue_mode(managed::QueueMode::Lifo)
            .runtime(deadpool::Runtime::Tokio1)
            .build()?;
        Ok(Self {
            connections,
            turns: Arc::new(Turns::of(size)),
            timeout,
            keeps_on_timeout: false,
            availability: Arc::default(),
            waits: counts::seconds(),
            waited: None,
        })
    }

    /// Never closes a connection whose statement is still running. The embedded database would stop, and as it has one
    /// connection only, the next batch must wait for that statement anyway.
    #[cfg(feature = "embedded")]
    pub(in crate::store) fn keep_on_timeout(self) -> Self {
        Self { keeps_on_timeout: true, ..self }
    }

    /// Whether the database answers.
    pub(in crate::store) fn availability(&self) -> &Arc<Availability> {
        &self.availability
    }

    /// The same connections; how long batches wait for one of them is added to this.
    pub(in crate::store) fn counting(self, waited: Waited) -> Self {
        Self { waited: Some(waited), ..self }
    }

    /// Whether it is the embedded database's.
    pub(in crate::store) fn is_embedded(&self) -> bool {
        self.keeps_on_timeout
    }

    /// Runs one statement, which is a transaction by itself.
    pub(crate) async fn query(&self, role: Role, statement: &Statement<'_>) -> Result<Vec<Row>, Error> {
        self.with_session(role, statement.doing, async |session| single(session, role, statement).await).await
    }

    /// The same for an answer that may be long: it is held in the account as it arrives.
    pub(crate) async fn read(
        &self,
        role: Role,
        statement: &Statement<'_>,
        account: &Account,
    ) -> Result<Vec<Row>, Error> {
        self.with_session(role, statement.doing, async |session| read(session, role, statement, account).await).await
    }

    /// Runs the statements as one transaction in one round trip and returns the rows of each. Where one fails, nothing is
    /// kept.
    pub(crate) async fn batch(&self, role: Role, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        match statements {
            [only] => Ok(vec![self.query(role, only).await?]),
            _ => self.transaction(role, statements).await.map_err(|failure| failure.error),
        }
    }

    /// Like [`Pool::batch`], always as one transaction, and names the statement that failed.
    pub(crate) async fn transaction(&self, role: Role, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, Failure> {
        let doing = statements.first().map_or("nothing", |statement| statement.doing);
        self.with_session(role, doing, async |session| transaction(session, role, statements).await).await
    }

    /// Runs something on a connection within the limit for a batch, as a span of the request's trace.
    async fn with_session<T, E: From<Error> + AsRef<Error>>(
        &self,
        role: Role,
        doing: &'static str,
        run: impl AsyncFnOnce(&mut Session) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut span = trace::client_span(doing);
        span.set("db.system.name", || "postgresql");
        let outcome = self.on_session(role, doing, &mut span, run).await;
        if let Err(error) = &outcome {
            span.fail(error.as_ref().kind());
        }
        outcome
    }

    async fn on_session<T, E: From<Error> + AsRef<Error>>(
        &self,
        role: Role,
        doing: &'static str,
        span: &mut OpenSpan,
        run: impl AsyncFnOnce(&mut Session) -> Result<T, E>,
    ) -> Result<T, E> {
        let late = |elapsed| Error::unavailable(doing, elapsed);
        let asked = Instant::now();
        let deadline = asked + self.timeout;
        let turn = async {
            match role {
                Role::Tenant(tenant) => Some(self.turns.take(tenant).await),
                Role::Control => None,
            }
        };
        let _turn = timeout_at(deadline, turn).await.map_err(|_elapsed| Error::Turn { doing })?;
        let taken = timeout_at(deadline, self.take(doing)).await.map_err(late)?;
        let mut session = taken.inspect_err(|error| self.availability.note(asked, Some(error)))?;
        let begun = Instant::now();
        self.waits.observe((begun - asked).as_secs_f64());
        if let Some(waited) = &self.waited {
            waited.add(begun - asked);
        }
        span.set("scimgate.wait_us", || i64::try_from((begun - asked).as_micros()).unwrap_or(i64::MAX));
        let outcome = match timeout_at(deadline, run(&mut session)).await {
            Ok(outcome) => outcome,
            Err(elapsed) => {
                let error = late(elapsed);
                if begun.elapsed() > STATEMENT_TIMEOUT && !self.keeps_on_timeout {
                    // The server would have cancelled the statement by now: the connection is dead, and its next user would
                    // time out as well.
                    drop(PooledSession::take(session));
                    self.availability.lose(&error);
                }
                return Err(error.into());
            }
        };
        self.availability.note(begun, outcome.as_ref().err().map(AsRef::as_ref));
        outcome
    }

    /// A connection under the login role, for migrations.
    pub(crate) async fn login(&self, doing: &'static str) -> Result<PooledSession, Error> {
        let mut session = self.take(doing).await?;
        session.reset_role().await.map_err(|source| Error::from_driver(doing, source))?;
        Ok(session)
    }

    /// A connection beside the pool's, under the login role, on which nothing is set; it is closed when it is dropped.
    pub(crate) async fn open(&self, doing: &'static str) -> Result<Session, Error> {
        let opened = timeout_at(Instant::now() + self.timeout, self.connections.manager().open()).await;
        let opened = opened.map_err(|elapsed| Error::unavailable(doing, elapsed))?;
        opened.map_err(|source| Error::unavailable(doing, source))
    }

    async fn take(&self, doing: &'static str) -> Result<PooledSession, Error> {
        self.connections.get().await.map_err(|error| match error {
            // The pool's own message repeats its source.
            PoolError::Backend(source) => Error::unavailable(doing, source),
            error => Error::unavailable(doing, error),
        })
    }
}

async fn single(session: &mut Session, role: Role, statement: &Statement<'_>) -> Result<Vec<Row>, Error> {
    if session.is_per_transaction() {
        let answers = transaction(session, role, std::slice::from_ref(statement)).await;
        return Ok(answers.map_err(|failure| failure.error)?.pop().unwrap_or_default());
    }
    let failed = |source| Error::from_driver(statement.doing, source);
    let ready = Ready::of(session, statement.sql).await.map_err(failed)?;
    let answer = match session.assume_role(role) {
        None => ready.rows(&session.client, statement.sql, &statement.params).await,
        // Sent together. If setting the role fails, the statement runs under the earlier one: row-level security refuses
        // the rows of another tenant than the one it names, and the answer is dropped.
        Some(set_role) => {
            let query = ready.rows(&session.client, statement.sql, &statement.params);
            let (assumed, answer) = join(session.client.batch_execute(&set_role), query).await;
            assumed.map_err(failed)?;
            answer
        }
    };
    session.confirm_role(role);
    answer.map_err(failed)
}

async fn read(
    session: &mut Session,
    role: Role,
    statement: &Statement<'_>,
    account: &Account,
) -> Result<Vec<Row>, Error> {
    let failed = |source| Error::from_driver(statement.doing, source);
    let ready = Ready::of(session, statement.sql).await.map_err(failed)?;
    let set_role = session.assume_role(role);
    let query = async {
        let answer = ready.stream(&session.client, statement.sql, &statement.params).await;
        account.collect(statement.doing, answer.map_err(failed)?).await
    };
    let rows = match &set_role {
        None => query.await,
        Some(set_role) if session.is_per_transaction() => {
            let begin = format!("BEGIN; {set_role}");
            let (opened, mut rows, ended) = pipeline::transaction(&session.client, &begin, vec![query]).await;
            opened.and(ended).map_err(failed)?;
            rows.pop().unwrap_or(Ok(Vec::new()))
        }
        Some(set_role) => {
            let (assumed, rows) = join(session.client.batch_execute(set_role), query).await;
            assumed.map_err(failed)?;
            rows
        }
    };
    session.confirm_role(role);
    rows
}

async fn transaction(
    session: &mut Session,
    role: Role,
    statements: &[Statement<'_>],
) -> Result<Vec<Vec<Row>>, Failure> {
    let doing = statements.first().map_or("nothing", |statement| statement.doing);
    let failed = |source| Error::from_driver(doing, source);
    let mut prepared = Vec::with_capacity(statements.len());
    for statement in statements {
        // Prepared before BEGIN: a Prepare round trip in the batch would let COMMIT overtake.
        let ready = Ready::of(session, statement.sql).await;
        prepared.push(ready.map_err(|source| Error::from_driver(statement.doing, source))?);
    }
    let begin = session.assume_role(role).map_or_else(|| "BEGIN".to_owned(), |set_role| format!("BEGIN; {set_role}"));
    let client = &session.client;
    let queries = statements.iter().zip(&prepared);
    let queries = queries.map(|(statement, ready)| ready.rows(client, statement.sql, &statement.params)).collect();
    let (opened, answers, ended) = pipeline::transaction(client, &begin, queries).await;
    opened.map_err(failed)?;
    let mut rows = Vec::with_capacity(answers.len());
    for (index, (statement, answer)) in statements.iter().zip(answers).enumerate() {
        rows.push(answer.map_err(|source| Failure {
            statement: Some(index),
            error: Error::from_driver(statement.doing, source),
        })?);
    }
    ended.map_err(failed)?;
    // A failed transaction takes SET ROLE back; only here is the role certain.
    session.confirm_role(role);
    Ok(rows)
}
