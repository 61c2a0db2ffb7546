use std::time::Duration;

/// What a machine may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Names registered at a time; 1,024 by default. A candidate has one, a session a handful.
    pub max_names: usize,
    /// Names being resolved at a time; 64 by default. They come from peers: whoever controls the
    /// signalling makes us send four queries for each, per interface and address family.
    pub max_queries: usize,
    /// How long a name is asked for; 10 s by default. Queries go out after some 70 ms, and 1, 3
    /// and 7 s after that.
    pub query_timeout: Duration,
    /// Replies to single hosts that may wait to be sent; 64 by default. More are dropped and
    /// counted in [`Stats::replies_dropped`](crate::Stats::replies_dropped).
    pub max_replies: usize,
    /// How long others may rely on an address of ours; 120 s by default (RFC 6762 section 10).
    /// At least 1 s; parts of seconds do not count.
    pub ttl: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_names: 1024,
            max_queries: 64,
            query_timeout: Duration::from_secs(10),
            max_replies: 64,
            ttl: Duration::from_secs(120),
        }
    }
}
