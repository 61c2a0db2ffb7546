//! WebRTC data channels: DCEP and the table of channels (RFC 8831, RFC 8832).
