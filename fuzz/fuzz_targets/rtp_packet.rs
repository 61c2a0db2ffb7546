//! See [`antiphon_fuzz::rtp_packet`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::rtp_packet::run(data));
