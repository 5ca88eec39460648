//! One call of one plugin in a fresh instance. The caller sees nothing of it but a [`CallResult`].

use std::{any::Any, time::Duration};

use wasmtime::{PoolConcurrencyLimitError, Store, Trap, component::Resource};

use crate::{
    bindings::{Mapping, types},
    component::{Component, Linked},
    document::Document,
    engine::Host,
    error::{Failure, FailureKind},
    limits::{Limits, Meter},
    state::{LogLine, State, cut},
    wasi::{print_rest, state::Wasi},
};

/// Which document this is, and when it was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The tenant's name.
    pub tenant: String,
    /// The resource type's name.
    pub resource_type: String,
    /// The resource's `id`.
    pub resource_id: String,
    /// RFC 3339; the plugin's only clock.
    pub last_modified: String,
}

/// What the plugin decided for the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The document as the plugin left it goes to the next step or to the product.
    Mapped,
    /// Hidden from the product, with the reason.
    Excluded(String),
    /// Refused.
    Rejected {
        /// The scimType as the plugin gave it, unchecked.
        scim_type: Option<String>,
        /// A sentence for the SCIM client.
        detail: String,
    },
}

/// The result of a call.
#[derive(Debug)]
pub struct CallResult<D> {
    /// The document as the plugin left it. After a failure it may be partly changed: discard it.
    pub document: D,
    /// The plugin's decision, or why there is none.
    pub decision: Result<Decision, Failure>,
    /// What it logged, also before a failure.
    pub log: Vec<LogLine>,
    /// CPU time of the call.
    pub cpu: Duration,
    /// Bytes written into the document; it has grown by at most that much.
    pub written: usize,
    /// Bytes of linear memory that the instance had at its end. Memory never shrinks, so this is the most.
    pub memory: usize,
    /// Calls of the host: reading, writing, logging.
    pub host_calls: u32,
}

impl Host {
    /// Makes one call. Blocks the thread for milliseconds at most, unless the limits allow more.
    pub fn run<D: Document>(
        &self,
        component: &Component,
        context: &Context,
        config: &str,
        document: D,
        limits: &Limits,
    ) -> CallResult<D> {
        let CallResult { document, decision, log, cpu, written, memory, host_calls } =
            run_boxed(self, component, context, config, Box::new(document), limits);
        let document: Box<dyn Any> = document;
        match document.downcast::<D>() {
            Ok(document) => CallResult { document: *document, decision, log, cpu, written, memory, host_calls },
            Err(_) => unreachable!("a call returns the document that it was given"),
        }
    }
}

fn run_boxed(
    host: &Host,
    component: &Component,
    context: &Context,
    config: &str,
    document: Box<dyn Document>,
    limits: &Limits,
) -> CallResult<Box<dyn Document>> {
    let _ticking = host.keep_ticking();
    let wasi = component.linked().has_wasi.then(|| wasi(context));
    let mut store = store(host, Some(document), wasi, limits);
    let returned = start(component.linked(), &mut store).and_then(|mapping| {
        mapping
            .call_transform(&mut store, &context.clone().into(), config, Resource::new_borrow(0))
            .map_err(|error| failure(&error, store.data()))
    });
    let decision = match returned {
        Ok(Ok(outcome)) => Ok(decision(outcome, limits)),
        Ok(Err(reason)) => Err(reported(reason, store.data(), limits)),
        Err(failure) => Err(failure),
    };
    print_rest(store.data_mut());
    let meter = &store.data().meter;
    let (cpu, written, memory, host_calls) = (meter.cpu(), meter.written(), meter.memory(), meter.calls());
    let state = store.into_data();
    let Some(document) = state.document else { unreachable!("the document stays in the store") };
    CallResult { document, decision, log: state.log, cpu, written, memory, host_calls }
}

fn wasi(context: &Context) -> Wasi {
    let Context { tenant, resource_type, resource_id, last_modified } = context;
    Wasi::new(last_modified, &[tenant, resource_type, resource_id, last_modified])
}

