//! Nothing is allocated per frame.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_sframe::{MAX_HEADER, MAX_TAG};
use antiphon_testkit::alloc;
use common::{SUITES, pair};

antiphon_testkit::install_counting_allocator!();

#[test]
fn frames_of_known_keys_allocate_nothing() {
    for suite in SUITES {
        let (mut sender, mut receiver) = pair(suite, 0x1234);
        let mut buf = [7; MAX_HEADER + 1200 + MAX_TAG];
        let mut round = || {
            let range = MAX_HEADER..MAX_HEADER + 1200;
            let range = sender.encrypt(0x1234, &[1; 40], &mut buf, range).unwrap();
            receiver.decrypt(&[1; 40], &mut buf[range.clone()]).unwrap();
            // Replays and forgeries cost no memory either.
            assert!(receiver.decrypt(&[1; 40], &mut buf[range.clone()]).is_err());
            buf[range.start] ^= 0x41;
            assert!(receiver.decrypt(&[1; 40], &mut buf[range]).is_err());
        };
        round();
        let allocations = alloc::count(|| (0..1000).for_each(|_| round()));
        assert_eq!(allocations, 0, "{suite:?}");
    }
}
