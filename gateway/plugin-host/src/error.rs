//! Why a plugin cannot be used ([`Error`]), and why one call of it failed ([`Failure`]).

use std::fmt;

use crate::interface::RUNS;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no host, or no component.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine does not start on this machine or with this configuration.
    #[error("cannot start the WASM engine")]
    Engine(#[source] Source),
    /// The upload is too large.
    #[error(
        "the plugin has {size} bytes; at most {limit} are accepted, unless the gateway is started with --large-plugins"
    )]
    TooLarge {
        /// Size of the upload.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The upload is not WASM, or not built for the `mapping` world.
    #[error("this is not a mapping plugin: {reason}")]
    NotAPlugin {
        /// The problem.
        reason: String,
    },
    /// A plugin may import the document and the log only.
    #[error("the plugin imports {import}, which plugins may not use")]
    ForbiddenImport {
        /// The first import that is not allowed.
        import: String,
    },
    /// The plugin is built for a version of the interface that this host does not have.
    #[error(
        "the plugin is built for version {version} of the plugin interface, and this gateway runs plugins of the versions {}: see \
         docs/plugin-interface.md",
        RUNS
    )]
    Interface {
        /// The plugin's version.
        version: String,
    },
    /// Compiling the upload would take minutes.
    #[error("the plugin is too complex: {reason}")]
    TooComplex {
        /// Which limit was exceeded.
        reason: &'static str,
    },
    /// The code cannot be compiled or linked.
    #[error("the plugin cannot be compiled")]
    Compile(#[source] Source),
    /// The plugin failed when asked for its manifest.
    #[error("the plugin cannot describe itself: {0}")]
    Describe(Failure),
    /// The manifest is invalid.
    #[error("the plugin's manifest is unusable: {reason}")]
    Manifest {
        /// The problem.
        reason: String,
    },
    /// A precompiled artifact was not written by this gateway, or has been damaged.
    #[error("the precompiled artifact is foreign or damaged")]
    Artifact,
}

impl Error {
    pub(crate) fn not_a_plugin(reason: &dyn fmt::Display) -> Self {
        Self::NotAPlugin { reason: reason.to_string() }
    }
}

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure.
    pub kind: FailureKind,
    /// A sentence for the administrator.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    pub(crate) fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The plugin panicked or did what WASM forbids.
    Trap,
    /// The plugin overflowed its stack.
    StackOverflow,
    /// More CPU time than allowed.
    CpuTime,
    /// More wall-clock time than allowed.
    WallTime,
    /// More memory than allowed.
    Memory,
    /// More bytes written than allowed.
    OutputSize,
    /// More log lines than allowed.
    LogLines,
    /// More host calls than allowed.
    HostCalls,
    /// The plugin itself returned an error.
    Reported,
    /// All instances are in use, or the embedder stopped the call.
    Overloaded,
    /// The plugin could not be instantiated.
    Instantiate,
}

impl FailureKind {
    /// Whether the same call may succeed later: time limits and overload depend on the machine's load, too.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::CpuTime | Self::WallTime | Self::Overloaded)
    }

    /// The kind as one word for metrics and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::StackOverflow => "stack_overflow",
            Self::CpuTime => "cpu_time",
            Self::WallTime => "wall_time",
            Self::Memory => "memory",
            Self::OutputSize => "output_size",
            Self::LogLines => "log_lines",
            Self::HostCalls => "host_calls",
            Self::Reported => "reported",
            Self::Overloaded => "overloaded",
            Self::Instantiate => "instantiate",
        }
    }
}
