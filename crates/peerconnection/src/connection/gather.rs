//! Local addresses and candidates, and the candidates of the peer.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use antiphon_ice as ice;

use crate::jsep::CandidateUse;
use crate::{
    Error, Event, IceCandidate, IceGatheringState, InvalidState, OperationError, PeerConnection,
    TypeError,
};

/// Addresses that wait for a restart at most.
const MAX_LATE_ADDRESSES: usize = 64;

impl PeerConnection {
    /// A socket is bound to `address`: it becomes a host candidate.
    ///
    /// Addresses that ICE does not take (multicast, unspecified) are left out. One that comes after
    /// [`end_of_local_addresses`](Self::end_of_local_addresses) waits for the next ICE restart.
    pub fn add_local_address(&mut self, now: Instant, address: SocketAddr) {
        let now = self.clock.advance(now);
        self.socket_named(now, address);
        let local = self.ways.shown(ice::LocalAddress::new(address));
        let added = self.transport.ice.add_local_address(now, local.clone());
        if added == Err(ice::AddressError::AfterEnd)
            && self.late_addresses.len() < MAX_LATE_ADDRESSES
            && !self.late_addresses.contains(&local)
        {
            self.late_addresses.push(local);
        }
        self.settle(now);
    }

    /// Hides an address of this machine: its host candidates, UDP and TCP, show `name` from now on,
    /// and what servers say of us does not show it either. Call it before
    /// [`add_local_address`](Self::add_local_address).
    ///
    /// `name` is a version 4 UUID and `.local`, and the owner answers for it by multicast DNS
    /// (draft-ietf-mmusic-mdns-ice-candidates section 3.1).
    pub fn hide_local_address(&mut self, address: IpAddr, name: &str) {
        self.ways.hide(address, name);
    }

    /// All sockets that there are now have been named. Gathering ends when the servers have
    /// answered, too.
    pub fn end_of_local_addresses(&mut self, now: Instant) {
        let now = self.clock.advance(now);
        self.sockets_named(now);
        self.settle(now);
    }

    /// The socket that was bound to `address` is gone.
    pub fn remove_local_address(&mut self, now: Instant, address: SocketAddr) {
        let now = self.clock.advance(now);
        self.late_addresses.retain(|late| late.addr != address);
        self.ways.remove(address);
        self.transport.ice.remove_local_address(now, address);
        self.settle(now);
    }

    /// Another STUN server that tells our reflexive addresses.
    pub fn add_stun_server(&mut self, now: Instant, server: SocketAddr) {
        let now = self.clock.advance(now);
        let _ = self.transport.ice.add_stun_server(now, server);
        self.settle(now);
    }

    /// Takes a candidate of the peer. webrtc-pc section 4.4.2, `addIceCandidate`.
    ///
    /// A candidate that cannot be used (another transport, a name, over the limit) is not an
    /// error: the path is searched among the others.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidState`] when closed or without a remote description; [`Error::Type`] when it
    /// names no section; [`Error::Operation`] when it belongs to none or cannot be read.
    pub fn add_ice_candidate(
        &mut self,
        now: Instant,
        candidate: IceCandidate,
    ) -> Result<(), Error> {
        self.open()?;
        let now = self.clock.advance(now);
        let IceCandidate { candidate, sdp_mid, sdp_m_line_index, username_fragment } = &candidate;
        if self.negotiation.remote_description().is_none() {
            return Err(Error::InvalidState(InvalidState::NoRemoteDescription));
        }
        if !candidate.is_empty() && sdp_mid.is_none() && sdp_m_line_index.is_none() {
            return Err(Error::Type(TypeError::CandidateWithoutSection));
        }
        let parsed = match candidate.as_str() {
            "" => None,
            text => Some(
                text.parse::<ice::Candidate>()
                    .map_err(|_| Error::Operation(OperationError::CandidateSyntax))?,
            ),
        };
        let value = candidate.strip_prefix("candidate:").unwrap_or(candidate);
        let usage = self.negotiation.add_ice_candidate(
            value,
            sdp_mid.as_deref(),
            *sdp_m_line_index,
            username_fragment.as_deref(),
        )?;
        if usage == CandidateUse::Use {
            match parsed {
                Some(candidate) => drop(self.transport.ice.add_remote_candidate(now, candidate)),
                None => self.transport.ice.end_of_remote_candidates(now),
            }
        }
        self.settle(now);
        Ok(())
    }

    /// Tells the owner of a local candidate, and writes it into our description.
    pub(super) fn announce(&mut self, candidate: &ice::Candidate) {
        let text = candidate.to_string();
        let value = text.strip_prefix("candidate:").unwrap_or(&text);
        let ufrag = self.transport.ice.local_credentials().ufrag().to_owned();
        self.negotiation.add_local_candidate(&ufrag, value);
        let candidate = format!("candidate:{value}");
        self.raise_candidate(candidate, ufrag);
    }

    /// The address of a name that [`Event::ResolveName`] asked for; `None` when nobody has it.
    pub fn name_resolved(&mut self, now: Instant, name: &str, address: Option<IpAddr>) {
        let now = self.clock.advance(now);
        self.transport.ice.name_resolved(now, name, address);
        self.settle(now);
    }

    /// What ICE knows of its troubles, at any time.
    #[must_use]
    pub fn diagnose(&self, now: Instant) -> ice::Diagnosis {
        self.transport.ice.diagnose(now)
    }

    /// What ICE did so far, oldest first; bounded, so the beginning may be missing.
    pub fn ice_trace(&self) -> impl Iterator<Item = &ice::TraceEntry> {
        self.transport.ice.trace_entries()
    }

    pub(super) fn gathered(&mut self, state: ice::GatheringState) {
        let state = match state {
            ice::GatheringState::New => IceGatheringState::New,
            ice::GatheringState::Gathering => IceGatheringState::Gathering,
            ice::GatheringState::Complete => IceGatheringState::Complete,
        };
        if state == self.gathering {
            return;
        }
        self.gathering = state;
        if state == IceGatheringState::Complete {
            let ufrag = self.transport.ice.local_credentials().ufrag().to_owned();
            self.negotiation.end_of_local_candidates(&ufrag);
            self.raise_candidate(String::new(), ufrag);
        }
        self.raise(Event::IceGatheringStateChange(state));
    }

    fn raise_candidate(&mut self, candidate: String, ufrag: String) {
        if let Some((mid, index)) = self.negotiation.local_candidate_section() {
            self.raise(Event::IceCandidate(IceCandidate {
                candidate,
                sdp_mid: Some(mid),
                sdp_m_line_index: Some(index),
                username_fragment: Some(ufrag),
            }));
        }
    }
}
