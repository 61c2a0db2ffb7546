//! Data channels over SCTP: the table of channels, and the association below it.

use std::collections::BTreeSet;
use std::time::Instant;

use antiphon_datachannel as dc;
use antiphon_sctp as sctp;
use bytes::Bytes;

use crate::jsep::Sctp;
use crate::{Configuration, Event, PeerConnection};

/// While SCTP holds less than this of a channel it gets the channel's next message, whatever its
/// length: its scheduler needs something of every channel to choose from. The rest waits in the
/// table of channels, where a closing channel or a message that lives too long can still take it
/// back.
const SCTP_CHANNEL_BUFFER: usize = 128 << 10;
/// What SCTP may hold of all channels, beside as much as the table may.
const SCTP_SEND_BUFFER: usize = 1 << 20;
/// What the table may hold unread before the association is no longer read, and the peer's window
/// closes.
const TABLE_RECEIVE_BUFFER: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Data {
    pub(super) channels: dc::Channels,
    association: Option<sctp::Association>,
    config: sctp::Config,
    seed: [u8; 32],
    /// Our role in DTLS, once it is decided.
    role: Option<dc::DtlsRole>,
    /// What the descriptions say about SCTP, once they agree.
    agreed: Option<Sctp>,
    /// Bytes that SCTP may hold unsent.
    send_limit: usize,
    /// Streams of which SCTP holds enough; few, for each of them fills a part of the limit.
    full: BTreeSet<u16>,
    /// DTLS carries records.
    connected: bool,
    /// The table knows that the association is there. Messages may come in the same packet as that
    /// news, and wait for it.
    told: bool,
    /// Our INIT chunk that descriptions carry. Used once: a second association shakes hands.
    snap: Option<Bytes>,
    /// A message that the table had no room for.
    unread: Option<sctp::Message>,
}

impl Data {
    pub(super) fn new(config: &Configuration, seed: [u8; 32], now: Instant) -> Self {
        let mut table = dc::Config::default();
        table.max_message_size = config.max_message_bytes;
        table.send_buffer = config.send_buffer_bytes;
        table.receive_buffer = TABLE_RECEIVE_BUFFER;
        let mut association = sctp::Config::default();
        // What it gets is limited here.
        association.send_buffer = usize::MAX;
        //= rfc8831#6.4
        // Channels share what can be sent by weight.
        association.scheduler = sctp::Scheduler::Weighted;
        association.receive_buffer = config.receive_buffer_bytes;
        //= rfc9653#6
        // DTLS below protects better than a checksum.
        association.zero_checksum = true;
        association.max_receive_message_size = config.max_message_bytes;
        let snap =
            config.sctp_snap.then(|| sctp::Association::new(association, seed, now).snap_init());
        Self {
            channels: dc::Channels::new(table),
            association: None,
            config: association,
            seed,
            role: None,
            agreed: None,
            send_limit: SCTP_SEND_BUFFER.saturating_add(config.send_buffer_bytes),
            full: BTreeSet::new(),
            connected: false,
            told: false,
            snap,
            unread: None,
        }
    }

    /// Our INIT chunk, for descriptions, where they shall carry it.
    pub(super) fn init(&self) -> Option<&Bytes> {
        self.snap.as_ref()
    }

    /// The role in DTLS decides which streams are ours.
    pub(super) fn set_dtls_client(&mut self, client: bool) {
        let role = if client { dc::DtlsRole::Client } else { dc::DtlsRole::Server };
        self.role = Some(role);
        self.channels.set_role(role);
    }

    /// An answer was applied: with or without a section for data.
    pub(super) fn negotiated(&mut self, now: Instant, agreed: Option<Sctp>) {
        let Some(sctp) = agreed else { return };
        //= rfc8841#10.4
        // Port 0 says that there shall be no association.
        if sctp.port == 0 {
            self.refused(now);
            return;
        }
        let limit = usize::try_from(sctp.max_message_size).unwrap_or(usize::MAX);
        self.channels.set_max_message_size((limit != 0).then_some(limit));
        self.agreed = Some(sctp);
        self.begin(now);
    }

    //= rfc8841#10.4
    // An answer that refuses the section for data leaves nothing to carry it: channels close.
    pub(super) fn refused(&mut self, now: Instant) {
        self.agreed = None;
        if self.association.is_some() {
            self.abort(now);
            return;
        }
        let waiting: Vec<_> = self.channels.channels().collect();
        waiting.into_iter().for_each(|id| self.channels.close(id));
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected
    }

