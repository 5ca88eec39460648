//! The allocator of a plugin: an arena of fixed size, part of the module's initial memory. An instance lives for one
//! document, and growing its memory would make the kernel lock the host's whole address space.
//!
//! Nearly all that a plugin allocates is small and soon freed. So small blocks come from lists of free blocks, one list a size, which
//! takes a few instructions; the rest is for the general allocator.

use core::{
    alloc::{GlobalAlloc, Layout},
    arch::wasm32,
    cell::UnsafeCell,
    mem::MaybeUninit,
    ptr,
};

use talc::wasm::{WasmArenaTalc, new_wasm_arena_allocator};

const ARENA_BYTES: usize = 4 << 20;

/// More pages than any host grants.
const TOO_MANY_PAGES: usize = 65_535;

/// Sizes of small blocks differ by this, which is also the alignment of each.
const STEP: usize = 16;
/// The largest small block.
const MAX_SMALL: usize = 512;
/// Small blocks are cut from pieces of this size.
const PIECE: usize = 16 << 10;

struct Arena {
    large: WasmArenaTalc,
    small: UnsafeCell<Small>,
}

/// The small blocks.
struct Small {
    /// The first free block of each size; it has the address of the next one.
    free: [*mut u8; MAX_SMALL / STEP],
    /// The rest of the piece that blocks are cut from.
    next: *mut u8,
    left: usize,
}

#[allow(unsafe_code, reason = "a plugin has one thread")]
// SAFETY: a module without the feature `threads` has one thread, and the allocator does not call itself.
unsafe impl Sync for Arena {}

#[allow(unsafe_code, reason = "the arena belongs to the allocator alone")]
#[global_allocator]
static ARENA: Arena = {
    static mut MEMORY: [MaybeUninit<u8>; ARENA_BYTES] = [MaybeUninit::uninit(); ARENA_BYTES];
    let small = Small { free: [ptr::null_mut(); MAX_SMALL / STEP], next: ptr::null_mut(), left: 0 };
    // SAFETY: nothing else uses MEMORY.
    Arena { large: unsafe { new_wasm_arena_allocator(&raw mut MEMORY) }, small: UnsafeCell::new(small) }
};

/// The list of a small block; none for a large one.
fn list(layout: Layout) -> Option<usize> {
    (layout.size() <= MAX_SMALL && layout.align() <= STEP).then(|| layout.size().saturating_sub(1) / STEP)
}

impl Arena {
    /// Requests more memory than any host grants, so that the host can distinguish a full arena from a bug.
    #[cold]
    fn report_exhausted() {
        wasm32::memory_grow::<0>(TOO_MANY_PAGES);
    }

    #[allow(unsafe_code, reason = "a global allocator is unsafe by nature")]
    fn alloc_large(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the layout is the caller's, who guarantees that its size is not zero.
        let pointer = unsafe { self.large.alloc(layout) };
        if pointer.is_null() {
            Self::report_exhausted();
        }
        pointer
    }

    /// Cuts a block from the piece, or from a new one.
    #[allow(unsafe_code, reason = "a global allocator is unsafe by nature")]
    fn cut(&self, small: &mut Small, size: usize) -> *mut u8 {
        if small.left < size {
            let Ok(piece) = Layout::from_size_align(PIECE, STEP) else { return ptr::null_mut() };
            let piece = self.alloc_large(piece);
            if piece.is_null() {
                return piece;
            }
            (small.next, small.left) = (piece, PIECE);
        }
        let block = small.next;
        // SAFETY: at least `size` bytes of the piece are left.
        small.next = unsafe { block.add(size) };
        small.left -= size;
        block
    }
}

#[allow(unsafe_code, reason = "a global allocator is unsafe by nature")]
// SAFETY: a small block is in one list or in use; all else is forwarded unchanged.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(list) = list(layout) else { return self.alloc_large(layout) };
        // SAFETY: there is one thread, and nothing in here allocates from these lists.
        let small = unsafe { &mut *self.small.get() };
        let first = small.free[list];
        if first.is_null() {
            return self.cut(small, (list + 1) * STEP);
        }
        // SAFETY: a free block has the address of the next one in its first bytes, and is aligned for it.
        small.free[list] = unsafe { first.cast::<*mut u8>().read() };
        first
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let Some(list) = list(layout) else {
            // SAFETY: guaranteed by the caller.
            return unsafe { self.large.dealloc(pointer, layout) };
        };
        // SAFETY: as above; the block is the caller's to give back, and has room for an address.
        unsafe {
            let small = &mut *self.small.get();
            pointer.cast::<*mut u8>().write(small.free[list]);
            small.free[list] = pointer;
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else { return ptr::null_mut() };
        match (list(layout), list(wanted)) {
            (Some(old), Some(new)) if old == new => pointer,
            (None, None) => {
                // SAFETY: guaranteed by the caller.
                let moved = unsafe { self.large.realloc(pointer, layout, size) };
                if moved.is_null() {
                    Self::report_exhausted();
                }
                moved
            }
            // SAFETY: guaranteed by the caller; the new block does not overlap the old one.
            _ => unsafe {
                let moved = self.alloc(wanted);
                if !moved.is_null() {
                    ptr::copy_nonoverlapping(pointer, moved, layout.size().min(size));
                    self.dealloc(pointer, layout);
                }
                moved
            },
        }
    }
}
