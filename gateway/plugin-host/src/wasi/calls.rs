//! The functions of the empty WASI. Every call is counted; a function that is not here ends the plugin's call.

use wasmtime::component::{ComponentNamedList, ComponentType, Lift, LinkerInstance, Lower, Resource};

use crate::{
    error::{Failure, FailureKind},
    state::{Level, State},
    wasi::state::{MAX_RANDOM_BYTES, Stream},
};

/// Most bytes that one write takes; the caller asks for it before it writes.
const MAX_WRITE_BYTES: u64 = 4096;

/// The number of a handle that stands for standard error; any other output stream is standard output.
const STDERR: u32 = 2;

/// Any resource of WASI: the number of a handle says what it stands for, so the host keeps no table of them.
pub(super) struct Handle;

#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<Handle>),
    #[component(name = "closed")]
    Closed,
}

type Pairs = Vec<(String, String)>;
type Written = Result<(), StreamError>;

/// Defines a function of an allowed interface.
pub(super) fn define(
    linker: &mut LinkerInstance<'_, State>,
    interface: &'static str,
    name: &str,
) -> wasmtime::Result<()> {
    match (interface, name) {
        ("wasi:cli/environment", "get-environment") => call(linker, name, |_, ()| Ok((Pairs::new(),))),
        ("wasi:cli/environment", "get-arguments") => call(linker, name, |_, ()| Ok((Vec::<String>::new(),))),
        ("wasi:cli/environment", "initial-cwd") => call(linker, name, |_, ()| Ok((None::<String>,))),
        ("wasi:cli/exit", "exit") => call(linker, name, |_, (_,): (Result<(), ()>,)| Err::<(), _>(exited())),
        ("wasi:cli/stdin", "get-stdin") => call(linker, name, |_, ()| Ok((handle(0),))),
        ("wasi:cli/stdout", "get-stdout") => call(linker, name, |_, ()| Ok((handle(1),))),
        ("wasi:cli/stderr", "get-stderr") => call(linker, name, |_, ()| Ok((handle(STDERR),))),
        ("wasi:cli/terminal-stdin" | "wasi:cli/terminal-stdout" | "wasi:cli/terminal-stderr", _) => {
            call(linker, name, |_, ()| Ok((None::<Resource<Handle>>,)))
        }
        ("wasi:clocks/monotonic-clock", "now") => call(linker, name, |_, ()| Ok((0_u64,))),
        ("wasi:clocks/monotonic-clock", "resolution") => call(linker, name, |_, ()| Ok((1_u64,))),
        ("wasi:clocks/wall-clock", "now") => call(linker, name, now),
        ("wasi:clocks/wall-clock", "resolution") => {
            call(linker, name, |_, ()| Ok((Datetime { seconds: 0, nanoseconds: 1 },)))
        }
        ("wasi:filesystem/preopens", "get-directories") => {
            call(linker, name, |_, ()| Ok((Vec::<(Resource<Handle>, String)>::new(),)))
        }
        ("wasi:random/insecure-seed", "insecure-seed") => {
            call(linker, name, |state, ()| Ok(((number(state)?, number(state)?),)))
        }
        ("wasi:random/random" | "wasi:random/insecure", "get-random-u64" | "get-insecure-random-u64") => {
            call(linker, name, |state, ()| Ok((number(state)?,)))
        }
        ("wasi:random/random" | "wasi:random/insecure", _) => {
            call(linker, name, |state, (count,): (u64,)| Ok((random(state, count)?,)))
        }
        ("wasi:io/streams", _) => define_stream(linker, interface, name),
        _ => absent(linker, interface, name),
    }
}

