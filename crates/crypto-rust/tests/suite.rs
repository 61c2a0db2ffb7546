//! What every provider must do.

#[path = "../../crypto/suite/mod.rs"]
mod suite;

suite::provider_suite!(antiphon_crypto_rust::RustCrypto::new());
