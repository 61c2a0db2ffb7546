//! A peer's certificate and its signature over a handshake.

use antiphon_crypto::{CryptoProvider as _, SignatureError};
use antiphon_crypto_rust::RustCrypto;

/// Runs the target over `data`: a length of two bytes, that many bytes of certificate, and a
/// signature.
///
/// # Panics
///
/// When reading and verifying disagree about the certificate.
pub fn run(data: &[u8]) {
    let Some((len, data)) = data.split_first_chunk() else { return };
    let len = usize::from(u16::from_be_bytes(*len)).min(data.len());
    let Some((certificate, signature)) = data.split_at_checked(len) else { return };
    let provider = RustCrypto::new();
    let info = provider.inspect_certificate(certificate);
    for &scheme in provider.signature_schemes() {
        let verdict = provider.verify(scheme, certificate, b"a handshake", signature);
        // Reading and verifying see the same certificate.
        let unreadable = matches!(verdict, Err(SignatureError::Certificate(_)));
        assert_eq!(info.is_err(), unreadable, "{info:?} {verdict:?}");
    }
}
