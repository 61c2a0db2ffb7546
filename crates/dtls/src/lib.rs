//! DTLS as a sans-IO machine, both roles (RFC 6347, RFC 5764).
