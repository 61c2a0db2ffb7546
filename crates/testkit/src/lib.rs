//! Test support for antiphon: a simulated network, the conformance suite of machines, captures.
