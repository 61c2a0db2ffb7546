//! Bandwidth estimation and pacing for real-time media.
//!
//! Nothing is implemented yet: this crate exports no item. It will turn feedback into a target bitrate
//! and a pace, from numbers and durations alone, with no packet type. Until then antiphon sends media at
//! the rate that the application gives it.
//!
//! | Specification | Status |
//! |---|---|
//! | draft-ietf-rmcat-gcc, delay and loss based estimation | planned |
//! | RFC 8888, congestion control feedback | planned |
//! | RFC 8083, circuit breaker | planned |
//! | RFC 8698, NADA | planned |
//! | pacing and probing | planned |
