//! mDNS names for ICE candidates (a subset of RFC 6762).
