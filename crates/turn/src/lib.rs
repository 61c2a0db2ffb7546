//! TURN client and server machines (RFC 8656).
