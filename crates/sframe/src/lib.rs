//! SFrame: end-to-end encryption of media frames through an SFU (RFC 9605).
