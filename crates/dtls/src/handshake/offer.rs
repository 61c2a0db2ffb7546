use antiphon_crypto::{CryptoError, KeyExchange, NamedGroup};

use crate::handshake::identity::accepted_schemes;
use crate::handshake::terms;
use crate::wire::extension::key_share::{self, KeyShare};
use crate::wire::extension::{
    Builder, cookie, ec_point_formats, kind, renegotiation_info, signature_algorithms,
    supported_groups, supported_versions,
};
use crate::wire::{ClientHello, DTLS_1_2, RANDOM_LEN};
use crate::{CipherSuite, Config, Version};

/// What a client says in its hello, for both versions at once.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) random: [u8; RANDOM_LEN],
    pub(crate) suites: Vec<CipherSuite>,
    pub(crate) groups: Vec<NamedGroup>,
    shares: Vec<Box<dyn KeyExchange>>,
    /// What a HelloVerifyRequest gave us to bring back.
    pub(crate) old_cookie: Vec<u8>,
    /// What a HelloRetryRequest gave us to bring back.
    pub(crate) cookie: Vec<u8>,
}

impl Offer {
    pub(crate) fn new(config: &Config, random: [u8; RANDOM_LEN]) -> Result<Self, CryptoError> {
        let provider = &*config.provider;
        let suites = config.cipher_suites.iter().copied();
        let groups = config.usable_groups();
        let mut offer = Self {
            random,
            suites: suites
                .filter(|suite| config.speaks(suite.version()) && suite.is_available(provider))
                .collect(),
            shares: Vec::new(),
            old_cookie: Vec::new(),
            cookie: Vec::new(),
            groups,
        };
        if config.speaks(Version::Dtls13) {
            for group in first_shares(&offer.groups) {
                offer.shares.push(provider.key_exchange(group)?);
            }
        }
        Ok(offer)
    }

    /// Whether a share of `group` was sent.
    pub(crate) fn has_share(&self, group: NamedGroup) -> bool {
        self.shares.iter().any(|share| share.group() == group)
    }

    /// From now on there is one share, of `group`.
    pub(crate) fn share_only(
        &mut self,
        config: &Config,
        group: NamedGroup,
    ) -> Result<(), CryptoError> {
        self.shares = vec![config.provider.key_exchange(group)?];
        Ok(())
    }

    /// Our half of the agreement in the group of this number, if we sent its share.
    pub(crate) fn take_share(&mut self, group: u16) -> Option<Box<dyn KeyExchange>> {
        let at = self.shares.iter().position(|share| share.group().to_wire() == group)?;
        Some(self.shares.swap_remove(at))
    }

    /// The body of the hello.
    pub(crate) fn write(&self, config: &Config) -> Vec<u8> {
        let suites: Vec<u8> =
            self.suites.iter().flat_map(|suite| suite.to_wire().to_be_bytes()).collect();
        let builder = self.extensions(config);
        let hello = ClientHello::offering(
            DTLS_1_2,
            self.random,
            &suites,
            &self.old_cookie,
            builder.extensions(),
        );
        let mut body = Vec::new();
        hello.write(&mut body);
        body
    }

    fn extensions(&self, config: &Config) -> Builder {
        let mut builder = Builder::default();
        if config.speaks(Version::Dtls12) {
            //= rfc7627#5.2
            // The client always offers it.
            builder.push(kind::EXTENDED_MASTER_SECRET, |_| {});
            //= rfc5746#3.4
            // An empty renegotiation_info says that we know the attack.
            builder.push(kind::RENEGOTIATION_INFO, renegotiation_info::write);
            builder.push(kind::EC_POINT_FORMATS, ec_point_formats::write);
        }
        let groups = self.groups.iter().map(|group| group.to_wire());
        builder.push(kind::SUPPORTED_GROUPS, |data| supported_groups::write(groups, data));
        let schemes = accepted_schemes(config);
        builder.push(kind::SIGNATURE_ALGORITHMS, |data| signature_algorithms::write(schemes, data));
        terms::offer(config, &mut builder);
        if config.speaks(Version::Dtls13) {
            // Before the shares: with a hybrid's the hello takes two datagrams, and a server that
            // remembers nothing looks for its cookie in the first.
            if !self.cookie.is_empty() {
                builder.push(kind::COOKIE, |data| cookie::write(&self.cookie, data));
            }
            let versions = [Version::Dtls13, Version::Dtls12];
            let spoken = versions.into_iter().filter(|version| config.speaks(*version));
            let numbers = spoken.map(Version::to_wire);
            builder.push(kind::SUPPORTED_VERSIONS, |data| supported_versions::write(numbers, data));
            let shares = self.shares.iter().map(|exchange| KeyShare {
                group: exchange.group().to_wire(),
                share: exchange.public_share(),
            });
            builder.push(kind::KEY_SHARE, |data| key_share::write_all(shares, data));
        }
        builder
    }
}

/// The groups of which a first hello sends shares: the first, and for servers that do not know a
/// hybrid, the first that is none.
fn first_shares(groups: &[NamedGroup]) -> impl Iterator<Item = NamedGroup> {
    let first = groups.first().copied();
    let hybrid = first == Some(NamedGroup::X25519MlKem768);
    let other = groups.iter().copied().find(|group| *group != NamedGroup::X25519MlKem768);
    first.into_iter().chain(other.filter(|_| hybrid))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use antiphon_crypto_rust::RustCrypto;

    use super::*;

    /// wolfSSL's server looks for it there.
    #[test]
    fn the_cookie_lies_in_the_first_fragment_whatever_the_shares_take() {
        let config = Config::without_certificate(Arc::new(RustCrypto::new()));
        let mut offer = Offer::new(&config, [1; RANDOM_LEN]).unwrap();
        offer.cookie = vec![0xab; 255];
        let body = offer.write(&config);
        assert!(body.len() > config.mtu, "{} bytes take one fragment", body.len());
        let cookie = body.windows(255).position(|bytes| bytes == offer.cookie);
        assert!(cookie.is_some_and(|at| at < 512), "{cookie:?}");
    }
}
