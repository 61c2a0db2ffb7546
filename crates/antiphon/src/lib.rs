//! WebRTC for Rust: peer connections, data channels and media, asynchronous and simple.
