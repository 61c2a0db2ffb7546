//! The counting allocator counts its own thread.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use antiphon_testkit::alloc;

antiphon_testkit::install_counting_allocator!();

#[test]
fn allocations_of_other_threads_do_not_count() {
    let other = std::thread::spawn(|| alloc::count(|| vec![1_u8; 1000]));
    let ((), usage) = alloc::measure(|| {
        std::hint::black_box(1 + 1);
    });
    assert_eq!(usage.allocations, 0);
    assert_eq!(other.join().unwrap(), 1);
}

#[test]
fn peak_and_retained_bytes_are_told_apart() {
    let (kept, usage) = alloc::measure(|| {
        drop(std::hint::black_box(vec![0_u8; 10_000]));
        vec![0_u8; 300]
    });
    assert_eq!(kept.len(), 300);
    assert_eq!((usage.allocations, usage.peak_bytes, usage.retained_bytes), (2, 10_000, 300));
    assert_eq!(usage.allocated_bytes, 10_300);
}

#[test]
fn growing_counts_as_one_allocation_and_keeps_the_balance() {
    let ((), usage) = alloc::measure(|| {
        let mut grown: Vec<u8> = Vec::with_capacity(10);
        grown.extend_from_slice(&[0; 100]);
    });
    assert_eq!((usage.allocations, usage.retained_bytes), (2, 0));
}
