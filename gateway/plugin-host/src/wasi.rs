//! An empty WASI for the components that other languages' compilers make: no files, no network, no environment, no waiting; the
//! clock stands still, random bytes follow from the call, and what is printed goes to the plugin's log. A plugin that imports none
//! of it is linked without it.

mod calls;
pub(crate) mod state;

use wasmtime::component::{
    Component as Compiled, Linker, LinkerInstance, ResourceType,
    types::{ComponentInstance, ComponentItem},
};

use crate::{error::Error, state::State};

pub(crate) use calls::print_rest;

/// The versions of 0.2 only add to each other.
const VERSION: &str = "0.2.";

/// How a JavaScript interpreter gets modules while the plugin is built. It has no version, and is not called afterwards.
const BUILD_TIME: &str = "local:init/module-loader";

/// What a plugin may import of WASI. A language's runtime imports files, sockets and waiting, too: it gets the types, and a call of
/// one of their functions ends the plugin's call.
pub const WASI_INTERFACES: [&str; 28] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
    "wasi:sockets/instance-network",
    "wasi:sockets/ip-name-lookup",
    "wasi:sockets/network",
    "wasi:sockets/tcp",
    "wasi:sockets/tcp-create-socket",
    "wasi:sockets/udp",
    "wasi:sockets/udp-create-socket",
    BUILD_TIME,
];

/// The interface of an allowed import, without its version.
pub(crate) fn interface(import: &str) -> Option<&'static str> {
    let name = match import.split_once('@') {
        Some((name, version)) if name.starts_with("wasi:") && version.starts_with(VERSION) => name,
        None if import == BUILD_TIME => import,
        _ => return None,
    };
    WASI_INTERFACES.into_iter().find(|interface| *interface == name)
}

/// The linker with what this component imports of WASI; none if it imports nothing of it.
pub(crate) fn linker(pure: &Linker<State>, compiled: &Compiled) -> Result<Option<Linker<State>>, Error> {
    let mut linker = None;
    for (name, import) in compiled.component_type().imports(compiled.engine()) {
        let (Some(interface), ComponentItem::ComponentInstance(instance)) = (interface(name), import.ty) else {
            continue;
        };
        let linker = linker.get_or_insert_with(|| pure.clone());
        let mut linker = linker.instance(name).map_err(|error| Error::Compile(error.into()))?;
        define(&mut linker, compiled, interface, &instance).map_err(|error| Error::Compile(error.into()))?;
    }
    Ok(linker)
}

/// Defines what a component uses of an interface.
fn define(
    linker: &mut LinkerInstance<'_, State>,
    compiled: &Compiled,
    interface: &'static str,
    instance: &ComponentInstance,
) -> wasmtime::Result<()> {
    for (name, export) in instance.exports(compiled.engine()) {
        match export.ty {
            ComponentItem::Resource(_) => {
                linker.resource(name, ResourceType::host::<calls::Handle>(), |_, _| Ok(()))?;
            }
            ComponentItem::ComponentFunc(_) => calls::define(linker, interface, name)?,
            _ => {}
        }
    }
    Ok(())
}
