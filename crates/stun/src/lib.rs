//! STUN messages, borrowed and checked once, and a client transaction (RFC 8489).
