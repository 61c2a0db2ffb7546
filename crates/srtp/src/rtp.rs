//! One RTP packet, once its index is known.

use crate::cryptex::Layout;
use crate::index::rollover_counter;
use crate::suite::{CounterMode, Suite};

/// The cipher failed, or the tag was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed;

/// A packet's place in its stream, and which of its bytes are encrypted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealing {
    pub(crate) ssrc: u32,
    pub(crate) index: u64,
    pub(crate) layout: Layout,
}

impl Sealing {
    /// Encrypts `packet` in place and writes the tag into `tag`, as much of it as fits.
    #[inline]
    pub(crate) fn seal(
        &self,
        suite: &Suite,
        packet: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), Failed> {
        match suite {
            Suite::Gcm(gcm) => {
                self.layout.arrange(packet);
                //= rfc7714#8.2
                // The header, as far as it is not encrypted itself, is authenticated.
                let (clear, text) = packet.split_at_mut_checked(self.layout.clear).ok_or(Failed)?;
                let made = gcm.aead.seal(&gcm.nonce(self.ssrc, self.index), clear, text);
                self.layout.restore(packet);
                *tag.first_chunk_mut().ok_or(Failed)? = made.map_err(|_| Failed)?;
                Ok(())
            }
            Suite::CounterMode(suite) => {
                //= rfc3711#3.1
                // The tag covers what is sent: encryption comes first.
                self.apply(suite, packet)?;
                let made = suite.hmac.sign(&[packet, &self.rollover_counter()]);
                put(tag, made.as_bytes())
            }
        }
    }

    /// Checks `tag`, then decrypts `packet`, which it followed, in place.
    #[inline]
    pub(crate) fn open(&self, suite: &Suite, packet: &mut [u8], tag: &[u8]) -> Result<(), Failed> {
        match suite {
            Suite::Gcm(gcm) => {
                self.layout.arrange(packet);
                let (clear, text) = packet.split_at_mut_checked(self.layout.clear).ok_or(Failed)?;
                let tag = tag.try_into().map_err(|_| Failed)?;
                let opened = gcm.aead.open(&gcm.nonce(self.ssrc, self.index), clear, text, tag);
                self.layout.restore(packet);
                opened.map_err(|_| Failed)
            }
            Suite::CounterMode(suite) => {
                verify(suite, packet, self.rollover_counter(), tag)?;
                self.apply(suite, packet)
            }
        }
    }

    #[inline]
    fn apply(&self, suite: &CounterMode, packet: &mut [u8]) -> Result<(), Failed> {
        self.layout.arrange(packet);
        let text = packet.get_mut(self.layout.clear..).ok_or(Failed)?;
        suite.apply(self.ssrc, self.index, text);
        self.layout.restore(packet);
        Ok(())
    }

    #[inline]
    fn rollover_counter(&self) -> [u8; 4] {
        rollover_counter(self.index).to_be_bytes()
    }
}

/// Checks the tag over `body` and a word that follows it. The caller has seen to the tag's length.
#[inline]
pub(crate) fn verify(
    suite: &CounterMode,
    body: &[u8],
    word: [u8; 4],
    tag: &[u8],
) -> Result<(), Failed> {
    if suite.hmac.verify(&[body, &word], tag) { Ok(()) } else { Err(Failed) }
}

