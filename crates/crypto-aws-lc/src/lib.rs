//! antiphon's fast cryptography provider, on aws-lc-rs.
