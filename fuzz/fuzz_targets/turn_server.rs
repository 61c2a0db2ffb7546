//! See [`antiphon_fuzz::turn_server`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::turn_server::run(data));
