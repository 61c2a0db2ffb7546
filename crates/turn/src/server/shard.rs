use antiphon_stun::MessageView;

use crate::wire::TurnMessage as _;

/// Which shard made the token, ticket or connection id in a client's message: only that one can
/// answer it. `None`: the shard of the 5-tuple, whichever that is.
///
/// Looks at the first bytes only, unless they are those of a request that may carry one.
#[must_use]
pub fn shard_of(message: &[u8]) -> Option<u8> {
    // Allocate, Refresh, ConnectionBind.
    let ([0, 0x03 | 0x04 | 0x0b], _) = message.split_first_chunk::<2>()? else { return None };
    let view = MessageView::parse(message).ok()?;
    if let Ok(Some([shard, ..])) = view.reservation_token() {
        return Some(shard);
    }
    if let Ok(Some(id)) = view.connection_id() {
        let [shard, ..] = id.to_be_bytes();
        return Some(shard);
    }
    view.mobility_ticket().and_then(|ticket| ticket.first().copied())
}
