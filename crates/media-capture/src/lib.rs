//! Capture devices, streams and tracks (W3C mediacapture-main).
//!
//! Nothing is implemented yet: this crate exports no item. It will list devices and capture from them,
//! with constraints as the W3C defines them. Until then an application brings its own encoded media.
//!
//! | Specification | Status |
//! |---|---|
//! | W3C mediacapture-main, devices, streams, tracks, constraints | planned |
//! | W3C screen-capture (screen-share) | planned |
//! | W3C mediacapture-image, still photos | planned |
