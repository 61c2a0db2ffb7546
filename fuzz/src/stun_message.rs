//! STUN: reading, verifying, and writing again what was read.

use antiphon_stun::{
    BindingServer, BindingServerConfig, IntegrityError, MessageView, MessageWriter,
    NatBehaviourServer, attribute, is_stun, message_len,
};

/// Runs the target over `data`.
///
/// # Panics
///
/// When a message that was read cannot be written, or reads differently afterwards.
pub fn run(data: &[u8]) {
    answer(data);
    let Ok(view) = MessageView::parse(data) else { return };
    assert!(is_stun(data));
    assert_eq!(message_len(data), Some(data.len()));
    verify(&view);
    let mut buf = vec![0; data.len() + 64];
    let (class, method) = (view.class(), view.method());
    let Ok(mut writer) = MessageWriter::new(&mut buf, class, method, view.transaction_id()) else {
        unreachable!("the buffer is long enough");
    };
    for attribute in view.attributes() {
        let written = match attribute.kind {
            attribute::MESSAGE_INTEGRITY => writer.message_integrity(tag),
            attribute::MESSAGE_INTEGRITY_SHA256 => writer.message_integrity_sha256(tag),
            attribute::FINGERPRINT => writer.fingerprint(),
            kind => writer.attribute(kind, attribute.value),
        };
        // Only a message of nearly 64 KiB whose short tag became a long one does not fit.
        if written.is_err() {
            assert!(data.len() > 60_000);
            return;
        }
    }
    let len = writer.finish();
    let Some(Ok(again)) = buf.get(..len).map(MessageView::parse) else {
        unreachable!("what is written can be read");
    };
    compare(&view, &again);
}

/// Whatever comes, a server's answer can be read.
fn answer(data: &[u8]) {
    let (a, b) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    let mut behaviour = NatBehaviourServer::new([a.into(), b.into()], [3478, 3479]);
    (behaviour.response_port, behaviour.max_padding) = (true, 1200);
    let mut config = BindingServerConfig::default();
    config.nat_behaviour = Some(behaviour);
    let server = BindingServer::new(config);
    let mut buf = vec![0; 70_000];
    let (local, remote) = ((a, 3478).into(), (b, 4000).into());
    if let Ok(response) = server.handle_input(local, remote, data, &mut buf) {
        let view = buf.get(..response.len).map(MessageView::parse);
        assert!(matches!(view, Some(Ok(_))), "{view:?}");
    }
}

/// A stand-in for a keyed hash: what matters here is that all parts reach it.
fn tag<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let sum = parts.iter().copied().flatten().fold(1u8, |sum, byte| sum.rotate_left(1) ^ byte);
    [sum; N]
}

fn verify(view: &MessageView<'_>) {
    assert_eq!(
        view.verify_message_integrity(tag) == Err(IntegrityError::Missing),
        !view.has_message_integrity()
    );
    assert_eq!(
        view.verify_truncated_message_integrity_sha256(16, tag) == Err(IntegrityError::Missing),
        !view.has_message_integrity_sha256()
    );
    assert!(view.has_fingerprint() || !view.verify_fingerprint());
}

fn compare(view: &MessageView<'_>, again: &MessageView<'_>) {
    assert_eq!(again.verify_message_integrity(tag).is_ok(), view.has_message_integrity());
    assert_eq!(
        again.verify_message_integrity_sha256(tag).is_ok(),
        view.has_message_integrity_sha256()
    );
    assert_eq!(again.verify_fingerprint(), view.has_fingerprint());
    assert_eq!(again.attributes().count(), view.attributes().count());
    assert_eq!(
        (again.username(), again.realm(), again.nonce(), again.software(), again.error_code()),
        (view.username(), view.realm(), view.nonce(), view.software(), view.error_code())
    );
    assert_eq!(
        (again.xor_mapped_address(), again.mapped_address(), again.xor_address(0x0012)),
        (view.xor_mapped_address(), view.mapped_address(), view.xor_address(0x0012))
    );
    assert_eq!(
        (again.priority(), again.use_candidate(), again.ice_controlling(), again.ice_controlled()),
        (view.priority(), view.use_candidate(), view.ice_controlling(), view.ice_controlled())
    );
    assert_eq!(
        (again.userhash(), again.password_algorithm(), again.alternate_domain(), again.padding()),
        (view.userhash(), view.password_algorithm(), view.alternate_domain(), view.padding())
    );
    assert_eq!(
        (again.change_request(), again.response_port()),
        (view.change_request(), view.response_port())
    );
    assert_eq!(
        (again.response_origin(), again.other_address()),
        (view.response_origin(), view.other_address())
    );
    assert!(again.password_algorithms().eq(view.password_algorithms()));
    assert!(again.alternate_servers().eq(view.alternate_servers()));
    assert!(again.unknown_attributes().eq(view.unknown_attributes()));
    assert!(
        again
            .unknown_comprehension_required(&[attribute::USERNAME])
            .eq(view.unknown_comprehension_required(&[attribute::USERNAME]))
    );
}
