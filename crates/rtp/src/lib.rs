//! RTP packets: a checked view, a writer, header extensions (RFC 3550, RFC 8285).
