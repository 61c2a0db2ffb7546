//! Encrypted elements of header extensions ([RFC 6904]).
//!
//! [RFC 6904]: https://www.rfc-editor.org/rfc/rfc6904

#![warn(clippy::arithmetic_side_effects)]

use antiphon_crypto::{CryptoProvider, StreamCipher};
use zeroize::Zeroizing;

use crate::derivation::{Derivation, Label};
use crate::header::RtpHeader;
use crate::{HeaderError, Profile, SetupError};

/// The form of an extension whose elements have a header of one byte ([RFC 8285] section 4.2).
///
/// [RFC 8285]: https://www.rfc-editor.org/rfc/rfc8285
pub(crate) const ONE_BYTE: u16 = 0xbede;

/// The form of an extension whose elements have a header of two bytes, with `appbits` of zero
/// ([RFC 8285] section 4.3).
///
/// [RFC 8285]: https://www.rfc-editor.org/rfc/rfc8285
pub(crate) const TWO_BYTES: u16 = 0x1000;

/// Bytes before the elements: the form, and the length in words.
const PREAMBLE_LEN: usize = 4;

/// An element of 255 bytes, and those before it in its first block of key stream.
const BUFFER_LEN: usize = 255 + 15;

/// Identifiers of header extension elements, from 1 to 255: those that are sent encrypted
/// ([RFC 6904]).
///
/// ```
/// use antiphon_srtp::ExtensionIds;
///
/// // What `a=extmap:3 urn:ietf:params:rtp-hdrext:encrypt ...` negotiated.
/// let ids: ExtensionIds = [3, 7].into_iter().collect();
/// assert!(ids.contains(3) && !ids.contains(4));
/// ```
///
/// [RFC 6904]: https://www.rfc-editor.org/rfc/rfc6904#section-4
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExtensionIds([u64; 4]);

impl ExtensionIds {
    /// Adds an identifier; 0, which is padding, is ignored.
    pub fn insert(&mut self, id: u8) {
        if id != 0
            && let Some(word) = self.0.get_mut(usize::from(id >> 6))
        {
            *word |= 1 << (id & 63);
        }
    }

    /// Whether the identifier is one of them.
    #[must_use]
    pub fn contains(&self, id: u8) -> bool {
        self.0.get(usize::from(id >> 6)).is_some_and(|word| word >> (id & 63) & 1 == 1)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }
}

impl FromIterator<u8> for ExtensionIds {
    fn from_iter<I: IntoIterator<Item = u8>>(ids: I) -> Self {
        let mut set = Self::default();
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }
}

/// What encrypts elements, and which.
pub(crate) struct ExtensionCipher {
    /// `None` where the profile encrypts nothing.
    cipher: Option<Box<dyn StreamCipher>>,
    /// 112 bits, and 16 zero bits for the counter.
    salt: u128,
    pub(crate) ids: ExtensionIds,
}

impl ExtensionCipher {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        profile: Profile,
        master: &Derivation,
        ids: ExtensionIds,
    ) -> Result<Self, SetupError> {
        //= rfc6904#3.2
        // The NULL cipher has a key stream of zeros.
        let cipher = if profile.encrypts() {
            let mut key = Zeroizing::new(vec![0; profile.key_len()]);
            master.derive(Label::ExtensionEncryption, &mut key);
            //= rfc7714#8.3
            // AES-GCM encrypts header extensions with AES in counter mode, of its key's length.
            Some(provider.stream_cipher(profile.derivation(), &key)?)
        } else {
            None
        };
        //= rfc6904#3
        // The salt is as long as that of packets: with AES-GCM zeros take the place of the rest.
        Ok(Self {
            cipher,
            salt: master.derive_salt(Label::ExtensionSalt, profile.salt_len())?,
            ids,
        })
    }

    /// Encrypts the elements in question in place, or decrypts them.
    pub(crate) fn apply(
        &self,
        packet: &mut [u8],
        header: &RtpHeader,
        index: u64,
    ) -> Result<(), HeaderError> {
        let (Some(form), Some(cipher)) = (header.extension, &self.cipher) else { return Ok(()) };
        if self.ids.is_empty() {
            return Ok(());
        }
        //= rfc6904#3
        // Mask and key stream begin behind the preamble, with the first element.
        let start = header.extension_at.saturating_add(PREAMBLE_LEN);
        let Some(body) = packet.get_mut(start..header.len) else { return Ok(()) };
        //= rfc6904#3.2
        // The counter block is that of the packet, but for its salt.
        let counter = self.salt ^ (u128::from(header.ssrc) << 64) ^ (u128::from(index) << 16);
        let mut elements = Elements { one_byte: form == ONE_BYTE, at: 0 };
        if !elements.one_byte && form & 0xfff0 != TWO_BYTES {
            return Ok(());
        }
        while let Some(Element { id, at, len }) = elements.next(body)? {
            if self.ids.contains(id) && len > 0 {
                mask(&**cipher, counter, body, at, len);
            }
        }
        Ok(())
    }
}

/// XORs the key stream of the bytes `at..at + len` onto them.
fn mask(cipher: &dyn StreamCipher, counter: u128, body: &mut [u8], at: usize, len: usize) {
    let (lead, end) = (at % 16, at.saturating_add(len));
    let block = u128::try_from(at / 16).unwrap_or(0);
    let mut buffer = [0; BUFFER_LEN];
    let whole = lead.saturating_add(len);
    if let (Some(whole), Some(body)) = (buffer.get_mut(..whole), body.get_mut(at..end)) {
        let (_, part) = whole.split_at_mut(lead);
        part.copy_from_slice(body);
        cipher.apply(&counter.wrapping_add(block).to_be_bytes(), whole);
        body.copy_from_slice(whole.get(lead..).unwrap_or_default());
    }
}

