//! The one way to the database: a role, at most one tenant, and a batch of statements that is one transaction.
//!
//! A batch is sent whole at its first poll. A caller that is dropped in the middle therefore never leaves a pooled
//! connection inside an open transaction, as a hand-written BEGIN would.

mod once;

use std::time::Duration;

use deadpool::managed;
use futures_util::future::{join, join_all, join3};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::store::error::Error;
pub(crate) use crate::store::postgres::session::Role;
use crate::store::postgres::session::{STATEMENT, Session, Sessions};

/// A statement with its parameters.
pub(crate) struct Statement<'a> {
    /// What it does, for messages.
    pub(crate) doing: &'static str,
    pub(crate) sql: &'a str,
    pub(crate) params: &'a [&'a (dyn ToSql + Sync)],
}

/// A transaction of which nothing was kept.
#[derive(Debug)]
pub(crate) struct Broken {
    /// The place of the first statement that failed.
    pub(crate) at: usize,
    /// How it failed.
    pub(crate) error: Error,
}

/// A bounded set of connections.
#[derive(Clone)]
pub(crate) struct Pool {
    connections: managed::Pool<Sessions>,
    /// Longest time a batch may take, waiting for a connection included.
    timeout: Duration,
    /// Whether a connection is kept though nobody waits for its answer any longer.
    keeps: bool,
}

/// A connection taken from the pool.
pub(crate) type Taken = managed::Object<Sessions>;

impl Pool {
    /// Builds the pool over a connection manager.
    pub(crate) fn build(
        manager: deadpool_postgres::Manager,
        size: usize,
        timeout: Duration,
    ) -> Result<Self, managed::BuildError> {
        let connections = managed::Pool::builder(Sessions(manager))
            .max_size(size)
            .wait_timeout(Some(timeout))
            .create_timeout(Some(timeout))
            .recycle_timeout(Some(timeout))
            // The connection used last is the likeliest to speak for the tenant that comes next.
            .queue_mode(managed::QueueMode::Lifo)
            .runtime(deadpool::Runtime::Tokio1)
            .build()?;
        Ok(Self { connections, timeout, keeps: false })
    }

    /// Never hangs up on a database that is at work. The embedded one takes that for its own end, and with its one client
    /// nobody else is helped by it: who comes next waits until it is done.
    #[cfg(feature = "embedded")]
    pub(in crate::store) fn keeping(self) -> Self {
        Self { keeps: true, ..self }
    }

    /// Runs the statements as one transaction in one round trip and gives the rows of each.
    ///
    /// # Errors
    /// The first statement's error where one failed; then nothing was kept.
    pub(crate) async fn batch(&self, role: Role, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        let doing = statements.first().map_or("nothing", |statement| statement.doing);
        self.within(doing, async |session| match statements {
            [only] => single(session, role, only).await.map(|rows| vec![rows]),
            _ => transaction(session, role, statements).await?.map_err(|broken| broken.error),
        })
        .await
    }

    /// Like [`Pool::batch`], always as one transaction, and tells which statement it broke at.
    ///
    /// # Errors
    /// What kept the transaction from being tried, or its end unknown.
    pub(crate) async fn transaction(
        &self,
        role: Role,
        statements: &[Statement<'_>],
    ) -> Result<Result<Vec<Vec<Row>>, Broken>, Error> {
        let doing = statements.first().map_or("nothing", |statement| statement.doing);
        self.within(doing, async |session| transaction(session, role, statements).await).await
    }

    /// Does something on a connection in the time a batch may take.
    async fn within<T>(
        &self,
        doing: &'static str,
        run: impl AsyncFnOnce(&mut Session) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let late = |late| Error::Unavailable { doing, source: Box::new(late) };
        let deadline = Instant::now() + self.timeout;
        let mut taken = timeout_at(deadline, self.take(doing)).await.map_err(late)??;
        let begun = Instant::now();
        let outcome = timeout_at(deadline, run(&mut taken)).await;
        if outcome.is_err() && begun.elapsed() > STATEMENT && !self.keeps {
            // The server would have given up by itself: this connection leads nowhere, and its next user would wait in
            // vain, too.
            drop(Taken::take(taken));
        }
        outcome.map_err(late)?
    }

    /// Runs one statement, which is a transaction by itself.
    pub(crate) async fn query(&self, role: Role, statement: Statement<'_>) -> Result<Vec<Row>, Error> {
        let mut answers = self.batch(role, &[statement]).await?;
        Ok(answers.pop().unwrap_or_default())
    }

    /// A connection that speaks as who logged in, for migrations.
    pub(crate) async fn login(&self, doing: &'static str) -> Result<Taken, Error> {
        let mut taken = self.take(doing).await?;
        taken.turn_back().await.map_err(|source| Error::from_driver(doing, source))?;
        Ok(taken)
    }

    async fn take(&self, doing: &'static str) -> Result<Taken, Error> {
        self.connections.get().await.map_err(|source| Error::Unavailable { doing, source: Box::new(source) })
    }
}

async fn single(session: &mut Session, role: Role, statement: &Statement<'_>) -> Result<Vec<Row>, Error> {
    let failed = |source| Error::from_driver(statement.doing, source);
    let prepared = session.client.prepare_cached(statement.sql).await.map_err(failed)?;
    let answer = match session.turn_to(role) {
        None => session.client.query(&prepared, statement.params).await,
        // Sent together. Were the turn to fail, the statement would run as the one before: its rows, of another tenant
        // than the one it names, are refused by row-level security, and the answer is not looked at.
        Some(turn) => {
            let call = session.client.query(&prepared, statement.params);
            let (turned, answer) = join(session.client.batch_execute(&turn), call).await;
            turned.map_err(failed)?;
            answer
        }
    };
    session.settle(role);
    answer.map_err(failed)
}

async fn transaction(
    session: &mut Session,
    role: Role,
    statements: &[Statement<'_>],
) -> Result<Result<Vec<Vec<Row>>, Broken>, Error> {
    let doing = statements.first().map_or("nothing", |statement| statement.doing);
    let mut prepared = Vec::with_capacity(statements.len());
    for statement in statements {
        // Prepared before BEGIN: a Prepare round trip in the batch would let COMMIT overtake.
        let ready = session.client.prepare_cached(statement.sql).await;
        prepared.push(ready.map_err(|source| Error::from_driver(statement.doing, source))?);
    }
    let begin = session.turn_to(role).map_or_else(|| "BEGIN".to_owned(), |turn| format!("BEGIN; {turn}"));
    let client = &session.client;
    let calls = statements.iter().zip(&prepared).map(|(call, ready)| client.query(ready, call.params));
    let (opened, answers, committed) =
        join3(client.batch_execute(&begin), join_all(calls), client.batch_execute("COMMIT")).await;
    opened.map_err(|source| Error::from_driver(doing, source))?;
    let mut rows = Vec::with_capacity(answers.len());
    for (at, (statement, answer)) in statements.iter().zip(answers).enumerate() {
        match answer {
            Ok(answer) => rows.push(answer),
            // Those after it were not done, and the COMMIT ended the transaction without keeping anything.
            Err(source) => return Ok(Err(Broken { at, error: Error::from_driver(statement.doing, source) })),
        }
    }
    committed.map_err(|source| Error::from_driver(doing, source))?;
    // A transaction that fails takes the turn back with it; only here is it certain.
    session.settle(role);
    Ok(Ok(rows))
}
