//! See [`antiphon_fuzz::peerconnection_input`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::peerconnection_input::run(data));
