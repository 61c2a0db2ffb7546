//! See [`antiphon_fuzz::turn_client`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::turn_client::run(data));
