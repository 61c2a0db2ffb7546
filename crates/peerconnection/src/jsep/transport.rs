//! What a description says about the transport: ICE credentials, certificates, roles.

use antiphon_sdp::Setup;

use super::description::{Description, malformed};
use super::section::What;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sctp {
    pub(crate) port: u16,
    /// The largest message the peer takes in bytes; 0 for any.
    pub(crate) max_message_size: u64,
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
    })
}
