//! See [`antiphon_fuzz::datachannel_table`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::datachannel_table::run(data));
