//! Cookies: what a server without ICE wants to see before it spends anything on a client
//! ([RFC 6347 section 4.2.1], [RFC 9147 section 5.1]). The server remembers nothing; the cookie does.
//!
//! [RFC 6347 section 4.2.1]: https://www.rfc-editor.org/rfc/rfc6347#section-4.2.1
//! [RFC 9147 section 5.1]: https://www.rfc-editor.org/rfc/rfc9147#section-5.1

use antiphon_crypto::{CryptoError, CryptoProvider, Digest, HashAlgorithm, NamedGroup};

use crate::CipherSuite;
use crate::config::Cookie;
use crate::handshake::v13::Retry;
use crate::wire::RANDOM_LEN;
use crate::wire::cursor::Reader;

/// Bytes of the tag at a cookie's end.
const TAG_LEN: usize = 32;

/// Separates the cookies of the two versions.
const OLD: &[u8] = b"HelloVerifyRequest";
const NEW: &[u8] = b"HelloRetryRequest";

fn tag(
    provider: &dyn CryptoProvider,
    secret: &[u8],
    purpose: &[u8],
    address: &[u8],
    content: &[&[u8]],
) -> Result<Digest, CryptoError> {
    let hmac = provider.hmac(HashAlgorithm::Sha256, secret)?;
    let len = u32::try_from(address.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut parts: Vec<&[u8]> = vec![purpose, &len, address];
    parts.extend_from_slice(content);
    Ok(hmac.sign(&parts))
}

fn check(
    provider: &dyn CryptoProvider,
    config: &Cookie,
    purpose: &[u8],
    content: &[&[u8]],
    found: &[u8],
) -> Result<bool, CryptoError> {
    let Ok(found) = <&[u8; TAG_LEN]>::try_from(found) else { return Ok(false) };
    let found = Digest::new(found);
    for secret in std::iter::once(&config.secret).chain(&config.previous) {
        // Digests compare in constant time.
        if tag(provider, secret.expose(), purpose, &config.address, content)? == found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The cookie for a HelloVerifyRequest.
pub(crate) fn make_old(
    provider: &dyn CryptoProvider,
    config: &Cookie,
    client_random: &[u8; RANDOM_LEN],
) -> Result<Vec<u8>, CryptoError> {
    let secret = config.secret.expose();
    Ok(tag(provider, secret, OLD, &config.address, &[client_random])?.as_bytes().to_vec())
}

/// Whether the cookie is one that we made for this client.
pub(crate) fn check_old(
    provider: &dyn CryptoProvider,
    config: &Cookie,
    client_random: &[u8; RANDOM_LEN],
    cookie: &[u8],
) -> Result<bool, CryptoError> {
    check(provider, config, OLD, &[client_random], cookie)
}

/// The cookie for a HelloRetryRequest: suite, group (0: none), the hash of the first hello, a tag.
pub(crate) fn make(
    provider: &dyn CryptoProvider,
    config: &Cookie,
    client_random: &[u8; RANDOM_LEN],
    retry: &Retry,
    first_hello: &Digest,
) -> Result<Vec<u8>, CryptoError> {
    let mut cookie = retry.suite.to_wire().to_be_bytes().to_vec();
    cookie.extend(retry.group.map_or(0, NamedGroup::to_wire).to_be_bytes());
    cookie.extend_from_slice(first_hello.as_bytes());
    let secret = config.secret.expose();
    let tag = tag(provider, secret, NEW, &config.address, &[client_random, &cookie])?;
    cookie.extend_from_slice(tag.as_bytes());
    Ok(cookie)
}

/// What we asked for and the hash of the first hello, if the cookie is one that we made for this
/// client.
pub(crate) fn open(
    provider: &dyn CryptoProvider,
    config: &Cookie,
    client_random: &[u8; RANDOM_LEN],
    cookie: &[u8],
) -> Result<Option<(Retry, Digest)>, CryptoError> {
    let Some((content, tag)) = cookie.split_last_chunk::<TAG_LEN>() else { return Ok(None) };
    if !check(provider, config, NEW, &[client_random, content], tag)? {
        return Ok(None);
    }
    let mut reader = Reader::new(content);
    let (Ok(suite), Ok(group)) = (reader.u16(), reader.u16()) else { return Ok(None) };
    let Some(suite) = CipherSuite::from_wire(suite) else { return Ok(None) };
    let retry = Retry { suite, group: NamedGroup::from_wire(group), cookie: cookie.to_vec() };
    Ok(Some((retry, Digest::new(reader.remaining()))))
}

#[cfg(test)]
mod tests {
    use antiphon_crypto::Secret;
    use antiphon_crypto_rust::RustCrypto;

    use super::*;

    fn config(secret: u8, previous: Option<u8>, address: &[u8]) -> Cookie {
        let key = |byte: u8| Secret::from(&[byte; 32][..]);
        Cookie { secret: key(secret), previous: previous.map(key), address: address.to_vec() }
    }

    // attack: forged cookies, and those of other addresses
    #[test]
    fn a_cookie_is_good_for_its_client_and_its_address_until_the_secret_is_gone() {
        let (provider, random) = (RustCrypto::new(), [7; 32]);
        let made_with = config(1, None, b"192.0.2.1:9");
        let old = make_old(&provider, &made_with, &random).unwrap();
        let retry = Retry {
            suite: CipherSuite::Aes256GcmSha384,
            group: Some(NamedGroup::X25519),
            cookie: Vec::new(),
        };
        let hash = Digest::new(&[9; 48]);
        let new = make(&provider, &made_with, &random, &retry, &hash).unwrap();
        for (reader, client, good) in [
            (made_with.clone(), [7; 32], true),
            (config(2, Some(1), b"192.0.2.1:9"), [7; 32], true),
            (config(2, None, b"192.0.2.1:9"), [7; 32], false),
            (config(1, None, b"192.0.2.1:8"), [7; 32], false),
            (made_with.clone(), [8; 32], false),
        ] {
            assert_eq!(check_old(&provider, &reader, &client, &old), Ok(good));
            let opened = open(&provider, &reader, &client, &new).unwrap();
            assert_eq!(opened.is_some(), good);
            if let Some((found, first)) = opened {
                assert_eq!((found.suite, found.group), (retry.suite, retry.group));
                assert_eq!((found.cookie, first), (new.clone(), hash));
            }
        }
        for at in 0..new.len() {
            let mut forged = new.clone();
            forged[at] ^= 1;
            assert!(open(&provider, &made_with, &random, &forged).unwrap().is_none());
        }
        assert!(open(&provider, &made_with, &random, &old).unwrap().is_none(), "the other kind");
        assert_eq!(check_old(&provider, &made_with, &random, &[]), Ok(false));
    }
}
