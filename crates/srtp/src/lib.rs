//! SRTP and SRTCP in place, without allocations (RFC 3711, RFC 7714).
