//! Packets of libsrtp: we make the same bytes, and we read them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_crypto_rust::RustCrypto;
use antiphon_srtp::{Config, Position, Profile, SrtpReceiver, SrtpSender};
use common::{hex, protect, protect_rtcp};

#[test]
fn packets_are_those_of_libsrtp() {
    let mut pair: Option<(SrtpSender, SrtpReceiver)> = None;
    let mut packets = 0;
    for line in include_str!("fixtures/libsrtp.txt").lines().filter(|l| !l.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let (first, second) = (words[1], hex(words[2]));
        if words[0] == "profile" {
            let number = u16::from_str_radix(first, 16).unwrap();
            let profile = Profile::from_wire(number).unwrap();
            let (salt, provider) = (hex(words[3]), RustCrypto::new());
            let config = Config::default();
            let mut sender = SrtpSender::new(&provider, profile, &second, &salt, &config).unwrap();
            // libsrtp's first SRTCP packet has index 1.
            for ssrc in [common::SSRC, 1] {
                sender.resume(ssrc, Position::new(None, Some(0))).unwrap();
            }
            let receiver = SrtpReceiver::new(&provider, profile, &second, &salt, &config).unwrap();
            pair = Some((sender, receiver));
            continue;
        }
        let (sender, receiver) = pair.as_mut().unwrap();
        let (plain, mut theirs) = (hex(first), second);
        let (ours, len) = match words[0] {
            "rtp" => (protect(sender, &plain), receiver.unprotect(&mut theirs.clone())),
            _ => (protect_rtcp(sender, &plain), receiver.unprotect_rtcp(&mut theirs.clone())),
        };
        assert_eq!(ours, theirs, "{line}");
        assert_eq!(len, Ok(plain.len()), "{line}");
        // Read what we made, with a receiver that has not seen it.
        let mut fresh = SrtpReceiver::new(
            &RustCrypto::new(),
            receiver.profile(),
            &[0; 32][..receiver.profile().key_len()],
            &[0; 14][..receiver.profile().salt_len()],
            &Config::default(),
        )
        .unwrap();
        let refused = match words[0] {
            "rtp" => fresh.unprotect(&mut theirs),
            _ => fresh.unprotect_rtcp(&mut theirs),
        };
        assert!(refused.is_err(), "another key reads it: {line}");
        packets += 1;
    }
    assert_eq!(packets, 4 * 13);
}

#[test]
fn plain_text_comes_back() {
    for profile in common::PROFILES {
        let (mut sender, mut receiver) = common::pair(profile);
        let packet = common::rtp(common::SSRC, 9, b"response");
        let mut protected = protect(&mut sender, &packet);
        assert_eq!(protected.len(), packet.len() + profile.rtp_overhead());
        assert_eq!(protected[..12], packet[..12]);
        assert_ne!(protected[12..20], packet[12..20]);
        let len = receiver.unprotect(&mut protected).unwrap();
        assert_eq!(protected[..len], packet);
        let packet = common::rtcp(common::SSRC, b"responses");
        let mut protected = protect_rtcp(&mut sender, &packet);
        assert_eq!(protected.len(), packet.len() + profile.rtcp_overhead());
        assert_eq!(protected[..8], packet[..8]);
        let len = receiver.unprotect_rtcp(&mut protected).unwrap();
        assert_eq!(protected[..len], packet);
    }
}

// attack: key reuse in both directions
#[test]
fn the_keys_of_one_direction_do_not_open_the_other() {
    for profile in common::PROFILES {
        let (provider, config) = (RustCrypto::new(), Config::default());
        let key = |byte| vec![byte; profile.key_len()];
        let salt = |byte| vec![byte; profile.salt_len()];
        let ends = |write, read| {
            let sender =
                SrtpSender::new(&provider, profile, &key(write), &salt(write), &config).unwrap();
            let receiver =
                SrtpReceiver::new(&provider, profile, &key(read), &salt(read), &config).unwrap();
            (sender, receiver)
        };
        let (mut client, mut server) = (ends(1, 2), ends(2, 1));
        let packet = common::rtp(common::SSRC, 1, b"whose");
        let from_client = protect(&mut client.0, &packet);
        let from_server = protect(&mut server.0, &packet);
        assert_ne!(from_client, from_server);
        assert!(client.1.unprotect(&mut from_client.clone()).is_err());
        assert!(server.1.unprotect(&mut from_server.clone()).is_err());
        assert!(client.1.unprotect(&mut from_server.clone()).is_ok());
        assert!(server.1.unprotect(&mut from_client.clone()).is_ok());
    }
}