/// Fills `tag` with the front of what was made.
pub(crate) fn put(tag: &mut [u8], made: &[u8]) -> Result<(), Failed> {
    tag.copy_from_slice(made.get(..tag.len()).ok_or(Failed)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use antiphon_crypto::{AeadAlgorithm, CryptoProvider as _, HashAlgorithm, StreamAlgorithm};
    use antiphon_crypto_rust::RustCrypto;

    use super::*;
    use crate::header::RtpHeader;
    use crate::hex::hex;
    use crate::suite::Gcm;

    // RFC 7714 section 16.
    #[test]
    fn gcm_gives_the_packets_of_rfc_7714() {
        let plain = hex("8040f17b8041f8d35501a0b2 47616c6c696120657374206f6d6e697320646976
                         69736120696e207061727465732074726573");
        let cases = [
            (
                AeadAlgorithm::Aes128Gcm,
                "8040f17b8041f8d35501a0b2 f24de3a3fb34de6cacba861c9d7e4bcabe633bd5
                 0d294e6f42a5f47a51c7d19b36de3adf8833 899d7f27beb16a9152cf765ee4390cce",
            ),
            (
                AeadAlgorithm::Aes256Gcm,
                "8040f17b8041f8d35501a0b2 32b1de78a822fe12ef9f78fa332e33aab1801238
                 9a58e2f3b50b2a0276ffae0f1ba63799b87b 7aa3db36dfffd6b0f9bb7878d7a76c13",
            ),
        ];
        for (algorithm, sealed) in cases {
            let key: Vec<u8> = (0..32).take(algorithm.key_len()).collect();
            let suite = Suite::Gcm(Gcm {
                aead: RustCrypto::new().aead(algorithm, &key).unwrap(),
                salt: 0x5175_6964_2070_726f_2071_756f,
            });
            let layout = Layout::plain(&RtpHeader::parse(&plain).unwrap());
            let sealing = Sealing { ssrc: 0x5501_a0b2, index: 0xf17b, layout };
            let (mut packet, mut tag) = (plain.clone(), [0; 16]);
            sealing.seal(&suite, &mut packet, &mut tag).unwrap();
            assert_eq!([&packet[..], &tag].concat(), hex(sealed));
            sealing.open(&suite, &mut packet, &tag).unwrap();
            assert_eq!(packet, plain);
        }
    }

    fn key_stream(algorithm: StreamAlgorithm, key: &str) -> Vec<u8> {
        let provider = RustCrypto::new();
        let suite = CounterMode {
            cipher: Some(provider.stream_cipher(algorithm, &hex(key)).unwrap()),
            hmac: provider.hmac(HashAlgorithm::Sha1, &[]).unwrap(),
            salt: 0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd_0000,
        };
        let mut stream = vec![0; 65282 * 16];
        suite.apply(0, 0, &mut stream);
        stream
    }

    // RFC 3711 appendix B.2.
    #[test]
    fn counter_mode_gives_the_key_stream_of_rfc_3711() {
        let stream = key_stream(StreamAlgorithm::Aes128Ctr, "2b7e151628aed2a6abf7158809cf4f3c");
        assert_eq!(
            stream[..48],
            hex("e03ead0935c95e80e166b16dd92b4eb4 d23513162b02d0f72a43a2fe4a5f97ab
                 41e95b3bb0a2e8dd477901e4fca894c0")
        );
        assert_eq!(
            stream[65279 * 16..],
            hex("ec8cdf7398607cb0f2d21675ea9ea1e4 362b7c3c6773516318a077d7fc5073ae
                 6a2cc3787889374fbeb4c81b17ba6c44")
        );
    }

    // RFC 6188 section 7.1.
    #[test]
    fn counter_mode_gives_the_key_stream_of_rfc_6188() {
        let stream = key_stream(
            StreamAlgorithm::Aes256Ctr,
            "57f82fe3613fd170a85ec93c40b1f0922ec4cb0dc025b58272147cc438944a98",
        );
        assert_eq!(
            stream[..48],
            hex("92bdd28a93c3f52511c677d08b5515a4 9da71b2378a854f67050756ded165bac
                 63c4868b7096d88421b563b8c94c9a31")
        );
        assert_eq!(
            stream[65279 * 16..],
            hex("cea518c90fd91ced9cbb18c078a54711 3dbc4814f4da5f00a08772b63c6a046d
                 6eb246913062a16891433e97dd01a57f")
        );
    }
}
