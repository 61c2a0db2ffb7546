//! See [`antiphon_fuzz::mdns_packet`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::mdns_packet::run(data));
