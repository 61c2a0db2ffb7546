//! Counts what a test allocates.
//!
//! Counters belong to the thread, so that tests which run beside each other do not disturb each
//! other. A test binary installs the allocator once:
//!
//! ```
//! antiphon_testkit::install_counting_allocator!();
//!
//! # fn main() {
//! let (sum, usage) = antiphon_testkit::alloc::measure(|| (1..=4).sum::<u32>());
//! assert_eq!((sum, usage.allocations), (10, 0));
//!
//! let (_kept, usage) = antiphon_testkit::alloc::measure(|| vec![0_u8; 100]);
//! assert_eq!((usage.allocations, usage.retained_bytes), (1, 100));
//! # }
//! ```

#![expect(unsafe_code, reason = "a global allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNTERS: Cell<Counters> = const { Cell::new(Counters { allocations: 0, allocated_bytes: 0, current_bytes: 0, peak_bytes: 0 }) };
}

#[derive(Clone, Copy)]
struct Counters {
    allocations: u64,
    allocated_bytes: u64,
    current_bytes: i64,
    peak_bytes: i64,
}

/// The system's allocator, counting. See [`install_counting_allocator`](crate::install_counting_allocator).
#[derive(Debug, Default)]
pub struct CountingAllocator;

fn count_alloc(bytes: usize) {
    // The cell is gone while a thread ends; what it frees then does not matter.
    let _ = COUNTERS.try_with(|cell| {
        let mut counters = cell.get();
        counters.allocations = counters.allocations.wrapping_add(1);
        counters.allocated_bytes = counters.allocated_bytes.wrapping_add(bytes as u64);
        counters.current_bytes = counters.current_bytes.wrapping_add_unsigned(bytes as u64);
        counters.peak_bytes = counters.peak_bytes.max(counters.current_bytes);
        cell.set(counters);
    });
}

fn count_dealloc(bytes: usize) {
    let _ = COUNTERS.try_with(|cell| {
        let mut counters = cell.get();
        counters.current_bytes = counters.current_bytes.wrapping_sub_unsigned(bytes as u64);
        cell.set(counters);
    });
}

// SAFETY: every call is passed on to the system's allocator unchanged, and the counters are plain
// thread-local numbers that allocate nothing themselves.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_alloc(layout.size());
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        count_dealloc(layout.size());
        // SAFETY: `ptr` came from `System` with this `layout`, through the functions here.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count_alloc(layout.size());
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count_dealloc(layout.size());
        count_alloc(new_size);
        // SAFETY: as in `dealloc`; the caller promises that `new_size` is valid.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

/// Makes the counting allocator the allocator of this test binary.
#[macro_export]
macro_rules! install_counting_allocator {
    () => {
        #[global_allocator]
        static ANTIPHON_COUNTING_ALLOCATOR: $crate::alloc::CountingAllocator =
            $crate::alloc::CountingAllocator;
    };
}

/// What a piece of code did with memory, on its own thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Calls for new memory, growing included.
    pub allocations: u64,
    /// Bytes asked for in total.
    pub allocated_bytes: u64,
    /// Bytes that were still held at the end, beyond those at the beginning; negative when it
    /// freed more than it took.
    pub retained_bytes: i64,
    /// The most bytes held at one time, beyond those at the beginning.
    pub peak_bytes: i64,
}

/// Whether this test binary installed the counting allocator.
#[must_use]
pub fn is_installed() -> bool {
    let before = allocations();
    drop(std::hint::black_box(Box::new(0_u8)));
    allocations() != before
}

/// Allocations of this thread so far; 0 when the allocator is not installed.
#[must_use]
pub fn allocations() -> u64 {
    COUNTERS.with(Cell::get).allocations
}

/// Bytes this thread holds: allocated minus freed. 0 when the allocator is not installed.
#[must_use]
pub fn current_bytes() -> i64 {
    COUNTERS.with(Cell::get).current_bytes
}

/// How many allocations `code` makes.
///
/// # Panics
///
/// When the counting allocator is not installed: the answer would always be 0.
pub fn count<T>(code: impl FnOnce() -> T) -> u64 {
    measure(code).1.allocations
}

/// Runs `code` and says what it did with memory.
///
/// # Panics
///
/// When the counting allocator is not installed: the answer would always be 0.
pub fn measure<T>(code: impl FnOnce() -> T) -> (T, Usage) {
    assert!(
        is_installed(),
        "call antiphon_testkit::install_counting_allocator!() in this test binary"
    );
    let before = COUNTERS.with(|cell| {
        let mut counters = cell.get();
        counters.peak_bytes = counters.current_bytes;
        cell.set(counters);
        counters
    });
    let result = code();
    let after = COUNTERS.with(Cell::get);
    let usage = Usage {
        allocations: after.allocations.wrapping_sub(before.allocations),
        allocated_bytes: after.allocated_bytes.wrapping_sub(before.allocated_bytes),
        retained_bytes: after.current_bytes.wrapping_sub(before.current_bytes),
        peak_bytes: after.peak_bytes.wrapping_sub(before.current_bytes),
    };
    (result, usage)
}
