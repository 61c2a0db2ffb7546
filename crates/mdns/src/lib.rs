//! mDNS names for ICE candidates (a subset of RFC 6762).
//!
//! Nothing is implemented yet: this crate exports no item. It will write and read the few messages that
//! hide and resolve `.local` candidates, without sockets and clocks. Until then `antiphon-ice` parses
//! such candidates and leaves them aside.
//!
//! | Specification | Status |
//! |---|---|
//! | RFC 6762, queries for and answers about one name | planned |
//! | RFC 6762 section 8, probing and announcing | planned |
//! | draft-ietf-mmusic-mdns-ice-candidates, names of candidates | planned |
