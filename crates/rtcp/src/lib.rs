//! RTCP compound packets: reader and writer (RFC 3550, RFC 4585, RFC 5104).
