//! From a datagram to the part that it belongs to.

use std::time::Instant;

use antiphon_dtls as dtls;
use antiphon_ice as ice;
use antiphon_turn::client::Input;

use crate::transport::demux::{self, Protocol};
use crate::{Event, InputError, PeerConnection, Received, RtpReceived};

impl PeerConnection {
    pub(super) fn take_in(
        &mut self,
        now: Instant,
        received: Received,
        datagram: &mut [u8],
    ) -> Result<Option<RtpReceived>, InputError> {
        if let Some(index) = self.transport.relays.at(received.local, received.remote)
            && demux::is_from_relay(datagram)
            && let Some(relay) = self.transport.relays.get(index)
        {
            let input = relay.handle_input(now, datagram).ok_or(InputError::Relay)?;
            return self.take_relayed(now, index, input, datagram);
        }
        self.take_from(now, ice::Path::new(received.local, received.remote), datagram)
    }

    /// What a relay brought: its own affair, or a datagram of a peer within `message`.
    pub(super) fn take_relayed(
        &mut self,
        now: Instant,
        index: usize,
        input: Input,
        message: &mut [u8],
    ) -> Result<Option<RtpReceived>, InputError> {
        let Input::Data { peer, payload } = input else { return Ok(None) };
        let relay = self.transport.relays.get(index).ok_or(InputError::Relay)?;
        let relayed = relay.lent(peer.ip()).ok_or(InputError::Relay)?;
        let start = payload.start;
        let datagram = message.get_mut(payload).unwrap_or_default();
        let rtp = self.take_from(now, ice::Path::new(relayed, peer), datagram)?;
        Ok(rtp.map(|rtp| super::streams::shifted(rtp, start)))
    }

    /// A datagram that came over `path`.
    pub(super) fn take_from(
        &mut self,
        now: Instant,
        path: ice::Path,
        datagram: &mut [u8],
    ) -> Result<Option<RtpReceived>, InputError> {
        let len = datagram.len();
        let protocol = demux::protocol(datagram);
        let result = match protocol {
            Some(Protocol::Stun) => {
                let result = self.transport.ice.handle_input(now, path, datagram);
                result.map(|()| None).map_err(InputError::from)
            }
            None => Err(InputError::UnknownProtocol { len }),
            // Nothing but ICE listens to strangers.
            Some(_) if !self.transport.admits(path) => Err(InputError::UnvalidatedPath),
            Some(Protocol::Dtls) => self.take_in_dtls(now, datagram),
            Some(Protocol::Rtp) => self.take_in_rtp(now, datagram),
            Some(Protocol::Rtcp) => self.take_in_rtcp(now, datagram),
        };
        let counters = &mut self.transport.counters;
        if result.is_err() {
            counters.dropped = counters.dropped.saturating_add(1);
        } else if protocol != Some(Protocol::Stun) {
            counters.packets_received = counters.packets_received.saturating_add(1);
            counters.bytes_received =
                counters.bytes_received.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        }
        result
    }

    fn take_in_dtls(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
    ) -> Result<Option<RtpReceived>, InputError> {
        let result = self.transport.dtls.handle_input(now, datagram);
        if !self.data.is_connected() {
            // The end of the handshake may come with the first data, or before data that was held.
            self.settle_dtls_events(now);
        }
        while let Some(data) = self.transport.dtls.poll_data() {
            match &data {
                dtls::Data::InPlace(range) => {
                    self.data.handle_packet(now, datagram.get(range.clone()).unwrap_or_default());
                }
                dtls::Data::Held(bytes) => self.data.handle_packet(now, bytes),
            }
        }
        Ok(result.map(|()| None)?)
    }

    fn take_in_rtp(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
    ) -> Result<Option<RtpReceived>, InputError> {
        let len = self.transport.unprotect_rtp(datagram)?;
        let packet = datagram.get_mut(..len).unwrap_or_default();
        Ok(super::media::received(self.media.handle_rtp(now, packet)?))
    }

