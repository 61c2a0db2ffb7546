use antiphon_crypto::{CryptoError, CryptoProvider, HashAlgorithm};

/// The pseudorandom function of TLS 1.2 ([RFC 5246 section 5]): fills `out`.
///
/// [RFC 5246 section 5]: https://www.rfc-editor.org/rfc/rfc5246#section-5
pub(crate) fn prf(
    provider: &dyn CryptoProvider,
    hash: HashAlgorithm,
    secret: &[u8],
    label: &[u8],
    seeds: &[&[u8]],
    out: &mut [u8],
) -> Result<(), CryptoError> {
    let hmac = provider.hmac(hash, secret)?;
    let mut seed = vec![label];
    seed.extend_from_slice(seeds);
    let mut a = hmac.sign(&seed);
    for block in out.chunks_mut(hash.digest_len()) {
        let mut parts = vec![a.as_bytes()];
        parts.extend_from_slice(&seed);
        let digest = hmac.sign(&parts);
        for (to, from) in block.iter_mut().zip(digest.as_bytes()) {
            *to = *from;
        }
        a = hmac.sign(&[a.as_bytes()]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use antiphon_crypto_rust::RustCrypto;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: String = hex.split_whitespace().collect();
        let pairs = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]);
        pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    /// The vector for P_SHA256 that went round on the TLS working group's list (2009).
    #[test]
    fn the_published_vector_comes_out() {
        let secret = bytes("9bbe436ba940f017b17652849a71db35");
        let seed = bytes("a0ba9f936cda311827a6f796ffd5198c");
        let expected = bytes(
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a\
             6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab\
             4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff701\
             87347b66",
        );
        let mut out = [0; 100];
        let sha256 = HashAlgorithm::Sha256;
        prf(&RustCrypto::new(), sha256, &secret, b"test label", &[&seed], &mut out).unwrap();
        assert_eq!(out[..], expected);
        // A shorter output is a prefix, and the seed may come in parts.
        let mut short = [0; 12];
        let parts: [&[u8]; 2] = [&seed[..5], &seed[5..]];
        prf(&RustCrypto::new(), sha256, &secret, b"test label", &parts, &mut short).unwrap();
        assert_eq!(short[..], expected[..12]);
    }
}
