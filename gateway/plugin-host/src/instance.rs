//! One call of one plugin: a fresh instance, watched, and gone afterwards. Nothing that a plugin does reaches the
//! caller but as a [`StepResult`].

use std::{any::Any, time::Duration};

use wasmtime::{Engine, PoolConcurrencyLimitError, Store, Trap, component::Resource};

use crate::{
    Component, Document, Failure, FailureKind, Host, Limits,
    bindings::{Mapping, MappingPre, types},
    limits::Meter,
};

/// Which document this is, and when.
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

/// What the plugin decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The document as it now stands goes to the next step or to the product.
    Mapped,
    /// Invisible to the product, and why.
    Excluded(String),
    /// Refused.
    Rejected {
        /// A scimType, as the plugin gave it: unchecked.
        scim_type: Option<String>,
        /// A sentence for the SCIM client.
        detail: String,
    },
}

/// How loud a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For the plugin's author.
    Debug,
    /// For the curious.
    Info,
    /// Something is odd.
    Warn,
    /// Something is broken; a plugin that panics says so here.
    Error,
}

impl From<types::Level> for Level {
    fn from(level: types::Level) -> Self {
        match level {
            types::Level::Debug => Self::Debug,
            types::Level::Info => Self::Info,
            types::Level::Warn => Self::Warn,
            types::Level::Error => Self::Error,
        }
    }
}

/// One line that the plugin logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How loud.
    pub level: Level,
    /// What, cut to the limit.
    pub message: String,
}

/// What came out of a call.
#[derive(Debug)]
pub struct StepResult<D> {
    /// The document as the plugin left it. After a failure it may be changed in part: throw it away.
    pub document: D,
    /// What the plugin decided, or why there is no decision.
    pub outcome: Result<Outcome, Failure>,
    /// What it logged, also before a failure.
    pub log: Vec<LogLine>,
    /// CPU time of the call.
    pub cpu: Duration,
    /// Bytes that it wrote into the document: the document is longer by no more than that.
    pub written: usize,
}

/// What a store holds for its one call.
pub(crate) struct State {
    pub(crate) document: Option<Box<dyn Document>>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) meter: Meter,
}

impl Host {
    /// Runs one step. Blocks the thread, for milliseconds at most unless the limits say more.
    pub fn run<D: Document>(
        &self,
        component: &Component,
        context: &Context,
        config: &str,
        document: D,
        limits: &Limits,
    ) -> StepResult<D> {
        let result = self.run_boxed(component, context, config, Box::new(document), limits);
        let document: Box<dyn Any> = result.document;
        match document.downcast::<D>() {
            Ok(document) => {
                let StepResult { outcome, log, cpu, written, .. } = result;
                StepResult { document: *document, outcome, log, cpu, written }
            }
            Err(_) => unreachable!("a call hands back the document that it was given"),
        }
    }

    fn run_boxed(
        &self,
        component: &Component,
        context: &Context,
        config: &str,
        document: Box<dyn Document>,
        limits: &Limits,
    ) -> StepResult<Box<dyn Document>> {
        let _watch = self.watch();
        let mut store = store(self.engine(), Some(document), limits, self.escalate());
        let outcome = start(component.pre(), &mut store).and_then(|mapping| {
            mapping
                .call_transform(&mut store, &context.clone().into(), config, Resource::new_borrow(0))
                .map_err(|error| failure(&error, store.data()))
        });
        let outcome = match outcome {
            Ok(Ok(outcome)) => Ok(decided(outcome, limits)),
            Ok(Err(reason)) => Err(Failure::new(FailureKind::Reported, cut(reason, limits.log_line))),
            Err(failure) => Err(failure),
        };
        let (cpu, written) = (store.data().meter.cpu(), store.data().meter.written());
        let state = store.into_data();
        let Some(document) = state.document else { unreachable!("nobody takes the document out of a store") };
        StepResult { document, outcome, log: state.log, cpu, written }
    }
}

/// Asks a plugin what it is, under the same limits as a call.
pub(crate) fn describe(
    engine: &Engine,
    pre: &MappingPre<State>,
    limits: &Limits,
    escalate: fn() -> bool,
) -> Result<types::Manifest, Failure> {
    let mut store = store(engine, None, limits, escalate);
    let mapping = start(pre, &mut store)?;
    mapping.call_describe(&mut store).map_err(|error| failure(&error, store.data()))
}

fn store(
    engine: &Engine,
    document: Option<Box<dyn Document>>,
    limits: &Limits,
    escalate: fn() -> bool,
) -> Store<State> {
    let meter = Meter::start(limits, escalate);
    let mut store = Store::new(engine, State { document, log: Vec::new(), meter });
    store.limiter(|state| &mut state.meter);
    // Copying a plugin's data out happens outside of any epoch check. The slack is for the paths.
    store.set_hostcall_fuel(limits.output.saturating_add(16 << 10));
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| Ok(store.data_mut().meter.tick()?));
    store
}

fn start(pre: &MappingPre<State>, store: &mut Store<State>) -> Result<Mapping, Failure> {
    pre.instantiate(&mut *store).map_err(|error| {
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

/// The engine's error, read as one of ours.
fn failure(error: &wasmtime::Error, state: &State) -> Failure {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.clone();
    }
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::StackOverflow) {
        return Failure::new(FailureKind::StackOverflow, "The plugin called itself too deeply.");
    }
    if let Some(starved) = &state.meter.starved {
        return starved.clone();
    }
    // The engine has no type for this one.
    let root = error.root_cause().to_string();
    if trap.is_none() && root.contains("fuel allocated for hostcalls") {
        return state.meter.too_much_output();
    }
    let reason = match trap {
        Some(Trap::UnreachableCodeReached) => "The plugin gave up: it panicked, and its log may say why.".to_owned(),
        Some(_) => format!("The plugin did what WASM forbids: {}.", root.trim_start_matches("wasm trap: ")),
        None => format!("The plugin broke the rules of its interface: {root}."),
    };
    Failure::new(FailureKind::Trap, reason)
}

fn decided(outcome: types::Outcome, limits: &Limits) -> Outcome {
    match outcome {
        types::Outcome::Mapped => Outcome::Mapped,
        types::Outcome::Excluded(why) => Outcome::Excluded(cut(why, limits.log_line)),
        types::Outcome::Rejected(types::Rejection { scim_type, detail }) => Outcome::Rejected {
            scim_type: scim_type.map(|scim_type| cut(scim_type, limits.log_line)),
            detail: cut(detail, limits.log_line),
        },
    }
}

/// Cuts a text to a number of bytes, never inside a character, and shows that it did.
pub(crate) fn cut(mut text: String, bytes: usize) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes.saturating_sub(ELLIPSIS.len())));
        text.push_str(ELLIPSIS);
        text.shrink_to_fit();
    }
    text
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