/// An element's content: `len` bytes from `at` on.
struct Element {
    id: u8,
    at: usize,
    len: usize,
}

/// A walk over the elements.
struct Elements {
    one_byte: bool,
    at: usize,
}

impl Elements {
    fn next(&mut self, body: &[u8]) -> Result<Option<Element>, HeaderError> {
        // Zero bytes are padding, wherever they stand.
        while body.get(self.at) == Some(&0) {
            self.at = self.at.saturating_add(1);
        }
        let Some(&first) = body.get(self.at) else { return Ok(None) };
        let wrong = HeaderError::Element { at: self.at };
        let (id, header, len) = if self.one_byte {
            // Identifier 15 ends the elements (RFC 8285 section 4.2).
            if first >> 4 == 15 {
                return Ok(None);
            }
            (first >> 4, 1, usize::from(first & 15).saturating_add(1))
        } else {
            let &len = body.get(self.at.saturating_add(1)).ok_or(wrong)?;
            (first, 2, usize::from(len))
        };
        let at = self.at.saturating_add(header);
        self.at = at.saturating_add(len);
        if self.at > body.len() {
            return Err(wrong);
        }
        Ok(Some(Element { id, at, len }))
    }
}

#[cfg(test)]
mod tests {
    use antiphon_crypto_rust::RustCrypto;

    use super::*;
    use crate::hex::hex;

    fn cipher(ids: &[u8]) -> ExtensionCipher {
        let (provider, profile) = (RustCrypto::new(), Profile::AesCm128HmacSha1_80);
        let (key, salt) =
            (hex("e1f97a0d3e018be0d64fa32c06de4139"), hex("0ec675ad498afeebb6960b3aabe6"));
        let master = Derivation::new(&provider, profile, &key, &salt).unwrap();
        ExtensionCipher::new(&provider, profile, &master, ids.iter().copied().collect()).unwrap()
    }

    fn packet(form: &str, body: &str) -> Vec<u8> {
        let words = u8::try_from(hex(body).len() / 4).unwrap();
        [hex("900f1234decafbadcafebabe"), hex(form), vec![0, words], hex(body)].concat()
    }

    // RFC 6904 appendix A.2.
    //= rfc6904#3.2
    //= type=test
    #[test]
    fn elements_are_encrypted_as_in_rfc_6904() {
        let plain = packet("bede", "17414273a475262748220000c8308e46 55996386b395fb00");
        let sealed = packet("bede", "17588a9270f4e15e1c220000c8309546 a994f0bc54789700");
        let header = RtpHeader::parse(&plain).unwrap();
        let mut packet = plain.clone();
        cipher(&[1, 3, 4]).apply(&mut packet, &header, 0x1234).unwrap();
        assert_eq!(packet, sealed);
        cipher(&[1, 3, 4]).apply(&mut packet, &header, 0x1234).unwrap();
        assert_eq!(packet, plain);
        cipher(&[2, 5]).apply(&mut packet, &header, 0x1234).unwrap();
        assert_eq!((&packet[..26], &packet[29..]), (&plain[..26], &plain[29..]), "but element 2");
    }

    // The same elements behind headers of two bytes: the key stream goes on over those.
    #[test]
    fn elements_with_headers_of_two_bytes_are_encrypted() {
        let body = "0108414273a475262748 02030000c8 0000 03018e 040755996386b395fb 00 f003010203";
        let plain = packet("1005", &[body, "000000"].concat());
        let header = RtpHeader::parse(&plain).unwrap();
        let mut packet = plain.clone();
        cipher(&[1, 3, 0xf0]).apply(&mut packet, &header, 7).unwrap();
        let changed: Vec<usize> =
            (0..plain.len()).filter(|at| plain[*at] != packet[*at]).map(|at| at - 16).collect();
        assert!(changed.iter().all(|at| [2..10, 19..20, 32..35].iter().any(|r| r.contains(at))));
        assert!(changed.len() > 9, "{changed:?}");
        cipher(&[1, 3, 0xf0]).apply(&mut packet, &header, 7).unwrap();
        assert_eq!(packet, plain);
    }

    // attack: elements that lie about their length
    #[test]
    fn elements_that_reach_beyond_the_extension_are_an_error() {
        for (form, body, at) in
            [("bede", "10aa1f00", 2), ("1000", "0105aabb", 0), ("1000", "0101aa02", 3)]
        {
            let mut packet = packet(form, body);
            let header = RtpHeader::parse(&packet).unwrap();
            let wrong = Err(HeaderError::Element { at });
            assert_eq!(cipher(&[1]).apply(&mut packet, &header, 1), wrong, "{form} {body}");
        }
        // Behind identifier 15 nothing is read, and other extensions have no elements.
        for (form, body) in [("bede", "f0ffffff"), ("abcd", "1fffffff")] {
            let mut packet = packet(form, body);
            let (header, before) = (RtpHeader::parse(&packet).unwrap(), packet.clone());
            cipher(&[1, 15]).apply(&mut packet, &header, 1).unwrap();
            assert_eq!(packet, before);
        }
    }
}
