//! See [`antiphon_fuzz::turn_wire`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::turn_wire::run(data));
