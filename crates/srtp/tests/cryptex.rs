//! Cryptex (RFC 9335): its vectors, what receivers take, and how it goes with RFC 6904.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_crypto_rust::RustCrypto;
use antiphon_srtp::{
    Config, Cryptex, MAX_TRAILER, Profile, ProtectError, SrtpReceiver, SrtpSender, UnprotectError,
};
use common::{PROFILES, SSRC, hex, pair, pair_with, protect, rtp, rtp_with};
use proptest::prelude::*;

const ONE_BYTE: u16 = 0xbede;
const TWO_BYTES: u16 = 0x1000;

fn config(cryptex: Cryptex) -> Config {
    let mut config = Config::default();
    config.cryptex = cryptex;
    config
}

//= rfc9335#6.2
//= type=test
//= rfc9335#6.1
//= type=test
#[test]
fn packets_are_those_of_rfc_9335() {
    let (provider, config) = (RustCrypto::new(), config(Cryptex::On));
    let mut packets = 0;
    for line in include_str!("fixtures/rfc9335.txt").lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let (profile, key, salt) = if words[0].starts_with("A.1") {
            let salt = "0ec675ad498afeebb6960b3aabe6";
            (Profile::AesCm128HmacSha1_80, "e1f97a0d3e018be0d64fa32c06de4139", salt)
        } else {
            let salt = "a0a1a2a3a4a5a6a7a8a9aaab";
            (Profile::AeadAes128Gcm, "000102030405060708090a0b0c0d0e0f", salt)
        };
        let (key, salt) = (hex(key), hex(salt));
        let mut sender = SrtpSender::new(&provider, profile, &key, &salt, &config).unwrap();
        let mut receiver = SrtpReceiver::new(&provider, profile, &key, &salt, &config).unwrap();
        let (plain, mut sealed) = (hex(words[1]), hex(words[2]));
        assert_eq!(protect(&mut sender, &plain), sealed, "{line}");
        let len = receiver.unprotect(&mut sealed).unwrap();
        assert_eq!(sealed[..len], plain, "{line}");
        packets += 1;
    }
    assert_eq!(packets, 12);
}

//= rfc9335#5.1
//= type=test
#[test]
fn a_packet_with_sources_alone_gets_an_empty_extension() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair_with(profile, &config(Cryptex::On));
        let plain = rtp_with(7, &[0x0102_0304, 0x0506_0708], None, b"a payload");
        let mut sealed = protect(&mut sender, &plain);
        assert_eq!(sealed.len(), plain.len() + 4 + profile.rtp_overhead());
        assert_eq!((sealed[0], &sealed[20..24]), (0x92, &[0xc0, 0xde, 0, 0][..]));
        assert_ne!(sealed[12..20], plain[12..20]);
        let len = receiver.unprotect(&mut sealed).unwrap();
        let with_extension =
            rtp_with(7, &[0x0102_0304, 0x0506_0708], Some((ONE_BYTE, &[])), b"a payload");
        assert_eq!(sealed[..len], with_extension);
        // Room for that is asked for, too.
        let need = plain.len() + 4 + profile.rtp_overhead();
        let mut buf = [&rtp_with(8, &[1, 2], None, b"a payload")[..], &[0; 64]].concat();
        let len = plain.len();
        let too_small = Err(ProtectError::BufferTooSmall { need, len: need - 1 });
        assert_eq!(sender.protect(&mut buf[..need - 1], len), too_small);
        assert_eq!(sender.protect(&mut buf[..need], len), Ok(need));
    }
}

#[test]
fn packets_without_sources_and_extension_are_as_ever() {
    for profile in PROFILES {
        let (mut plain, mut receiver) = pair(profile);
        let (mut cryptex, mut strict) = pair_with(profile, &config(Cryptex::Required));
        let packet = rtp(SSRC, 7, b"a payload");
        let sealed = protect(&mut cryptex, &packet);
        assert_eq!(sealed, protect(&mut plain, &packet));
        assert!(receiver.unprotect(&mut sealed.clone()).is_ok());
        assert!(strict.unprotect(&mut sealed.clone()).is_ok());
    }
}

//= rfc9335#5.2
//= type=test
#[test]
fn a_receiver_takes_both_kinds_once_it_was_negotiated() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair_with(profile, &config(Cryptex::On));
        for (sequence_number, cryptex) in [Cryptex::Off, Cryptex::On].into_iter().enumerate() {
            sender.set_cryptex(cryptex);
            let extension = Some((TWO_BYTES, &[5, 2, 0, 2][..]));
            let plain = rtp_with(sequence_number as u16, &[9], extension, b"either");
            let mut sealed = protect(&mut sender, &plain);
            let form = if cryptex == Cryptex::Off { [0x10, 0] } else { [0xc2, 0xde] };
            assert_eq!(sealed[16..18], form);
            let len = receiver.unprotect(&mut sealed).unwrap();
            assert_eq!(sealed[..len], plain);
        }
    }
}

