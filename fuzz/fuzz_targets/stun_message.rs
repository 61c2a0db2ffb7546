//! See [`antiphon_fuzz::stun_message`].
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| antiphon_fuzz::stun_message::run(data));
