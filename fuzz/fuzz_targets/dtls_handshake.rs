//! See [`antiphon_fuzz::dtls_handshake`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::dtls_handshake::run(data));
