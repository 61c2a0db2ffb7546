//! See [`antiphon_fuzz::rtcp_compound`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::rtcp_compound::run(data));