//= rfc9335#5.2
//= type=test
#[test]
fn a_receiver_that_requires_it_refuses_headers_in_the_clear() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair_with(profile, &config(Cryptex::Off));
        receiver.set_cryptex(Cryptex::Required);
        for packet in [
            rtp_with(1, &[9], None, b"sources"),
            rtp_with(2, &[], Some((ONE_BYTE, &[0x10, 1, 0, 0])), b"an extension"),
        ] {
            let mut sealed = protect(&mut sender, &packet);
            assert_eq!(receiver.unprotect(&mut sealed), Err(UnprotectError::NotCryptex));
        }
        assert_eq!((receiver.streams(), receiver.stats().not_encrypted), (0, 2));
    }
}

//= rfc9335#5.1
//= type=test
#[test]
fn other_extensions_are_left_alone_or_refused() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair_with(profile, &config(Cryptex::On));
        // An extension of somebody's own, and one with application bits.
        for (sequence_number, form) in [(1, 0xabcd), (2, 0x1003)] {
            let plain = rtp_with(sequence_number, &[], Some((form, &[1, 1, 7, 0])), b"not ours");
            let mut sealed = protect(&mut sender, &plain);
            assert_eq!(sealed[..20], plain[..20]);
            let len = receiver.unprotect(&mut sealed).unwrap();
            assert_eq!(sealed[..len], plain);
            sender.set_cryptex(Cryptex::Required);
            let mut again = rtp_with(9, &[], Some((form, &[1, 1, 7, 0])), &[0; 40]);
            let refused = Err(ProtectError::ExtensionForm { form });
            assert_eq!(sender.protect(&mut again, 24), refused);
            sender.set_cryptex(Cryptex::On);
        }
    }
}

#[test]
fn a_form_that_means_cryptex_is_not_sent_in_the_clear() {
    for profile in PROFILES {
        let (mut sender, _) = pair_with(profile, &config(Cryptex::On));
        for form in [0xc0de, 0xc2de] {
            let mut packet = rtp_with(1, &[], Some((form, &[1, 2, 3, 4])), &[0; 40]);
            let refused = Err(ProtectError::ExtensionForm { form });
            assert_eq!(sender.protect(&mut packet, 24), refused);
        }
        assert_eq!(sender.position(SSRC), None, "nothing is used up");
    }
}

#[test]
fn a_receiver_that_did_not_negotiate_it_takes_the_form_for_somebodys_own() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair(profile);
        let plain = rtp_with(1, &[4], Some((0xc0de, &[1, 2, 3, 4])), b"plain SRTP");
        let mut sealed = protect(&mut sender, &plain);
        let len = receiver.unprotect(&mut sealed).unwrap();
        assert_eq!(sealed[..len], plain);
    }
}

// attack: changed bits in what cryptex encrypts and in what it leaves clear
#[test]
fn every_changed_bit_is_noticed() {
    for profile in PROFILES {
        let (mut sender, mut receiver) = pair_with(profile, &config(Cryptex::On));
        let plain = rtp_with(1, &[4, 5], Some((ONE_BYTE, &[0x10, 2, 0, 0])), b"payload");
        let sealed = protect(&mut sender, &plain);
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(receiver.unprotect(&mut changed).is_err(), "bit {bit}");
        }
        assert_eq!(receiver.streams(), 0);
        receiver.unprotect(&mut sealed.clone()).unwrap();
    }
}

//= rfc9335#5
//= type=test
#[test]
fn a_packet_uses_cryptex_or_encrypted_elements() {
    for profile in PROFILES {
        let mut config = config(Cryptex::On);
        config.encrypted_extensions = Some([1].into_iter().collect());
        let (mut sender, mut receiver) = pair_with(profile, &config);
        let (mut only, _) = pair_with(profile, &self::config(Cryptex::On));
        let plain = rtp_with(1, &[], Some((ONE_BYTE, &[0x11, 2, 3, 0])), b"payload");
        let mut sealed = protect(&mut sender, &plain);
        assert_eq!(sealed, protect(&mut only, &plain), "cryptex alone");
        let len = receiver.unprotect(&mut sealed).unwrap();
        assert_eq!(sealed[..len], plain);
    }
}

proptest! {
    #[test]
    fn what_is_protected_is_unprotected(
        csrcs in prop::collection::vec(any::<u32>(), 0..=15),
        extension in prop::option::of((
            prop::sample::select(vec![ONE_BYTE, TWO_BYTES]),
            prop::collection::vec(any::<[u8; 4]>(), 0..20),
        )),
        payload in prop::collection::vec(any::<u8>(), 0..1300),
        sequence_number in any::<u16>(),
        profile in prop::sample::select(PROFILES.to_vec()),
    ) {
        let (mut sender, mut receiver) = pair_with(profile, &config(Cryptex::On));
        let content = extension.as_ref().map(|(form, words)| (*form, words.concat()));
        let given = content.as_ref().map(|(form, content)| (*form, &content[..]));
        let plain = rtp_with(sequence_number, &csrcs, given, &payload);
        let mut buf = [&plain[..], &[0; MAX_TRAILER]].concat();
        let len = sender.protect(&mut buf, plain.len()).unwrap();
        if !csrcs.is_empty() {
            prop_assert_ne!(&buf[12..16], &plain[12..16]);
        }
        let len = receiver.unprotect(&mut buf[..len]).unwrap();
        let empty = (!csrcs.is_empty()).then_some((ONE_BYTE, &[][..]));
        prop_assert_eq!(&buf[..len], &rtp_with(sequence_number, &csrcs, given.or(empty), &payload)[..]);
    }
}
