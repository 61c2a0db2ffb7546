//! The one transport of a bundled connection: ICE finds the path, DTLS makes the keys, SRTP and
//! DTLS records go over it.
//!
//! What rises is decrypted where it lies; what goes down is encrypted where it was written. This
//! part knows neither descriptions nor channels nor tracks.

pub(crate) mod demux;
mod outbox;
pub(crate) mod relays;
mod srtp;
pub(crate) mod streams;

use std::time::{Duration, Instant};

use antiphon_crypto::Fingerprint;
use antiphon_dtls as dtls;
use antiphon_ice as ice;

pub(crate) use outbox::{Full, MAX_PACKET, Outbox};
use relays::Relays;
use srtp::Srtp;
use streams::Streams;

use crate::{Configuration, Error, InputError, OperationError};

/// ICE, DTLS and SRTP of one connection.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) ice: ice::Agent,
    pub(crate) relays: Relays,
    pub(crate) streams: Streams,
    pub(crate) dtls: dtls::Connection,
    /// What it agreed on.
    pub(crate) agreed: Option<dtls::Connected>,
    srtp: Option<Srtp>,
    /// What goes out next, already encrypted.
    pub(crate) outbox: Outbox,
    /// The role that begins as soon as there is a path.
    waiting_client: bool,
    provider: std::sync::Arc<dyn antiphon_crypto::CryptoProvider>,
    pub(crate) counters: Counters,
}

/// Bytes and datagrams over the path, both ways, without UDP and IP.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    pub(crate) bytes_sent: u64,
    pub(crate) packets_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) packets_received: u64,
    pub(crate) dropped: u64,
}

impl Transport {
    pub(crate) fn new(
        config: &Configuration,
        seeds: [[u8; 32]; 3],
        now: Instant,
    ) -> Result<Self, Error> {
        let crypto = |_| Error::Operation(OperationError::Crypto);
        let [ice_seed, dtls_seed, relay_seed] = seeds;
        let mut ice_config =
            ice::Config::new(std::sync::Arc::clone(&config.provider), ice::Role::Controlling);
        ice_config.stun_servers.clone_from(&config.stun_servers);
        // Which addresses are candidates is for whoever binds the sockets to say.
        ice_config.include_loopback = true;
        ice_config.ta = config.ice_pacing;
        ice_config.max_remote_candidates = config.max_remote_candidates;
        ice_config.transport_policy = config.ice_transport_policy;
        ice_config.address_policy = config.ice_address_policy;
        ice_config.remote_filter.clone_from(&config.remote_filter);
        ice_config.nat_mappings.clone_from(&config.nat_mappings);
        ice_config.tcp = config.ice_tcp;
        ice_config.lite = config.ice_lite;
        ice_config.continual_gathering = config.continual_gathering;
        let mut dtls_config =
            dtls::Config::new(std::sync::Arc::clone(&config.provider), config.certificate.clone());
        dtls_config.versions.clone_from(&config.dtls_versions);
        Ok(Self {
            ice: ice::Agent::new(ice_config, ice_seed, now).map_err(crypto)?,
            relays: Relays::new(relay_seed),
            streams: Streams::default(),
            dtls: dtls::Connection::new(dtls_config, dtls_seed, now),
            agreed: None,
            srtp: None,
            outbox: Outbox::new(config.media_queue_bytes),
            waiting_client: false,
            provider: std::sync::Arc::clone(&config.provider),
            counters: Counters::default(),
        })
    }

    /// Takes the role in DTLS, once. A client begins as soon as there is a path.
    pub(crate) fn start_dtls(&mut self, now: Instant, role: dtls::Role) {
        if self.dtls.role().is_some() {
            return;
        }
        match role {
            dtls::Role::Client if self.ice.selected_path().is_none() => self.waiting_client = true,
            dtls::Role::Client | dtls::Role::Server => self.begin(now, role),
        }
    }

