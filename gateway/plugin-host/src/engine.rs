//! The engine, its pool of instance slots, and its ticker. One per process.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasmtime::{
    Cache, CacheConfig, Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    component::{Component as Compiled, HasSelf, Linker},
    wasmparser::WasmFeatures,
};

use crate::{
    bindings::{Mapping, MappingPre, version_0_1},
    component::Linked,
    error::Error,
    limits::{Limits, MAX_TABLE_ELEMENTS},
    state::State,
    ticker::{Ticker, TickingGuard},
    wasi,
};

/// A thread usually has 2 MiB; the difference leaves room for the host's own frames below and above the guest's.
const GUEST_STACK_BYTES: usize = 512 << 10;

/// The largest upload where large plugins are accepted.
pub const LARGE_UPLOAD: usize = 32 << 20;

/// Size in bytes above which the next cleanup removes the least recently used files of the cache folder. It is enough for hundreds of
/// plugins in Rust, or twenty in Python.
const MAX_CACHE_BYTES: u64 = 256 << 20;
/// Shortest time between two cleanups of the cache folder.
const CACHE_CLEANUP_INTERVAL: Duration = Duration::from_mins(1);
/// The permissions of group and others. The engine creates subfolders by the user's umask, so the cache folder itself must grant none.
const OTHERS: u32 = 0o077;

/// Slots for linear memories, many more than instances: a slot that the same plugin had before needs no system call to get its first
/// contents again. The engine divides them among the processors, up to 16. A slot takes 4 GiB of addresses, and memory once it was used.
const MEMORY_SLOTS: u32 = 2_048;
/// Bytes of a slot that stay in memory when its instance ends; a plugin in Rust uses about 70 KiB. A kernel that cannot list the pages that
/// a call touched (Linux before 6.7) keeps, and clears, all of them.
const RESIDENT_BYTES: usize = 256 << 10;

/// A component is a few core instances: the plugin's own and the adapters that the encoder adds.
const MAX_CORE_INSTANCES: u32 = 16;

/// Proposals that no plugin needs. Their code in the engine is less tested, and some of them escape the limits.
const DISABLED_FEATURES: WasmFeatures = WasmFeatures::THREADS
    .union(WasmFeatures::SHARED_EVERYTHING_THREADS)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::GC)
    .union(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::FUNCTION_REFERENCES)
    .union(WasmFeatures::EXCEPTIONS)
    .union(WasmFeatures::STACK_SWITCHING)
    .union(WasmFeatures::CUSTOM_PAGE_SIZES)
    .union(WasmFeatures::WIDE_ARITHMETIC)
    .union(WasmFeatures::CM_ASYNC)
    .union(WasmFeatures::CM_THREADING);

/// The settings of a host.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Most concurrent calls; any more fail as overloaded.
    pub instances: u32,
    /// Upper bound of [`Limits::memory`](crate::Limits::memory), in bytes; reserved as address space, not as memory.
    pub max_memory: usize,
    /// The largest upload in bytes, unless large plugins are accepted.
    pub max_upload: usize,
    /// Called on the calling thread, a few times per call from its second millisecond on. The embedder can move its
    /// other work off this thread and limit the number of slow calls here; it must tolerate repeated calls. If it
    /// returns false, the call fails as overloaded.
    pub escalate: fn() -> bool,
    /// The folder in which compiled code is kept for the next process; it is created if it is missing. Write access to it is enough to run
    /// code in this process, so it is used only if it belongs to this user and no other user may enter it.
    pub cache: Option<PathBuf>,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self { instances: 64, max_memory: 64 << 20, max_upload: 8 << 20, escalate: || true, cache: None }
    }
}

/// Prepares plugins and runs them.
pub struct Host {
    engine: Engine,
    linker: Linker<State>,
    config: HostConfig,
    ticker: Ticker,
    large_plugins: AtomicBool,
}

