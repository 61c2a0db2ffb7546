//! See [`antiphon_fuzz::srtp_unprotect`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::srtp_unprotect::run(data));