    /// There is a path now, or another one.
    pub(crate) fn path_selected(&mut self, now: Instant) {
        if let Some(round_trip) = self.ice.round_trip() {
            self.dtls.set_round_trip(round_trip);
        }
        if std::mem::take(&mut self.waiting_client) {
            self.begin(now, dtls::Role::Client);
        }
    }

    fn begin(&mut self, now: Instant, role: dtls::Role) {
        self.waiting_client = false;
        // Fails only when it has begun or is closed, and that is in its state and events.
        let _ = self.dtls.start(now, role);
    }

    pub(crate) fn set_fingerprints(&mut self, now: Instant, fingerprints: &[Fingerprint]) {
        self.dtls.set_remote_fingerprints(now, fingerprints);
    }

    /// Takes the keys that DTLS made. Without a common profile there is no SRTP.
    pub(crate) fn take_srtp_keys(&mut self) -> Result<(), Error> {
        if let (Some(keys), Some(role)) = (self.dtls.srtp_keys(), self.dtls.role()) {
            self.srtp = Some(Srtp::new(&*self.provider, &keys, role)?);
        }
        Ok(())
    }

    /// Whether packets of media can be sent now.
    pub(crate) fn is_open(&self) -> bool {
        self.srtp.is_some() && self.ice.selected_path().is_some()
    }

    /// Ends what DTLS carries: its alert goes out, nothing else follows or is taken.
    pub(crate) fn stop(&mut self, now: Instant) {
        self.srtp = None;
        self.outbox.clear();
        self.dtls.close(now);
    }

    pub(crate) fn has_srtp(&self) -> bool {
        self.srtp.is_some()
    }

    /// Decrypts an SRTP packet in place and returns its new length.
    pub(crate) fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, InputError> {
        let srtp = self.srtp.as_mut().ok_or(InputError::NoKeys)?;
        Ok(srtp.receiver.unprotect(packet)?)
    }

    /// Decrypts an SRTCP packet in place and returns its new length.
    pub(crate) fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, InputError> {
        let srtp = self.srtp.as_mut().ok_or(InputError::NoKeys)?;
        Ok(srtp.receiver.unprotect_rtcp(packet)?)
    }

    /// Lets `write` make an RTP packet, encrypts it and queues it.
    pub(crate) fn queue_rtp<E>(
        &mut self,
        write: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E>
    where
        E: From<Full> + From<NotReady>,
    {
        let srtp = self.srtp.as_mut().ok_or(NotReady)?;
        self.outbox.room()?;
        self.outbox.push_with(|buf| {
            let len = write(buf)?;
            srtp.sender.protect(buf, len).map_err(|_| NotReady.into())
        })
    }

    /// Whether data may come over this path: the peer has proved itself there.
    ///
    /// A stranger's datagrams end here, before DTLS or SRTP see them.
    pub(crate) fn admits(&self, path: ice::Path) -> bool {
        self.ice.may_receive_from(path)
    }

    /// Encrypts what [`Packet`] made, in place, and returns where it lies now; `None` when it
    /// cannot be sent.
    pub(crate) fn protect(&mut self, buf: &mut [u8], packet: Packet) -> Option<usize> {
        match packet {
            Packet::Rtp(len) => self.srtp.as_mut()?.sender.protect(buf, len).ok(),
            Packet::Rtcp(len) => self.srtp.as_mut()?.sender.protect_rtcp(buf, len).ok(),
        }
    }

    /// The round-trip time of the path.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.ice.round_trip()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let timeouts =
            [self.ice.poll_timeout(), self.dtls.poll_timeout(), self.relays.poll_timeout()];
        timeouts.into_iter().flatten().min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.relays.handle_timeout(now);
        self.ice.handle_timeout(now);
        self.dtls.handle_timeout(now);
    }
}

/// A packet at the front of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// RTP in the clear.
    Rtp(usize),
    /// RTCP in the clear.
    Rtcp(usize),
}

/// There are no keys yet, or they refuse this packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotReady;
