//! Bandwidth estimation and pacing for real-time media.
