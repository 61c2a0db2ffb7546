//! What is written reads back; any bytes are safe to read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::net::SocketAddr;

use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId};
use common::{hmac_sha1, hmac_sha256};
use proptest::prelude::*;

fn class() -> impl Strategy<Value = Class> {
    prop::sample::select(vec![Class::Request, Class::Indication, Class::Success, Class::Error])
}

/// Attributes that no accessor knows: any value is fine.
fn foreign() -> impl Strategy<Value = Vec<(u16, Vec<u8>)>> {
    let kind = prop_oneof![0x0030u16..0x8000, 0x8030u16..=0xffff];
    prop::collection::vec((kind, prop::collection::vec(any::<u8>(), 0..40)), 0..6)
}

/// Reads everything a message can tell.
fn visit(view: &MessageView<'_>) -> usize {
    let texts = [view.username(), view.realm(), view.nonce(), view.software()];
    let addresses = [view.xor_mapped_address(), view.mapped_address(), view.xor_address(0x12)];
    texts.iter().flatten().map(|text| text.len()).sum::<usize>()
        + addresses.iter().flatten().count()
        + usize::from(view.use_candidate())
        + view.priority().map_or(0, |_| 1)
        + view.ice_controlled().or(view.ice_controlling()).map_or(0, |_| 1)
        + view.error_code().map_or(0, |error| error.reason().len())
        + view.unknown_attributes().count()
        + view.unknown_comprehension_required(&[1, 6]).count()
        + view.attributes().map(|attribute| attribute.value.len()).sum::<usize>()
        + usize::from(view.verify_fingerprint())
        + usize::from(view.verify_message_integrity(|_| [0; 20]).is_ok())
        + usize::from(view.verify_truncated_message_integrity_sha256(16, |_| [0; 32]).is_ok())
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        class in class(),
        number in 0u16..0x1000,
        id in any::<[u8; 12]>(),
        username in prop::collection::vec(any::<u8>(), 0..=508),
        address in any::<SocketAddr>(),
        priority in any::<u32>(),
        tie_breaker in any::<u64>(),
        use_candidate in any::<bool>(),
        code in 300u16..700,
        reason in "\\PC{0,100}",
        unknown in prop::collection::vec(any::<u16>(), 0..20),
        foreign in foreign(),
    ) {
        let id = TransactionId(id);
        let method = Method::new(number).unwrap();
        let mut buf = vec![0xee; 4096];
        let mut writer = MessageWriter::new(&mut buf, class, method, id).unwrap();
        writer.username(&username).unwrap();
        writer.xor_mapped_address(address).unwrap().mapped_address(address).unwrap();
        writer.priority(priority).unwrap();
        writer.ice_controlling(tie_breaker).unwrap().ice_controlled(!tie_breaker).unwrap();
        if use_candidate {
            writer.use_candidate().unwrap();
        }
        writer.error_code(code, &reason).unwrap();
        writer.unknown_attributes(unknown.iter().copied()).unwrap();
        for (kind, value) in &foreign {
            writer.attribute(*kind, value).unwrap();
        }
        writer.message_integrity(hmac_sha1(b"key")).unwrap();
        writer.message_integrity_sha256(hmac_sha256(b"key")).unwrap().fingerprint().unwrap();
        let len = writer.finish();

        let view = MessageView::parse(&buf[..len]).unwrap();
        prop_assert_eq!((view.class(), view.method(), view.transaction_id()), (class, method, id));
        prop_assert_eq!(view.username(), Some(&username[..]));
        let plain = |address: SocketAddr| (address.ip(), address.port());
        prop_assert_eq!(view.xor_mapped_address().map(plain), Some(plain(address)));
        prop_assert_eq!(view.mapped_address().map(plain), Some(plain(address)));
        prop_assert_eq!(view.priority(), Some(priority));
        prop_assert_eq!(view.ice_controlling(), Some(tie_breaker));
        prop_assert_eq!(view.ice_controlled(), Some(!tie_breaker));
        prop_assert_eq!(view.use_candidate(), use_candidate);
        let error = view.error_code().unwrap();
        prop_assert_eq!((error.code(), error.reason()), (code, &reason[..]));
        prop_assert_eq!(view.unknown_attributes().collect::<Vec<_>>(), unknown);
        let read: Vec<_> = view
            .attributes()
            .filter(|attribute| foreign.iter().any(|(kind, _)| *kind == attribute.kind))
            .map(|attribute| (attribute.kind, attribute.value.to_vec()))
            .collect();
        prop_assert_eq!(read, foreign);
        prop_assert_eq!(view.verify_message_integrity(hmac_sha1(b"key")), Ok(()));
        prop_assert_eq!(view.verify_message_integrity_sha256(hmac_sha256(b"key")), Ok(()));
        prop_assert!(view.verify_fingerprint());
        visit(&view);
    }

    #[test]
    fn any_bytes_are_safe_to_read(mut bytes in prop::collection::vec(any::<u8>(), 0..120), whole in any::<bool>()) {
        if whole && bytes.len() >= 20 {
            bytes.truncate(bytes.len() & !3);
            bytes[0] &= 0x3f;
            let len = (bytes.len() - 20) as u16;
            bytes[2..4].copy_from_slice(&len.to_be_bytes());
            bytes[4..8].copy_from_slice(&antiphon_stun::MAGIC_COOKIE.to_be_bytes());
            for at in (20..bytes.len()).step_by(12) {
                if let Some(front) = bytes.get_mut(at..at + 4) {
                    front[0] &= 0x80;
                    front[2..4].copy_from_slice(&8u16.to_be_bytes());
                }
            }
        }
        if let Ok(view) = MessageView::parse(&bytes) {
            prop_assert!(visit(&view) <= 4 * bytes.len() + 16);
        }
    }
}