impl Host {
    /// Starts the engine and its ticker.
    pub fn new(config: HostConfig) -> Result<Self, Error> {
        let cache = config.cache.as_deref().and_then(cache);
        let engine = |slots| Engine::new(settings(&config, slots).cache(cache.clone()));
        // Some systems do not have the addresses for all slots.
        let engine = engine(config.instances.max(MEMORY_SLOTS)).or_else(|_| engine(config.instances));
        let engine = engine.map_err(|error| Error::Engine(error.into()))?;
        let mut linker = Linker::new(&engine);
        Mapping::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)
            .and_then(|()| version_0_1::Plugins::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state))
            .map_err(|error| Error::Engine(error.into()))?;
        let ticker = Ticker::start(engine.weak())?;
        Ok(Self { engine, linker, config, ticker, large_plugins: AtomicBool::new(false) })
    }

    /// Takes plugins of up to [`LARGE_UPLOAD`] bytes, too, such as those in Python, and gives calls the most memory. For the operator
    /// to decide: they take seconds to compile and tens of MiB once they are compiled.
    pub fn accept_large_plugins(&self) {
        self.large_plugins.store(true, Ordering::Relaxed);
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Links compiled code to the host's functions.
    pub(crate) fn link(&self, compiled: &Compiled) -> Result<Linked, Error> {
        let with_wasi = wasi::linker(&self.linker, compiled)?;
        let linker = with_wasi.as_ref().unwrap_or(&self.linker);
        let pre = linker.instantiate_pre(compiled).map_err(|error| Error::Compile(error.into()))?;
        let pre = MappingPre::new(pre).map_err(|error| Error::not_a_plugin(&error))?;
        Ok(Linked { pre, has_wasi: with_wasi.is_some() })
    }

    /// What a call in this host may use.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let limits = Limits::default();
        let memory = if self.large_plugins.load(Ordering::Relaxed) { self.config.max_memory } else { limits.memory };
        Limits { memory, ..limits }
    }

    pub(crate) fn max_upload(&self) -> usize {
        if self.large_plugins.load(Ordering::Relaxed) { LARGE_UPLOAD } else { self.config.max_upload }
    }

    /// Keeps the engine's clock ticking until the guard is dropped.
    pub(crate) fn keep_ticking(&self) -> TickingGuard<'_> {
        self.ticker.keep_ticking()
    }

    pub(crate) fn escalate(&self) -> fn() -> bool {
        self.config.escalate
    }
}

/// None if the folder cannot be created, belongs to another user, or may be entered by one: every plugin is compiled anew then.
fn cache(folder: &Path) -> Option<Cache> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).ok()?;
    let about = folder.metadata().ok()?;
    if about.uid() != rustix::process::geteuid().as_raw() || about.mode() & OTHERS != 0 {
        return None;
    }
    let mut config = CacheConfig::new();
    // Compressing code that is used often once more would take more time than it saves.
    config
        .with_directory(folder)
        .with_files_total_size_soft_limit(MAX_CACHE_BYTES)
        .with_cleanup_interval(CACHE_CLEANUP_INTERVAL)
        .with_optimized_compression_usage_counter_threshold(u64::MAX);
    Cache::new(config).ok()
}

fn settings(config: &HostConfig, memory_slots: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(config.instances)
        .total_core_instances(config.instances.saturating_mul(MAX_CORE_INSTANCES))
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .total_memories(memory_slots)
        .max_unused_warm_slots(memory_slots)
        .max_memories_per_component(1)
        .total_tables(config.instances.saturating_mul(4))
        .max_tables_per_component(4)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_memory_size(config.max_memory)
        .linear_memory_keep_resident(RESIDENT_BYTES)
        .table_keep_resident(64 << 10)
        // Resets only the pages that a call touched, if the kernel can list them (Linux 6.7).
        .pagemap_scan(Enabled::Auto);
    let mut settings = Config::new();
    settings
        .wasm_features(DISABLED_FEATURES, false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_init_cow(true)
        .epoch_interruption(true)
        .concurrency_support(false)
        .max_wasm_stack(GUEST_STACK_BYTES)
        // The same result on every machine; otherwise a preview would be worthless.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    settings
}
