/// Counters since birth. No label depends on what a client says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Allocations that exist now.
    pub allocations: u64,
    /// Allocations that came to life.
    pub allocations_created: u64,
    /// Allocations that ended.
    pub allocations_ended: u64,
    /// Requests that were authenticated.
    pub authenticated: u64,
    /// 401 responses.
    pub challenges: u64,
    /// 438 responses.
    pub stale_nonces: u64,
    /// Other error responses.
    pub errors: u64,
    /// Success responses.
    pub successes: u64,
    /// Requests without proof that were not answered, for lack of rate.
    pub rate_limited: u64,
    /// Datagrams that were no message.
    pub malformed: u64,
    /// ChannelData and Send indications dropped for want of an allocation, channel or permission.
    pub dropped_to_peer: u64,
    /// Datagrams of peers dropped for want of a permission.
    pub dropped_to_client: u64,
    /// Datagrams dropped by the bandwidth cap.
    pub over_bandwidth: u64,
    /// Responses and indications dropped because too many waited.
    pub output_full: u64,
    /// Peers refused by the policy.
    pub forbidden: u64,
    /// Datagrams to peers.
    pub packets_to_peer: u64,
    /// Bytes to peers, without headers.
    pub bytes_to_peer: u64,
    /// Datagrams to clients.
    pub packets_to_client: u64,
    /// Bytes to clients, without headers.
    pub bytes_to_client: u64,
    /// Look-ups left to the driver.
    pub look_ups: u64,
    /// Look-ups that nobody answered in time.
    pub look_ups_expired: u64,
    /// Allocations taken along to another 5-tuple.
    pub moves: u64,
    /// Ports handed out before their rest was over, because no other was left.
    pub ports_unrested: u64,
    /// Permissions that ended because a new policy forbids the peer.
    pub revoked: u64,
}

/// What one allocation carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Datagrams to peers.
    pub packets_to_peer: u64,
    /// Bytes to peers, without headers.
    pub bytes_to_peer: u64,
    /// Datagrams to the client.
    pub packets_to_client: u64,
    /// Bytes to the client, without headers.
    pub bytes_to_client: u64,
}

pub(crate) fn add(counter: &mut u64, count: usize) {
    *counter = counter.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
}

pub(crate) fn bump(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}
