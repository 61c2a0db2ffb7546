//! What a description says about the transport: ICE credentials, certificates, roles.

use antiphon_sdp::Setup;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::description::{Description, malformed};
use super::section::{Section, What};
use crate::{Error, InvalidAccess};

/// The remote side of the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteTransport {
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
    /// The peer is ICE-lite: we control.
    pub(crate) lite: bool,
    /// The credentials differ from those that the peer had before.
    pub(crate) restarted: bool,
    /// Those with the hash we like best; the peer's certificate must match one of them.
    pub(crate) fingerprints: Vec<String>,
    /// They differ from those that the peer had before: DTLS begins anew.
    pub(crate) fingerprints_changed: bool,
    /// In the grammar of RFC 8839, without the word `candidate:`.
    pub(crate) candidates: Vec<String>,
    pub(crate) end_of_candidates: bool,
}

/// The remote side of SCTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sctp {
    pub(crate) port: u16,
    /// The largest message the peer takes in bytes; 0 for any.
    pub(crate) max_message_size: u64,
    /// The peer's INIT chunk, where it offers to do without the handshake.
    pub(crate) init: Option<Bytes>,
}

/// Hashes that bind a certificate, the most preferred one first. SHA-1 and MD5 do not.
const HASHES: [&str; 3] = ["sha-512", "sha-384", "sha-256"];

/// Reads and checks the transport of a remote description; `None` when no section is in use.
pub(super) fn remote(description: &Description) -> Result<Option<RemoteTransport>, Error> {
    let Some((section, tag)) = description.tag() else { return Ok(None) };
    //= rfc9429#5.8.3
    // Credentials, a fingerprint and a role must be there.
    let (Some(ufrag), Some(pwd)) = (&tag.ufrag, &tag.pwd) else {
        return Err(Error::InvalidAccess(InvalidAccess::NoIceCredentials { section }));
    };
    let fingerprints = preferred(&tag.fingerprints);
    if fingerprints.is_empty() {
        return Err(Error::InvalidAccess(InvalidAccess::NoFingerprint { section }));
    }
    if tag.setup.is_none() || tag.setup == Some(Setup::HoldConn) {
        return Err(malformed(section));
    }
    check_mux(description)?;
    Ok(Some(RemoteTransport {
        ufrag: ufrag.clone(),
        pwd: pwd.clone(),
        lite: description.ice_lite,
        restarted: false,
        fingerprints,
        fingerprints_changed: false,
        // Before bundling is agreed on the other sections list candidates too; they lead nowhere.
        candidates: tag.candidates.clone(),
        end_of_candidates: tag.end_of_candidates,
    }))
}

/// The fingerprints that use the best of the hashes we know (RFC 8122 section 5).
fn preferred(all: &[String]) -> Vec<String> {
    let of_hash = |hash: &str| -> Vec<String> {
        let uses = |text: &&String| {
            text.split_once(' ').is_some_and(|(name, _)| name.eq_ignore_ascii_case(hash))
        };
        all.iter().filter(uses).cloned().collect()
    };
    HASHES.iter().map(|hash| of_hash(hash)).find(|found| !found.is_empty()).unwrap_or_default()
}

/// RTCP shares the port of RTP, always.
fn check_mux(description: &Description) -> Result<(), Error> {
    let rtp = || {
        description.members.iter().filter_map(|&index| {
            let section = description.sections.get(index)?;
            matches!(section.what, What::Rtp(_)).then_some((index, section))
        })
    };
    //= rfc9143#7.1.3
    // In a bundle the attribute need not be repeated: once is enough.
    let muxed = rtp().any(|(_, section)| section.rtcp_mux);
    match rtp().next() {
        Some((section, _)) if !muxed => {
            Err(Error::InvalidAccess(InvalidAccess::NoRtcpMux { section }))
        }
        Some(_) | None => Ok(()),
    }
}

