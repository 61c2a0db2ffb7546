//! See [`antiphon_fuzz::sctp_packet`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::sctp_packet::run(data));
