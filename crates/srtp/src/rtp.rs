//! One RTP packet, once its index is known.

use crate::header::RtpHeader;
use crate::index::rollover_counter;
use crate::suite::{CounterMode, Gcm, Suite};

/// The cipher failed, or the tag was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed;

/// Encrypts `packet` in place and writes the tag into `tag`, which follows the packet.
#[inline]
pub(crate) fn seal(
    suite: &Suite,
    header: &RtpHeader,
    index: u64,
    packet: &mut [u8],
    tag: &mut [u8],
) -> Result<(), Failed> {
    let made = match suite {
        Suite::Gcm(gcm) => {
            //= rfc7714#8.2
            // The whole header, with CSRCs and extension, is authenticated but not encrypted.
            let (clear, text) = packet.split_at_mut_checked(header.len).ok_or(Failed)?;
            let made = gcm.aead.seal(&gcm.nonce(header.ssrc, index), clear, text);
            return put(tag, &made.map_err(|_| Failed)?);
        }
        Suite::CounterMode(suite) => {
            let text = packet.get_mut(header.len..).ok_or(Failed)?;
            //= rfc3711#3.1
            // The tag covers what is sent: encryption comes first.
            suite.cipher.apply(&suite.counter(header.ssrc, index), text);
            suite.hmac.sign(&[packet, &rollover_counter(index).to_be_bytes()])
        }
    };
    put(tag, made.as_bytes())
}

/// Checks the tag at the end of `packet`, then decrypts in place what lies before it.
#[inline]
pub(crate) fn open(
    suite: &Suite,
    header: &RtpHeader,
    index: u64,
    packet: &mut [u8],
    tag_len: usize,
) -> Result<(), Failed> {
    let end = packet.len().checked_sub(tag_len).ok_or(Failed)?;
    let (body, tag) = packet.split_at_mut_checked(end).ok_or(Failed)?;
    match suite {
        Suite::Gcm(gcm) => open_gcm(gcm, header, index, body, tag),
        Suite::CounterMode(suite) => {
            verify(suite, body, rollover_counter(index), tag)?;
            let text = body.get_mut(header.len..).ok_or(Failed)?;
            suite.cipher.apply(&suite.counter(header.ssrc, index), text);
            Ok(())
        }
    }
}

fn open_gcm(
    gcm: &Gcm,
    header: &RtpHeader,
    index: u64,
    body: &mut [u8],
    tag: &[u8],
) -> Result<(), Failed> {
    let (clear, text) = body.split_at_mut_checked(header.len).ok_or(Failed)?;
    let tag = tag.try_into().map_err(|_| Failed)?;
    gcm.aead.open(&gcm.nonce(header.ssrc, index), clear, text, tag).map_err(|_| Failed)
}

/// Checks the tag over `body` and a word that follows it.
pub(crate) fn verify(
    suite: &CounterMode,
    body: &[u8],
    word: u32,
    tag: &[u8],
) -> Result<(), Failed> {
    let right = tag.len() == suite.tag_len && suite.hmac.verify(&[body, &word.to_be_bytes()], tag);
    if right { Ok(()) } else { Err(Failed) }
}

/// Fills `tag` with the front of what was made.
pub(crate) fn put(tag: &mut [u8], made: &[u8]) -> Result<(), Failed> {
    tag.copy_from_slice(made.get(..tag.len()).ok_or(Failed)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use antiphon_crypto::{AeadAlgorithm, CryptoProvider as _, StreamAlgorithm};
    use antiphon_crypto_rust::RustCrypto;

    use super::*;
    use crate::hex::hex;

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
            let header = RtpHeader::parse(&plain).unwrap();
            let (mut packet, mut tag) = (plain.clone(), [0; 16]);
            seal(&suite, &header, 0xf17b, &mut packet, &mut tag).unwrap();
            packet.extend(tag);
            assert_eq!(packet, hex(sealed));
            open(&suite, &header, 0xf17b, &mut packet, 16).unwrap();
            assert_eq!(packet[..plain.len()], plain);
        }
    }

    // RFC 3711 appendix B.2.
    #[test]
    fn counter_mode_gives_the_key_stream_of_rfc_3711() {
        let provider = RustCrypto::new();
        let key = hex("2b7e151628aed2a6abf7158809cf4f3c");
        let suite = CounterMode {
            cipher: provider.stream_cipher(StreamAlgorithm::Aes128Ctr, &key).unwrap(),
            hmac: provider.hmac(antiphon_crypto::HashAlgorithm::Sha1, &[]).unwrap(),
            salt: 0xf0f1_f2f3_f4f5_f6f7_f8f9_fafb_fcfd_0000,
            tag_len: 10,
        };
        let mut stream = vec![0; 65282 * 16];
        suite.cipher.apply(&suite.counter(0, 0), &mut stream);
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
}
