//! A transaction in one round trip: BEGIN, the queries and COMMIT are sent without awaiting an answer in between.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use deadpool_postgres::ClientWrapper;
use futures_util::future::{join3, maybe_done};
use tokio_postgres::{Error, Row};

/// The answers to BEGIN, to each query, and to the end of the transaction.
pub(super) type Answers<E> = (Result<(), Error>, Vec<Result<Vec<Row>, E>>, Result<(), Error>);

/// Sends everything at its first poll.
///
/// A query whose parameters cannot be encoded is never sent, so COMMIT would keep the others without it. The driver encodes
/// and sends a query when its future is first polled: a failure by then ends the transaction with ROLLBACK.
pub(super) async fn transaction<F, E>(client: &ClientWrapper, begin: &str, queries: Vec<F>) -> Answers<E>
where
    F: Future<Output = Result<Vec<Row>, E>>,
{
    let failed = AtomicBool::new(false);
    let mut noted = Vec::with_capacity(queries.len());
    for query in queries {
        noted.push(async {
            let answer = query.await;
            failed.fetch_or(answer.is_err(), Ordering::Relaxed);
            answer
        });
    }
    let end = async { client.batch_execute(if failed.load(Ordering::Relaxed) { "ROLLBACK" } else { "COMMIT" }).await };
    join3(client.batch_execute(begin), join_in_order(noted), end).await
}

/// Polls all futures in their order. `join_all` may return from its first poll before it has polled each of a long list,
/// and COMMIT would overtake the rest.
async fn join_in_order<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| Box::pin(maybe_done(future))).collect();
    poll_fn(|context| {
        let mut is_pending = false;
        for future in &mut futures {
            is_pending |= future.as_mut().poll(context).is_pending();
        }
        if is_pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    futures.iter_mut().filter_map(|future| future.as_mut().take_output()).collect()
}
