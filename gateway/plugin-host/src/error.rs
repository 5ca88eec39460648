//! Why a plugin cannot be used ([`Error`]), and why one call of it came to nothing ([`Failure`]).

use std::fmt;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no host, or no component.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine does not start on this machine or with this configuration.
    #[error("cannot start the WASM engine")]
    Engine(#[source] Source),
    /// The upload is larger than the host takes.
    #[error("the plugin has {size} bytes, {limit} are allowed")]
    TooLarge {
        /// Size of the upload.
        size: usize,
        /// What the host takes.
        limit: usize,
    },
    /// The upload is no WASM, or not built for the `mapping` world.
    #[error("this is not a mapping plugin: {reason}")]
    NotAPlugin {
        /// What is wrong with it.
        reason: String,
    },
    /// A plugin may use the document and the log, and nothing else.
    #[error("the plugin imports {import}, which plugins may not use")]
    ForbiddenImport {
        /// The first import that is not on the list.
        import: String,
    },
    /// The upload is one that the compiler would work on for minutes.
    #[error("the plugin is too complex: {reason}")]
    TooComplex {
        /// What is too much.
        reason: &'static str,
    },
    /// The code is valid and cannot be compiled or linked.
    #[error("the plugin cannot be compiled")]
    Compile(#[source] Source),
    /// The plugin fails already when asked what it is.
    #[error("the plugin cannot describe itself: {0}")]
    Describe(Failure),
    /// The plugin says of itself what the host cannot use.
    #[error("the plugin's manifest is unusable: {reason}")]
    Manifest {
        /// What is wrong with it.
        reason: String,
    },
    /// A precompiled artifact was not written by this gateway, or was damaged since.
    #[error("the precompiled artifact is not ours or is damaged")]
    Artifact,
}

/// Why a call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which limit or accident it was.
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
    /// The plugin called itself too deeply.
    StackOverflow,
    /// More CPU time than allowed.
    CpuTime,
    /// More time on the clock than allowed.
    WallTime,
    /// More memory than allowed.
    Memory,
    /// More bytes written than allowed.
    OutputSize,
    /// More log lines than allowed.
    LogLines,
    /// More calls of the host than allowed.
    HostCalls,
    /// The plugin itself said that it cannot do its work.
    Reported,
    /// All instances are taken.
    Overloaded,
    /// The plugin could not be started.
    Instantiate,
}

impl FailureKind {
    /// Whether the same call may well succeed a little later: time and overload are the machine's as much as the plugin's.
    #[must_use]
    pub fn may_pass(self) -> bool {
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