/// Asks a plugin for its manifest, under the same limits as a call.
pub(crate) fn describe(host: &Host, linked: &Linked, limits: &Limits) -> Result<types::Manifest, Failure> {
    let _ticking = host.keep_ticking();
    let wasi = linked.has_wasi.then(|| Wasi::new("", &[]));
    let mut store = store(host, None, wasi, limits);
    let described = start(linked, &mut store)
        .and_then(|it| it.call_describe(&mut store).map_err(|error| failure(&error, store.data())));
    print_rest(store.data_mut());
    // No document is involved, so the plugin's words are the author's, and the uploader may read them.
    described.map_err(|failure| match store.data().log.last() {
        Some(line) => Failure::new(failure.kind, format!("{} It logged: {}", failure.reason, line.message)),
        None => failure,
    })
}

fn store(host: &Host, document: Option<Box<dyn Document>>, wasi: Option<Wasi>, limits: &Limits) -> Store<State> {
    let meter = Meter::start(limits, host.escalate());
    let mut store = Store::new(host.engine(), State::new(document, meter, wasi));
    store.limiter(|state| &mut state.meter);
    // Copying a plugin's data out happens outside of any epoch check. The slack is for the paths.
    store.set_hostcall_fuel(limits.output.saturating_add(16 << 10));
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| Ok(store.data_mut().meter.tick()?));
    store
}

fn start(linked: &Linked, store: &mut Store<State>) -> Result<Mapping, Failure> {
    linked.pre.instantiate(&mut *store).map_err(|error| {
        if error.is::<PoolConcurrencyLimitError>() {
            return Failure::new(FailureKind::Overloaded, "Too many plugins are running at this moment.");
        }
        match failure(&error, store.data()) {
            Failure { kind: FailureKind::Trap, reason } if !error.is::<Trap>() => {
                Failure::new(FailureKind::Instantiate, reason)
            }
            failure => failure,
        }
    })
}

/// The engine's error as a [`Failure`].
fn failure(error: &wasmtime::Error, state: &State) -> Failure {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.clone();
    }
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::StackOverflow) {
        return Failure::new(FailureKind::StackOverflow, "The plugin called itself too deeply.");
    }
    if let Some(refused) = state.meter.refused_growth() {
        return refused.clone();
    }
    // The engine has no type for this error.
    let root = error.root_cause().to_string();
    if trap.is_none() && root.contains("fuel allocated for hostcalls") {
        return state.meter.too_much_output();
    }
    let reason = match trap {
        Some(Trap::UnreachableCodeReached) => "The plugin panicked; its log may say why.".to_owned(),
        Some(_) => format!("The plugin did what WASM forbids: {}.", root.trim_start_matches("wasm trap: ")),
        None => format!("The plugin broke the rules of its interface: {root}."),
    };
    Failure::new(FailureKind::Trap, reason)
}

/// The plugin's own error. An interpreter whose memory may not grow reports that as an error of the script.
fn reported(reason: String, state: &State, limits: &Limits) -> Failure {
    let refused = state.meter.refused_growth().cloned();
    refused.unwrap_or_else(|| Failure::new(FailureKind::Reported, cut(reason, limits.log_line)))
}

fn decision(outcome: types::Outcome, limits: &Limits) -> Decision {
    match outcome {
        types::Outcome::Mapped => Decision::Mapped,
        types::Outcome::Excluded(why) => Decision::Excluded(cut(why, limits.log_line)),
        types::Outcome::Rejected(types::Rejection { scim_type, detail }) => Decision::Rejected {
            scim_type: scim_type.map(|scim_type| cut(scim_type, limits.log_line)),
            detail: cut(detail, limits.log_line),
        },
    }
}

impl From<Context> for types::Context {
    fn from(context: Context) -> Self {
        Self {
            tenant: context.tenant,
            resource_type: context.resource_type,
            resource_id: context.resource_id,
            last_modified: context.last_modified,
        }
    }
}
