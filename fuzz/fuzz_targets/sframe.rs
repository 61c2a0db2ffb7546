//! See [`antiphon_fuzz::sframe`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::sframe::run(data));
