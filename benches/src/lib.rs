//! Benchmarks of antiphon beside its peers.
