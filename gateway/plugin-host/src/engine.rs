//! The engine, its pool of instance slots, and its ticker. One per process.

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    component::{HasSelf, Linker},
    wasmparser::WasmFeatures,
};

use crate::{
    Error,
    bindings::Mapping,
    instance::State,
    limits::TABLE_ELEMENTS,
    ticker::{Ticker, Watch},
};

/// Below a thread's usual 2 MiB by enough for the host's own frames under and above the guest's.
const GUEST_STACK: usize = 512 << 10;

/// A component is a few core instances: the plugin's own and the adapters that the encoder puts around it.
const CORE_INSTANCES: u32 = 16;

/// What no plugin needs is not let in: each is code of the engine that few have tried, and some escape the limits.
const UNUSED: WasmFeatures = WasmFeatures::THREADS
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

/// What a host is made for.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Calls at the same moment; one more fails as overloaded.
    pub instances: u32,
    /// The most memory that any plugin can be allowed; reserved as addresses, not as memory.
    pub max_memory: usize,
    /// The largest upload.
    pub max_upload: usize,
    /// Called a few times from the second millisecond of a call on, on the calling thread: the embedder's chance to
    /// hand its other work away, and to let the call wait for its turn. Must not mind being called again. Where it
    /// says no, the call fails as overloaded.
    pub escalate: fn() -> bool,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self { instances: 64, max_memory: 64 << 20, max_upload: 32 << 20, escalate: || true }
    }
}

/// Prepares plugins and runs them.
pub struct Host {
    engine: Engine,
    linker: Linker<State>,
    config: HostConfig,
    ticker: Ticker,
}

impl Host {
    /// Starts the engine and its ticker.
    pub fn new(config: HostConfig) -> Result<Self, Error> {
        let engine = Engine::new(&settings(&config)).map_err(|error| Error::Engine(error.into()))?;
        let mut linker = Linker::new(&engine);
        Mapping::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)
            .map_err(|error| Error::Engine(error.into()))?;
        let ticker = Ticker::start(engine.weak())?;
        Ok(Self { engine, linker, config, ticker })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn linker(&self) -> &Linker<State> {
        &self.linker
    }

    pub(crate) fn max_upload(&self) -> usize {
        self.config.max_upload
    }

    /// Keeps the engine's clock going while guest code runs.
    pub(crate) fn watch(&self) -> Watch<'_> {
        self.ticker.watch()
    }

    pub(crate) fn escalate(&self) -> fn() -> bool {
        self.config.escalate
    }
}

fn settings(config: &HostConfig) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(config.instances)
        .total_core_instances(config.instances.saturating_mul(CORE_INSTANCES))
        .max_core_instances_per_component(CORE_INSTANCES)
        .total_memories(config.instances)
        .max_memories_per_component(1)
        .total_tables(config.instances.saturating_mul(4))
        .max_tables_per_component(4)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(config.max_memory)
        .linear_memory_keep_resident(1 << 20)
        .table_keep_resident(64 << 10)
        // Resets just the pages that a call touched, where the kernel can say which (Linux 6.7).
        .pagemap_scan(Enabled::Auto);
    let mut settings = Config::new();
    settings
        .wasm_features(UNUSED, false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_init_cow(true)
        .epoch_interruption(true)
        .concurrency_support(false)
        .max_wasm_stack(GUEST_STACK)
        // The same answer on every machine, or a preview could not be believed.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    settings
}
