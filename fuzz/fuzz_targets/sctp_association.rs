//! See [`antiphon_fuzz::sctp_association`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::sctp_association::run(data));
