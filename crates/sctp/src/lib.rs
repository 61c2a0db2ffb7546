//! An SCTP association as a sans-IO machine, for data channels (RFC 9260).
