//! Requests whose computing takes long: with a large body, large documents, or many terms over large documents; and jobs. What they
//! compute is bounded, but cannot be interrupted. So each stretch of it, from one wait to the next, runs on a thread that serves no
//! other request meanwhile: one stretch of a tenant at a time, and as many in all as there are processors.

use std::num::NonZero;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context as TaskContext, Poll, ready};

use futures_util::future::BoxFuture;
use pin_project_lite::pin_project;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::operation::stretch;
use crate::tenant::TenantId;
use crate::tenant::in_use::InUse;

/// From so many bytes on a body, a document, or what is computed of them is large: about two milliseconds of work.
pub const LARGE_BYTES: usize = 128 << 10;

/// The permits for large requests.
pub struct LargeRequests {
    of_all: Arc<Semaphore>,
    processors: usize,
    tenants: InUse<TenantId, Semaphore>,
}

impl Default for LargeRequests {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { of_all: Arc::new(Semaphore::new(processors)), processors, tenants: InUse::default() }
    }
}

/// Whether a request is large, once it is.
#[derive(Clone, Default)]
pub struct Large(Arc<OnceLock<(Arc<LargeRequests>, TenantId)>>);

type Permits = [Option<OwnedSemaphorePermit>; 2];

impl LargeRequests {
    /// Permits for stretches at the same time, and how many of them are free.
    pub(in crate::operation) fn figures(&self) -> (usize, usize) {
        (self.processors, self.of_all.available_permits())
    }

    /// Makes a request large: what it computes afterwards blocks no other request.
    pub(crate) async fn begin(self: &Arc<Self>, tenant: TenantId, large: &Large) {
        if large.0.set((Arc::clone(self), tenant)).is_ok() {
            // The rest is polled anew, with permits.
            tokio::task::yield_now().await;
        }
    }

    /// Does work of a tenant that no request waits for, and that may take long all in all: none of its stretches blocks a request.
    pub(crate) async fn run<F: Future>(self: &Arc<Self>, tenant: TenantId, work: F) -> F::Output {
        let large = Large::default();
        let begun = large.clone();
        let work = async move {
            self.begin(tenant, &begun).await;
            work.await
        };
        // A job's future is large.
        large.run(Box::pin(work)).await
    }

    /// The permits for one stretch, in order of arrival. Their holder waits for nothing.
    async fn permits(self: Arc<Self>, tenant: TenantId) -> Permits {
        // Never closed.
        let of_tenant = self.tenants.get(tenant, |_| true, || Semaphore::new(1)).acquire_owned().await.ok();
        [of_tenant, Arc::clone(&self.of_all).acquire_owned().await.ok()]
    }
}

impl Large {
    /// The work of a request, which leaves its thread's other tasks to another thread while it is large.
    pub fn run<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        OffWorker { work, large: self.clone(), permits: None }
    }
}

pin_project! {
    struct OffWorker<F> {
        #[pin]
        work: F,
        large: Large,
        // Those for the next stretch.
        permits: Option<BoxFuture<'static, Permits>>,
    }
}

impl<F: Future> Future for OffWorker<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        let Some((requests, tenant)) = this.large.0.get() else { return stretch::measure(|| this.work.poll(task)) };
        let permits = this.permits.get_or_insert_with(|| Box::pin(Arc::clone(requests).permits(*tenant)));
        let _permits = ready!(permits.as_mut().poll(task));
        *this.permits = None;
        let has_threads = Handle::try_current().is_ok_and(|it| it.runtime_flavor() == RuntimeFlavor::MultiThread);
        if has_threads {
            return tokio::task::block_in_place(|| this.work.poll(task));
        }
        this.work.poll(task)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::Notify;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn stretches_of_a_tenant_take_turns() {
        let requests =
            Arc::new(LargeRequests { of_all: Arc::new(Semaphore::new(2)), processors: 2, tenants: InUse::default() });
        let permits = |tenant: u128| Arc::clone(&requests).permits(TenantId(Uuid::from_u128(tenant)));
        let first = permits(1).await;
        let mut second = Box::pin(permits(1));
        assert!((&mut second).now_or_never().is_none());
        let other = permits(2).await;
        assert!(permits(3).now_or_never().is_none(), "two in all");
        drop((first, other));
        assert!(second.now_or_never().is_some());
    }

    /// One that waits for another holds no permit meanwhile.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_large_request_may_wait_for_another_of_its_tenant() {
        let (requests, woken) = (Arc::new(LargeRequests::default()), Arc::new(Notify::new()));
        let begin =
            async |requests: Arc<LargeRequests>, large: Large| requests.begin(TenantId(Uuid::nil()), &large).await;
        let (first, second) = (Large::default(), Large::default());
        let waits = {
            let (requests, large, woken) = (requests.clone(), first.clone(), woken.clone());
            first.run(async move {
                begin(requests, large).await;
                woken.notified().await;
            })
        };
        let wakes = {
            let (requests, large) = (requests.clone(), second.clone());
            second.run(async move {
                begin(requests, large).await;
                woken.notify_one();
            })
        };
        let both = async { tokio::join!(waits, wakes) };
        tokio::time::timeout(std::time::Duration::from_secs(30), both).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_large_request_does_not_block_the_only_worker() {
        let (requests, large) = (Arc::new(LargeRequests::default()), Large::default());
        let (sender, receiver) = std::sync::mpsc::channel();
        let inner = large.clone();
        let work = large.run(async move {
            requests.begin(TenantId(Uuid::nil()), &inner).await;
            // Blocks its thread until another task has run.
            receiver.recv().unwrap()
        });
        let task = tokio::spawn(work);
        tokio::spawn(async move { sender.send(7).unwrap() });
        assert_eq!(task.await.unwrap(), 7);
    }
}
