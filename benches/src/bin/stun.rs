//! STUN: what a connectivity check costs, keyed hash and checksum included.

use std::hint::black_box;
use std::process::ExitCode;

use antiphon_benches::{Table, consume, interleaved};
use antiphon_crypto::{CryptoProvider as _, HashAlgorithm, Hmac};
use antiphon_crypto_rust::RustCrypto;
use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId};

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const USERNAME: &str = "Ax7f:Qm2zPq9LwEr4";
const PRIORITY: u32 = 0x6e00_1eff;
const TIE_BREAKER: u64 = 0x0123_4567_89ab_cdef;

/// Writes a check as browsers send it.
fn write(buf: &mut [u8], hmac: &dyn Hmac) -> Option<usize> {
    let id = TransactionId([7; 12]);
    let mut writer = MessageWriter::new(buf, Class::Request, Method::BINDING, id).ok()?;
    writer.username(USERNAME.as_bytes()).ok()?.priority(PRIORITY).ok()?;
    writer.ice_controlling(TIE_BREAKER).ok()?.use_candidate().ok()?;
    writer.message_integrity(|parts| hmac.sign(parts).prefix().unwrap_or_default()).ok()?;
    writer.fingerprint().ok()?;
    Some(writer.finish())
}

/// Reads it and checks its keyed hash and, if wanted, its checksum.
fn verify(message: &[u8], hmac: &dyn Hmac, fingerprint: bool) {
    let view = MessageView::parse(black_box(message));
    let good = view.is_ok_and(|view| {
        let sign = |parts: &[&[u8]]| hmac.sign(parts).prefix().unwrap_or_default();
        (!fingerprint || view.verify_fingerprint()) && view.verify_message_integrity(sign).is_ok()
    });
    assert!(black_box(good), "the message under test is a good one");
}

/// Reads it and looks its attributes up, unchecked.
fn look_up(message: &[u8]) {
    let view = MessageView::parse(black_box(message));
    consume(view.map(|view| (view.username().is_some(), view.priority(), view.use_candidate())));
}

type Operation<'a> = Box<dyn FnMut() + 'a>;

const ROWS: [&str; 4] = [
    "write a check",
    "read, check integrity and fingerprint",
    "read, check integrity",
    "read, check nothing",
];

fn main() -> ExitCode {
    let mut table = Table::new("stun");
    let Ok(hmac) = RustCrypto::new().hmac(HashAlgorithm::Sha1, PASSWORD) else {
        return ExitCode::FAILURE;
    };
    let mut buf = [0; 256];
    let len = write(&mut buf, &*hmac).unwrap_or(0);
    let mut message = buf.to_vec();
    message.truncate(len);
    let ours: [Operation<'_>; 4] = [
        Box::new(|| consume(write(&mut buf, &*hmac))),
        Box::new(|| verify(&message, &*hmac, true)),
        Box::new(|| verify(&message, &*hmac, false)),
        Box::new(|| look_up(&message)),
    ];
    measure(&mut table, ours, &message);
    table.finish()
}

