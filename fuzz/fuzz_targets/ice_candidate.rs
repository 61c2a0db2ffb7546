//! See [`antiphon_fuzz::ice_candidate`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::ice_candidate::run(data));
