//! Capture devices, streams and tracks (W3C mediacapture-main).
