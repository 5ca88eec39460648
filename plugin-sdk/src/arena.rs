//! The allocator of a plugin: an arena of fixed size, part of the module's initial memory. An instance lives for one
//! document, and growing its memory would make the kernel lock the host's whole address space.

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    mem::MaybeUninit,
};

use talc::wasm::{WasmArenaTalc, new_wasm_arena_allocator};

const ARENA_BYTES: usize = 4 << 20;

/// More pages than any host grants.
const TOO_MANY_PAGES: usize = 65_535;

struct Arena(WasmArenaTalc);

#[allow(unsafe_code, reason = "the arena belongs to the allocator alone")]
#[global_allocator]
static ARENA: Arena = {
    static mut MEMORY: [MaybeUninit<u8>; ARENA_BYTES] = [MaybeUninit::uninit(); ARENA_BYTES];
    // SAFETY: nothing else uses MEMORY.
    Arena(unsafe { new_wasm_arena_allocator(&raw mut MEMORY) })
};

impl Arena {
    /// Requests more memory than any host grants, so that the host can distinguish a full arena from a bug.
    #[cold]
    fn report_exhausted() {
        wasm32::memory_grow::<0>(TOO_MANY_PAGES);
    }
}

#[allow(unsafe_code, reason = "a global allocator is unsafe by nature")]
// SAFETY: every call is forwarded unchanged.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: guaranteed by the caller.
        let pointer = unsafe { self.0.alloc(layout) };
        if pointer.is_null() {
            Self::report_exhausted();
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: guaranteed by the caller.
        unsafe { self.0.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: guaranteed by the caller.
        let pointer = unsafe { self.0.realloc(pointer, layout, size) };
        if pointer.is_null() {
            Self::report_exhausted();
        }
        pointer
    }
}
