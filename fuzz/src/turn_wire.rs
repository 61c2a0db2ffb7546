//! TURN on the wire: attributes, ChannelData, tokens, and both on a stream that is cut anywhere.

use antiphon_stun::MessageView;
use antiphon_turn::server::shard_of;
use antiphon_turn::wire::attribute::Family;
use antiphon_turn::wire::{AccessToken, ChannelData, Frame, StreamFramer, TurnMessage as _};

/// The first byte says where the stream is cut.
pub fn run(data: &[u8]) {
    let Some((cut, bytes)) = data.split_first() else { return };
    message(bytes);
    if let Ok(found) = ChannelData::parse(bytes) {
        assert!(found.data.len() + 4 <= bytes.len());
    }
    let _ = shard_of(bytes);
    let _ = AccessToken::parse(bytes);
    // Cut or whole, a stream gives the same frames.
    let framer = StreamFramer::new(4096);
    let whole = frames(framer, &[bytes]);
    let at = usize::from(*cut).min(bytes.len());
    assert_eq!(whole, frames(framer, &[&bytes[..at], &bytes[at..]]));
}

fn message(bytes: &[u8]) {
    let Ok(view) = MessageView::parse(bytes) else { return };
    let _ = view.channel_number();
    let _ = view.lifetime();
    let _ = view.xor_relayed_address(Family::V4);
    let _ = view.xor_relayed_address(Family::V6);
    let _ = view.requested_address_family();
    let _ = view.additional_address_family();
    let _ = view.even_port();
    let _ = view.requested_transport();
    let _ = view.reservation_token();
    let _ = view.connection_id();
    let _ = view.icmp();
    if let Ok(Some(error)) = view.address_error_code() {
        assert!((300..700).contains(&error.code));
    }
    assert!(view.xor_peer_addresses().count() <= bytes.len() / 4);
    if let Some(token) = view.access_token() {
        let _ = AccessToken::parse(token);
    }
}

/// The frames, and whether the stream broke.
fn frames(framer: StreamFramer, parts: &[&[u8]]) -> (Vec<Vec<u8>>, bool) {
    let (mut held, mut seen) = (Vec::new(), Vec::new());
    for part in parts {
        held.extend_from_slice(part);
        loop {
            match framer.next(&held) {
                Ok(Frame::Complete { message, consumed }) => {
                    assert!(message <= consumed && consumed <= held.len());
                    seen.push(held[..message].to_vec());
                    held.drain(..consumed);
                }
                Ok(Frame::Incomplete { need }) => {
                    assert!(need > held.len());
                    break;
                }
                Err(_) => return (seen, true),
            }
        }
    }
    (seen, false)
}
