//! antiphon's default cryptography provider, on the RustCrypto crates.