    fn take_in_rtcp(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
    ) -> Result<Option<RtpReceived>, InputError> {
        let len = self.transport.unprotect_rtcp(datagram)?;
        self.media.handle_rtcp(now, datagram.get(..len).unwrap_or_default())?;
        Ok(None)
    }

    /// `true`: there was something.
    pub(super) fn settle_ice(&mut self, now: Instant) -> bool {
        let mut any = false;
        while let Some(event) = self.transport.ice.poll_event() {
            any = true;
            match event {
                ice::Event::LocalCandidate(candidate) => self.announce(&candidate),
                ice::Event::GatheringState(state) => self.gathered(state),
                ice::Event::SelectedPath(path) => {
                    self.bind_channel(now, path);
                    self.transport.path_selected(now);
                    if let Some(round_trip) = self.transport.round_trip() {
                        self.media.set_round_trip(round_trip);
                    }
                }
                ice::Event::StunServerError { server, reason, .. } => {
                    self.raise(Event::IceCandidateError { server, code: reason.code() });
                }
                ice::Event::PermissionNeeded { relay, peer } => {
                    self.ask_permission(now, relay, peer);
                }
                ice::Event::Connect { path, simultaneous } => self.connect(path, simultaneous),
                ice::Event::Disconnect(path) => self.disconnect(path),
                ice::Event::ResolveName(name) => self.raise(Event::ResolveName(name)),
                ice::Event::Failed(failure) => self.raise(Event::IceFailure(failure)),
                ice::Event::RestartAdvised(_) => self.raise(Event::IceRestartAdvised),
                // The state is looked at when the connection's own states are.
                ice::Event::State(_) | _ => {}
            }
        }
        any
    }

    pub(super) fn settle_dtls(&mut self, now: Instant) {
        self.settle_dtls_events(now);
        // Data that was held back until the fingerprint was there.
        while let Some(data) = self.transport.dtls.poll_data() {
            if let dtls::Data::Held(bytes) = data {
                self.data.handle_packet(now, &bytes);
            }
        }
    }

    fn settle_dtls_events(&mut self, now: Instant) {
        while let Some(event) = self.transport.dtls.poll_event() {
            match event {
                dtls::Event::Connected(agreed) => {
                    self.transport.agreed = Some(agreed);
                    self.secured(now);
                }
                dtls::Event::Closed(reason) => match reason {
                    // Ours are told where they are caused.
                    dtls::CloseReason::Local => {}
                    dtls::CloseReason::PeerClosed => self.close(now),
                    dtls::CloseReason::PeerAlert(_)
                    | dtls::CloseReason::PeerMisbehaved(_)
                    | dtls::CloseReason::PeerIncompatible(_)
                    | dtls::CloseReason::FingerprintMismatch
                    | dtls::CloseReason::TimedOut
                    | dtls::CloseReason::KeysExhausted
                    | dtls::CloseReason::Crypto(_)
                    | _ => self.fail(now),
                },
                _ => {}
            }
        }
    }

    /// The peer is who its description says: media and data may flow.
    fn secured(&mut self, now: Instant) {
        if self.transport.take_srtp_keys().is_err() {
            self.fail(now);
            return;
        }
        self.data.transport_connected(now);
        self.check_media_keys(now);
    }

    /// Media without keys cannot be: the connection fails.
    //= rfc8827#6.5
    // Media is never sent in the clear, so without a common SRTP profile there is none.
    pub(super) fn check_media_keys(&mut self, now: Instant) {
        let connected = self.transport.dtls.is_connected() && !self.dtls_failed;
        if connected && !self.transport.has_srtp() && self.media.is_used() {
            self.fail(now);
        }
    }

    /// Nothing can come of this connection any more.
    fn fail(&mut self, now: Instant) {
        self.dtls_failed = true;
        self.data.transport_closed();
        self.transport.stop(now);
    }
}
