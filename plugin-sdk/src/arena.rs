//! The allocator of a plugin: an arena that the module declares from the start and that never grows. An instance
//! lives for one document, and a growing memory would make the kernel lock the host's whole address space.

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    mem::MaybeUninit,
};

use talc::wasm::{WasmArenaTalc, new_wasm_arena_allocator};

const SIZE: usize = 4 << 20;

/// More pages than any host grants.
const TOO_MANY_PAGES: usize = 65_535;

struct Arena(WasmArenaTalc);

#[allow(unsafe_code, reason = "the arena belongs to the allocator alone")]
#[global_allocator]
static ARENA: Arena = {
    static mut MEMORY: [MaybeUninit<u8>; SIZE] = [MaybeUninit::uninit(); SIZE];
    // SAFETY: nothing else names MEMORY.
    Arena(unsafe { new_wasm_arena_allocator(&raw mut MEMORY) })
};

impl Arena {
    /// Asks for memory that nobody grants, so that the host can tell a full arena from a bug.
    #[cold]
    fn exhausted() {
        wasm32::memory_grow::<0>(TOO_MANY_PAGES);
    }
}

#[allow(unsafe_code, reason = "a global allocator is unsafe by nature")]
// SAFETY: every call is handed on unchanged.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by our caller.
        let pointer = unsafe { self.0.alloc(layout) };
        if pointer.is_null() {
            Self::exhausted();
        }
        pointer
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as promised by our caller.
        unsafe { self.0.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as promised by our caller.
        let pointer = unsafe { self.0.realloc(pointer, layout, size) };
        if pointer.is_null() {
            Self::exhausted();
        }
        pointer
    }
}
