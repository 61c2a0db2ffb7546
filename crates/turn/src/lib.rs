//! TURN client and server machines (RFC 8656).
//!
//! Nothing is implemented yet: this crate exports no item. It will hold two machines that own no socket
//! and no clock, a client that obtains and keeps relayed addresses and a server that grants them, over
//! `antiphon-stun`'s messages. Until then antiphon uses host and server-reflexive candidates only.
//!
//! | Specification | Status |
//! |---|---|
//! | RFC 8656, client: allocations, permissions, channels | planned |
//! | RFC 8656, server: the same, with quotas and a policy for peers | planned |
//! | RFC 6062, TCP allocations | planned |
//! | RFC 7065, `turn:` and `turns:` URIs | planned |
//! | RFC 7635, OAuth tokens | planned |
//! | RFC 8016, mobility | planned |
