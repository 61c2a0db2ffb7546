//! An ICE agent as a sans-IO machine: trickle, consent, restart (RFC 8445).