    pub(super) fn transport_connected(&mut self, now: Instant) {
        self.connected = true;
        self.begin(now);
    }

    //= rfc8841#9.3
    // Both sides set the association up, as soon as DTLS is there.
    fn begin(&mut self, now: Instant) {
        let Some(sctp) = &self.agreed else { return };
        if !self.connected || self.association.is_some() {
            return;
        }
        let mut config = self.config;
        config.remote_port = sctp.port;
        config.max_send_message_size = match usize::try_from(sctp.max_message_size) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(limit) => limit,
        };
        let mut association = sctp::Association::new(config, self.seed, now);
        let ours = self.snap.take();
        let peers = sctp.init.as_ref().filter(|_| ours.is_some());
        let is_up = peers.is_some_and(|init| {
            // The same seed makes the same chunk as the one in our description.
            ours == Some(association.snap_init()) && association.connect_snap(now, init).is_ok()
        });
        if !is_up {
            association.connect(now);
        }
        self.association = Some(association);
    }

    /// An SCTP packet came.
    pub(super) fn handle_packet(&mut self, now: Instant, packet: &[u8]) {
        if let Some(association) = &mut self.association {
            // A packet that is dropped is counted by the association.
            let _ = association.handle_input(now, packet);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(association) = &mut self.association {
            association.handle_timeout(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.association.as_ref()?.poll_timeout()
    }

    /// Writes the next SCTP packet to the front of `buf`.
    pub(super) fn poll_packet(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        let association = self.association.as_mut()?;
        if let Ok(Some(sent)) = association.poll_output(now, buf) {
            return Some(sent.len);
        }
        // What was sent made room for more.
        if !self.feed(now) {
            return None;
        }
        Some(self.association.as_mut()?.poll_output(now, buf).ok()??.len)
    }

    /// Moves messages from the table into the association while there is room. `true`: some moved.
    fn feed(&mut self, now: Instant) -> bool {
        let Some(association) = self.association.as_mut().filter(|a| a.is_connected()) else {
            return false;
        };
        while let Some((stream, priority)) = self.channels.poll_priority() {
            association.set_weight(stream, priority.0);
        }
        self.full.retain(|&stream| {
            let is_full = association.buffered(stream) >= SCTP_CHANNEL_BUFFER;
            if !is_full {
                self.channels.resume(stream);
            }
            is_full
        });
        let mut moved = false;
        while association.buffered_total() < self.send_limit {
            let Some(message) = self.channels.poll_send(now) else { break };
            moved = true;
            let stream = message.stream;
            let sent = association.send(
                now,
                sctp::Outgoing {
                    stream: message.stream,
                    ppid: message.ppid,
                    payload: message.payload,
                    ordered: message.ordered,
                    reliability: match message.reliability {
                        dc::Reliability::Reliable => sctp::Reliability::Reliable,
                        dc::Reliability::Retransmits(n) => sctp::Reliability::Retransmits(n),
                        dc::Reliability::Lifetime(time) => sctp::Reliability::Lifetime(time),
                    },
                },
            );
            if sent.is_err() {
                // The table and the association disagree about a stream: it cannot go on.
                association.abort(now);
                break;
            }
            if association.buffered(stream) >= SCTP_CHANNEL_BUFFER {
                self.channels.pause(stream);
                self.full.insert(stream);
            }
        }
        while let Some(stream) = self.channels.poll_reset() {
            if association.reset_streams(now, &[stream]).is_err() {
                self.channels.handle_outgoing_reset_done(stream);
            }
        }
        moved
    }

    /// Moves messages from the association into the table while it takes them.
    fn drain(&mut self) {
        let Some(association) = self.association.as_mut().filter(|_| self.told) else { return };
        while self.channels.is_receptive() {
            let Some(message) = self.unread.take().or_else(|| association.recv()) else { break };
            let taken =
                self.channels.handle_message(message.stream, message.ppid, message.payload.clone());
            if matches!(taken, Err(dc::InputError::ReceiveBufferFull { .. })) {
                self.unread = Some(message);
                break;
            }
        }
    }

    fn settle(&mut self, now: Instant) {
        self.drain();
        while let Some(event) = self.association.as_mut().and_then(sctp::Association::poll_event) {
            self.carry(event);
        }
        self.drain();
        self.feed(now);
    }

    fn carry(&mut self, event: sctp::Event) {
        let Some(association) = &mut self.association else { return };
        match event {
            sctp::Event::Connected => {
                let streams = association
                    .outgoing_streams()
                    .into_iter()
                    .chain(association.incoming_streams())
                    .min();
                self.told = true;
                if let Some(role) = self.role {
                    self.channels.transport_connected(role, streams.unwrap_or_default());
                }
            }
            sctp::Event::BufferedLow(stream) => {
                self.channels.handle_buffered(stream, association.buffered(stream));
            }
            sctp::Event::StreamReset { streams } if streams.is_empty() => {
                self.channels.handle_all_incoming_reset();
            }
            sctp::Event::StreamReset { streams } => {
                for stream in streams {
                    self.channels.handle_incoming_reset(stream);
                }
            }
            sctp::Event::StreamResetDone { streams, .. } => {
                for stream in streams {
                    self.channels.handle_outgoing_reset_done(stream);
                }
            }
            sctp::Event::Closed(reason) => {
                let end = match reason {
                    sctp::CloseReason::LocalAbort
                    | sctp::CloseReason::LocalShutdown
                    | sctp::CloseReason::PeerShutdown => dc::TransportEnd::Closed,
                    sctp::CloseReason::PeerAborted { cause } => dc::TransportEnd::Failed { cause },
                    sctp::CloseReason::ConnectTimeout
                    | sctp::CloseReason::Timeout
                    | sctp::CloseReason::PeerMisbehaved(_)
                    | _ => dc::TransportEnd::Failed { cause: None },
                };
                self.channels.transport_closed(end);
            }
            sctp::Event::Restarted => {
                self.channels.transport_closed(dc::TransportEnd::Failed { cause: None });
            }
            // Reading and writing are tried after each event anyway.
            sctp::Event::Readable | sctp::Event::Writable | _ => {}
        }
    }

    /// Bytes of that channel that the network has not taken.
    pub(super) fn buffered_amount(&mut self, id: dc::ChannelId) -> usize {
        let stream = self.channels.info(id).and_then(|info| info.stream);
        if let (Some(stream), Some(association)) = (stream, &self.association) {
            self.channels.handle_buffered(stream, association.buffered(stream));
        }
        self.channels.buffered_amount(id)
    }

    pub(super) fn set_buffered_low(&mut self, id: dc::ChannelId, bytes: usize) {
        self.channels.set_buffered_amount_low_threshold(id, bytes);
        let stream = self.channels.info(id).and_then(|info| info.stream);
        if let (Some(stream), Some(association)) = (stream, &mut self.association) {
            association.set_buffered_low(stream, bytes);
        }
    }

    /// DTLS is gone: nothing can be sent any more.
    pub(super) fn transport_closed(&mut self) {
        self.connected = false;
        self.association = None;
        self.channels.transport_closed(dc::TransportEnd::Failed { cause: None });
    }

    /// Ends the association; its ABORT is the next packet.
    pub(super) fn abort(&mut self, now: Instant) {
        if let Some(association) = &mut self.association {
            association.abort(now);
        }
        self.channels.transport_closed(dc::TransportEnd::Closed);
    }
}

impl PeerConnection {
    pub(super) fn settle_data(&mut self, now: Instant) {
        // With a full queue messages stay in the association, and close the peer's window.
        while !self.is_event_queue_full() {
            self.data.settle(now);
            let Some(event) = self.data.channels.poll_event() else { break };
            let event = match event {
                dc::Event::Announced(id) => {
                    self.announced.insert(id);
                    continue;
                }
                // The channel is open at the event that tells of it.
                dc::Event::Opened(id) if self.announced.remove(&id) => Event::DataChannel(id),
                dc::Event::Opened(id) => Event::DataChannelOpen(id),
                dc::Event::Readable(id) => Event::DataChannelReadable(id),
                dc::Event::BufferedAmountLow(id) => Event::DataChannelBufferedAmountLow(id),
                dc::Event::Closing(id) => Event::DataChannelClosing(id),
                dc::Event::Closed(id) => {
                    self.announced.remove(&id);
                    Event::DataChannelClosed(id)
                }
                dc::Event::Error { channel, .. } => Event::DataChannelError(channel),
                _ => continue,
            };
            self.raise(event);
        }
    }
}
