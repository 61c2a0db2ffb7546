//! Connectivity checks as browsers and aiortc send them, recorded on a loopback interface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use antiphon_stun::{Class, MessageView, Method, attribute};
use common::hex;

/// What the ICE agent understands in a request.
const KNOWN: &[u16] = &[attribute::USERNAME, attribute::PRIORITY, attribute::USE_CANDIDATE];

/// (bytes, user name, priority, tie breaker when controlling, or when controlled, nominates)
type Request = (&'static str, &'static [u8], u32, Option<u64>, Option<u64>, bool);

const REQUESTS: &[Request] = &[
    // Chromium: NETWORK-COST (0xc057) is optional and unknown.
    (
        "0001004c2112a442365969335569726f654e493600060009426a77593a6e387541000000c0570004000100
         32802900081e961b16a93c54a9002400046e7f1eff000800140c0002a181255a937d31b0f2f3a56f659f2b
         0fab80280004fc69d02d",
        b"BjwY:n8uA",
        0x6e7f_1eff,
        None,
        Some(0x1e96_1b16_a93c_54a9),
        false,
    ),
    (
        "000100502112a442334649586f527a6966676a59000600096e3875413a426a7759000000c0570004000100
         32802a000818a1f5b72b8e563500250000002400046e7f1eff00080014a077d57baa5665e0a54e22f28f62
         36b7a1f174c7802800041ae011f3",
        b"n8uA:BjwY",
        0x6e7f_1eff,
        Some(0x18a1_f5b7_2b8e_5635),
        None,
        true,
    ),
    // Firefox
    (
        "000100502112a442205d5d2d2923ff560fbb28330006001131343437333134393a62623961333364300000
         0000250000002400046e7e00ff802a0008bfe581742d06af1f000800145dc151577d7db1492249fc0cc03e
         dc629c1b98d080280004c80ca120",
        b"14473149:bb9a33d0",
        0x6e7e_00ff,
        Some(0xbfe5_8174_2d06_af1f),
        None,
        true,
    ),
    // aiortc
    (
        "000100442112a442460a6fedd24ff745633220a000060009714259553a6e65725a000000002400046effff
         ff8029000867a76183ec4b58f50008001492b39fbc8c276f7e19aa2f45716e7d3239ae79d5802800047768
         a25c",
        b"qBYU:nerZ",
        0x6eff_ffff,
        None,
        Some(0x67a7_6183_ec4b_58f5),
        false,
    ),
];

const RESPONSES: &[(&str, &str)] = &[
    (
        "0101002c2112a442365969335569726f654e4936002000080001bdb95e12a44300080014eca657e1ac816b
         1c400abf3f75306f079cd3d3c6802800048c54b32f",
        "127.0.0.1:40107",
    ),
    (
        "0101002c2112a4426921bb7dddec7aa948d6636a00200008000183e92b5fa4430008001478d8b4bfd1ceb7
         6af235624c75bbb94db39fa2a3802800042462686e",
        "10.77.0.1:41723",
    ),
];

#[test]
fn requests_of_browsers_say_what_they_should() {
    for (text, username, priority, controlling, controlled, nominates) in REQUESTS {
        let bytes = hex(text);
        let view = MessageView::parse(&bytes).unwrap();
        assert_eq!((view.class(), view.method()), (Class::Request, Method::BINDING));
        assert_eq!(view.username(), Some(*username));
        assert_eq!(view.priority(), Some(*priority));
        assert_eq!(view.ice_controlling(), *controlling);
        assert_eq!(view.ice_controlled(), *controlled);
        assert_eq!(view.use_candidate(), *nominates);
        assert!(view.verify_fingerprint() && view.has_message_integrity());
        assert_eq!(view.unknown_comprehension_required(KNOWN).count(), 0);
    }
}

#[test]
fn responses_of_browsers_say_what_they_should() {
    for (text, address) in RESPONSES {
        let bytes = hex(text);
        let view = MessageView::parse(&bytes).unwrap();
        assert_eq!((view.class(), view.method()), (Class::Success, Method::BINDING));
        assert_eq!(view.xor_mapped_address(), Some(address.parse().unwrap()));
        assert!(view.verify_fingerprint() && view.has_message_integrity());
    }
}
