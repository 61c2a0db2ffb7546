//! A DTLS client of both versions, and what comes after its handshake, under bytes and operations.

use antiphon_dtls::{Role, Version};

use crate::dtls_connection::drive;

/// Runs the target over `data`: the first byte chooses versions and how the connection starts, then
/// come operations as in `dtls_connection`.
pub fn run(data: &[u8]) {
    let Some((setup, rest)) = data.split_first() else { return };
    let versions: &[Version] =
        if setup & 1 == 0 { &[Version::Dtls13] } else { &[Version::Dtls13, Version::Dtls12] };
    drive(*setup, rest, Role::Client, versions);
}