/// What the data section says of the writer's SCTP.
pub(super) fn sctp(description: &Description) -> Option<Sctp> {
    let mut sections =
        description.members.iter().filter_map(|&index| description.sections.get(index));
    let data = sections.find(|section| section.what == What::Data)?;
    // The older spelling has the port where the format belongs.
    let old = || data.words.split(' ').next().and_then(|word| word.parse().ok());
    Some(Sctp {
        port: data.sctp_port.or_else(old).unwrap_or(5000),
        //= rfc8841#6.1
        // Without the attribute the limit is 64 KiB.
        max_message_size: data.max_message_size.unwrap_or(65_536),
        init: init(data),
    })
}

/// The INIT chunk that a data section carries (draft-hancke-tsvwg-snap).
///
/// What is none counts as not there: SCTP's own handshake works without it.
pub(super) fn init(data: &Section) -> Option<Bytes> {
    let chunk = STANDARD.decode(data.sctp_init.as_ref()?).ok()?;
    is_init(&chunk).then(|| chunk.into())
}

/// The fixed part of an INIT chunk (RFC 9260 section 3.3.2).
const INIT_BYTES: usize = 20;
/// An INIT travels in one packet.
const MAX_INIT_BYTES: usize = 1500;
/// The smallest window that may be announced (RFC 9260 section 3.3.2).
const MIN_WINDOW: u32 = 1500;

/// Whether these bytes are one INIT chunk that an association can begin with.
fn is_init(chunk: &[u8]) -> bool {
    let Some((&[kind, _, len @ ..], rest)) = chunk.split_first_chunk::<4>() else { return false };
    let Some((&tag, rest)) = rest.split_first_chunk::<4>() else { return false };
    let Some((&window, rest)) = rest.split_first_chunk::<4>() else { return false };
    let Some((&[a, b, c, d], _)) = rest.split_first_chunk::<4>() else { return false };
    let len = usize::from(u16::from_be_bytes(len));
    kind == 1
        && (INIT_BYTES..=MAX_INIT_BYTES).contains(&chunk.len())
        // The last parameter may be padded.
        && (len..=len.saturating_add(3)).contains(&chunk.len())
        && u32::from_be_bytes(tag) != 0
        && u32::from_be_bytes(window) >= MIN_WINDOW
        && [a, b] != [0; 2]
        && [c, d] != [0; 2]
        && !has_host_name(chunk.get(INIT_BYTES..).unwrap_or_default())
}

/// Whether a host name is among these parameters: such an INIT is refused (RFC 9260 section 5.1.2).
fn has_host_name(mut parameters: &[u8]) -> bool {
    const HOST_NAME: u16 = 11;
    while let Some((&[a, b, len @ ..], _)) = parameters.split_first_chunk::<4>() {
        if u16::from_be_bytes([a, b]) == HOST_NAME {
            return true;
        }
        let len = usize::from(u16::from_be_bytes(len)).max(4).next_multiple_of(4);
        parameters = parameters.get(len..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const INIT: [u8; 24] =
        [1, 0, 0, 24, 9, 9, 9, 9, 0, 16, 0, 0, 255, 255, 255, 255, 1, 2, 3, 4, 0xC0, 0, 0, 4];

    // attack: an sctp-init that is no INIT chunk
    #[test]
    fn only_an_init_chunk_counts() {
        assert!(is_init(&INIT));
        for len in 0..INIT.len() {
            assert!(!is_init(&INIT[..len]), "cut after {len}");
        }
        // Another chunk, a length beyond the end, no tag, a small window, no streams.
        let broken: [(usize, &[u8]); 6] = [
            (0, &[2]),
            (2, &[1, 24]),
            (4, &[0; 4]),
            (8, &[0, 0, 5, 0]),
            (12, &[0; 2]),
            (14, &[0; 2]),
        ];
        for (at, bytes) in broken {
            let mut chunk = INIT;
            chunk[at..at + bytes.len()].copy_from_slice(bytes);
            assert!(!is_init(&chunk), "{bytes:?} at {at}");
        }
        assert!(!is_init(&[INIT.as_slice(), &[0; 2000]].concat()));
        let mut with_name = INIT.to_vec();
        with_name.extend([0, 11, 0, 8, b'a', b'.', b'b', 0]);
        with_name[3] = 32;
        assert!(!is_init(&with_name));
        with_name[25] = 12;
        assert!(is_init(&with_name));
    }
}