#[cfg(not(feature = "peers"))]
fn measure(table: &mut Table, ours: [Operation<'_>; 4], _message: &[u8]) {
    for (name, mut ours) in ROWS.into_iter().zip(ours) {
        for time in interleaved(&mut [&mut *ours]) {
            table.compare(name, time, antiphon_benches::Unit::Nanoseconds, Vec::new(), 1.0);
        }
    }
}

#[cfg(feature = "peers")]
fn measure(table: &mut Table, ours: [Operation<'_>; 4], message: &[u8]) {
    use antiphon_benches::{Peer, Unit};

    let mut buf = [0; 256];
    let Ok(provider) = rtc_stun::crypto::default_provider() else { return };
    let crypto = provider.crypto();
    // It reads checks without looking at their fingerprints.
    let is: [Option<Operation<'_>>; 4] = [
        Some(Box::new(|| peers::is_write(&mut buf))),
        None,
        Some(Box::new(|| peers::is_verify(message))),
        Some(Box::new(|| peers::is_look_up(message))),
    ];
    let rtc: [Operation<'_>; 4] = [
        Box::new(|| peers::rtc_write(crypto)),
        Box::new(|| peers::rtc_verify(message, crypto, true)),
        Box::new(|| peers::rtc_verify(message, crypto, false)),
        Box::new(|| peers::rtc_look_up(message)),
    ];
    for (((name, mut ours), mut is), mut rtc) in ROWS.into_iter().zip(ours).zip(is).zip(rtc) {
        let mut candidates: Vec<&mut dyn FnMut()> = vec![&mut *ours, &mut *rtc];
        candidates.extend(is.as_mut().map(|is| &mut **is as &mut dyn FnMut()));
        let times = interleaved(&mut candidates);
        let named = [("rtc-stun", "0.21"), ("is (str0m)", "0.12")].into_iter();
        let peers = named.zip(times.iter().skip(1));
        let peers = peers.map(|((name, version), time)| Peer::new(name, version, *time)).collect();
        if let Some(ours) = times.first() {
            table.compare(name, *ours, Unit::Nanoseconds, peers, 1.0);
        }
    }
}

/// The same operations with other implementations.
#[cfg(feature = "peers")]
mod peers {
    use std::hint::black_box;

    use antiphon_benches::consume;
    use is::stun::{StunMessage, TransId};
    use is::{DefaultSha1HmacProvider, Sha1HmacProvider as _};
    use rtc_stun::attributes::{
        ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, RawAttribute,
    };
    use rtc_stun::crypto::RTCCrypto;
    use rtc_stun::fingerprint::FINGERPRINT;
    use rtc_stun::integrity::MessageIntegrity;
    use rtc_stun::message::{BINDING_REQUEST, Message, TransactionId};
    use rtc_stun::textattrs::Username;

    use super::{PASSWORD, PRIORITY, TIE_BREAKER, USERNAME};

    fn is_hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 20] {
        DefaultSha1HmacProvider.sha1_hmac(key, parts)
    }

    pub(super) fn is_write(buf: &mut [u8]) {
        let id = TransId::new();
        let message = StunMessage::binding_request(USERNAME, id, true, TIE_BREAKER, PRIORITY, true);
        let len = message.to_bytes(Some(PASSWORD), buf, is_hmac);
        assert!(black_box(len).is_ok(), "the peer writes it");
    }

    pub(super) fn is_verify(message: &[u8]) {
        let message = StunMessage::parse(black_box(message));
        let good = message.is_ok_and(|message| message.verify(PASSWORD, is_hmac));
        assert!(black_box(good), "the peer accepts it");
    }

    pub(super) fn is_look_up(message: &[u8]) {
        let message = StunMessage::parse(black_box(message));
        let found = message.map(|m| (m.username().is_some(), m.prio(), m.use_candidate()));
        consume(found);
    }

    pub(super) fn rtc_write(crypto: &dyn RTCCrypto) {
        let raw = |typ, value: &[u8]| {
            let length = u16::try_from(value.len()).unwrap_or(0);
            Box::new(RawAttribute { typ, length, value: value.to_vec() })
        };
        let password = String::from_utf8_lossy(PASSWORD).into_owned();
        let integrity = MessageIntegrity::new_short_term_integrity_with_provider(password, crypto);
        let mut message = Message::new();
        let built = message.build(&[
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId([7; 12])),
            Box::new(Username::new(ATTR_USERNAME, USERNAME.to_owned())),
            raw(ATTR_PRIORITY, &PRIORITY.to_be_bytes()),
            raw(ATTR_ICE_CONTROLLING, &TIE_BREAKER.to_be_bytes()),
            raw(ATTR_USE_CANDIDATE, &[]),
            Box::new(integrity),
            Box::new(FINGERPRINT),
        ]);
        assert!(black_box(built).is_ok(), "the peer writes it");
    }

    pub(super) fn rtc_verify(bytes: &[u8], crypto: &dyn RTCCrypto, fingerprint: bool) {
        let mut message = Message::new();
        let good = message.unmarshal_binary(black_box(bytes)).is_ok()
            && (!fingerprint || FINGERPRINT.check(&message).is_ok())
            && MessageIntegrity::check(&mut message, PASSWORD, crypto).is_ok();
        assert!(black_box(good), "the peer accepts it");
    }

    pub(super) fn rtc_look_up(bytes: &[u8]) {
        let mut message = Message::new();
        drop(message.unmarshal_binary(black_box(bytes)));
        let found = (message.get(ATTR_USERNAME), message.get(ATTR_PRIORITY));
        consume((found, message.get(ATTR_USE_CANDIDATE)));
    }
}
