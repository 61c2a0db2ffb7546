//! Session descriptions, typed and lossless (RFC 8866 and WebRTC's attributes).