/// Standard input is at its end; the outputs always have room.
fn define_stream(linker: &mut LinkerInstance<'_, State>, interface: &'static str, name: &str) -> wasmtime::Result<()> {
    type Read = Result<Vec<u8>, StreamError>;
    type Room = Result<u64, StreamError>;
    type Of = Resource<Handle>;
    match name {
        "[method]input-stream.read" | "[method]input-stream.blocking-read" => {
            call(linker, name, |_, (_, _): (Of, u64)| Ok((Read::Err(StreamError::Closed),)))
        }
        "[method]output-stream.check-write" => call(linker, name, |_, (_,): (Of,)| Ok((Room::Ok(MAX_WRITE_BYTES),))),
        "[method]output-stream.write" | "[method]output-stream.blocking-write-and-flush" => {
            call(linker, name, |state, (of, bytes): (Of, Vec<u8>)| print(state, of.rep(), &bytes))
        }
        "[method]output-stream.flush" | "[method]output-stream.blocking-flush" => {
            call(linker, name, |_, (_,): (Of,)| Ok((Written::Ok(()),)))
        }
        _ => absent(linker, interface, name),
    }
}

fn call<P, R>(
    linker: &mut LinkerInstance<'_, State>,
    name: &str,
    function: fn(&mut State, P) -> Result<R, Failure>,
) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + 'static,
    R: ComponentNamedList + Lower + 'static,
{
    linker.func_wrap(name, move |mut store, parameters: P| {
        let state: &mut State = store.data_mut();
        state.meter.count_call()?;
        Ok(function(state, parameters)?)
    })
}

/// A function that a language's runtime imports and no plugin may call.
fn absent(linker: &mut LinkerInstance<'_, State>, interface: &'static str, name: &str) -> wasmtime::Result<()> {
    let function = name.trim_start_matches("[method]").to_owned();
    linker.func_new(name, move |_, _, _, _| {
        let reason = format!(
            "The plugin called {function} of {interface}; a plugin has no files, no network, and nothing to wait for."
        );
        Err(Failure::new(FailureKind::Trap, reason).into())
    })
}

fn handle(number: u32) -> Resource<Handle> {
    Resource::new_own(number)
}

fn exited() -> Failure {
    Failure::new(FailureKind::Trap, "The plugin ended its process; its log may say why.")
}

fn now(state: &mut State, (): ()) -> Result<(Datetime,), Failure> {
    let now = state.wasi()?.now;
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
    Ok((Datetime { seconds, nanoseconds },))
}

fn random(state: &mut State, count: u64) -> Result<Vec<u8>, Failure> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    state.wasi()?.random(count).ok_or_else(|| {
        let reason = format!("The plugin asked for more than {MAX_RANDOM_BYTES} random bytes.");
        Failure::new(FailureKind::Trap, reason)
    })
}

fn number(state: &mut State) -> Result<u64, Failure> {
    let bytes = random(state, 8)?;
    Ok(bytes.into_iter().fold(0, |number, byte| number << 8 | u64::from(byte)))
}

fn print(state: &mut State, stream: u32, bytes: &[u8]) -> Result<(Written,), Failure> {
    if bytes.len() as u64 > MAX_WRITE_BYTES {
        let reason =
            format!("The plugin wrote more than the {MAX_WRITE_BYTES} bytes that it was told there is room for.");
        return Err(Failure::new(FailureKind::Trap, reason));
    }
    let max = state.meter.limits().log_line;
    let stream = if stream == STDERR { Stream::Err } else { Stream::Out };
    for line in state.wasi()?.print(stream, bytes, max) {
        state.push_log(level(stream), line)?;
    }
    Ok((Written::Ok(()),))
}

/// Logs what was printed without the end of its line, when the call has ended.
pub(crate) fn print_rest(state: &mut State) {
    let Some(wasi) = &mut state.wasi else { return };
    for (stream, line) in wasi.rest() {
        if !line.is_empty() {
            // Beyond the limit it is dropped: the call's result is known.
            let _ = state.push_log(level(stream), line);
        }
    }
}

fn level(stream: Stream) -> Level {
    match stream {
        Stream::Out => Level::Info,
        Stream::Err => Level::Warn,
    }
}
