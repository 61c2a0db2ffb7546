//! Other implementations, driven as their own tests drive them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_testkit::start;
use bytes::Bytes;

use super::Stack;

/// Packets of one batch.
const BATCH: usize = 32;
const BUFFER: usize = 2 << 20;
/// The same, as other crates want it.
const WINDOW: u32 = 2 << 20;
const LARGEST: u32 = 262_144;

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], port))
}

/// dcSCTP, the association of libwebrtc, in Rust.
pub struct DcSctp {
    now: Duration,
    left: Box<dyn dcsctp::api::DcSctpSocket>,
    right: Box<dyn dcsctp::api::DcSctpSocket>,
}

impl std::fmt::Debug for DcSctp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DcSctp").finish_non_exhaustive()
    }
}

impl Default for DcSctp {
    fn default() -> Self {
        let options = dcsctp::api::Options {
            max_message_size: LARGEST as usize,
            max_send_buffer_size: BUFFER,
            per_stream_send_queue_limit: BUFFER,
            max_receiver_window_buffer_size: BUFFER,
            ..dcsctp::api::Options::default()
        };
        let mut left = dcsctp::new_socket("left", &options);
        let right = dcsctp::new_socket("right", &options);
        left.connect();
        let mut pair = Self { now: Duration::ZERO, left, right };
        for _ in 0..100 {
            pair.exchange();
        }
        pair
    }
}

/// Hands the packets of one end to the other; returns how many there were.
fn carry(
    from: &mut dyn dcsctp::api::DcSctpSocket,
    to: &mut dyn dcsctp::api::DcSctpSocket,
    most: usize,
) -> usize {
    let mut count = 0;
    while count < most {
        match from.poll_event() {
            Some(dcsctp::api::SocketEvent::SendPacket(packet)) => {
                to.handle_input(&packet);
                count += 1;
            }
            Some(_) => {}
            None => break,
        }
    }
    count
}

impl Stack for DcSctp {
    fn offer(&mut self, stream: u16, payload: &Bytes) -> bool {
        let options = dcsctp::api::SendOptions::default();
        let id = dcsctp::api::StreamId(stream);
        if self.left.buffered_amount(id) > BUFFER / 2 {
            return false;
        }
        let message = dcsctp::api::Message::new(id, dcsctp::api::PpId(53), payload.to_vec());
        self.left.send(message, &options).is_ok()
    }

    fn exchange(&mut self) -> usize {
        carry(&mut *self.left, &mut *self.right, BATCH);
        let mut delivered = 0;
        while let Some(message) = self.right.get_next_message() {
            delivered += std::hint::black_box(&message).payload.len();
        }
        carry(&mut *self.right, &mut *self.left, usize::MAX);
        self.now += Duration::from_micros(20);
        let now = dcsctp::api::SocketTime::zero() + self.now;
        self.left.advance_time(now);
        self.right.advance_time(now);
        delivered
    }
}

/// Two ends of a crate that descends from webrtc-rs: its endpoint and its one association.
macro_rules! family {
    ($name:ident, $krate:ident, $doc:literal, $new:expr, $connect:expr, $handle:expr, $write:expr, $open:expr, $bytes:expr, $answers:expr) => {
        #[doc = $doc]
        pub struct $name {
            now: Instant,
            left: ($krate::Endpoint, Option<($krate::AssociationHandle, $krate::Association)>),
            right: ($krate::Endpoint, Option<($krate::AssociationHandle, $krate::Association)>),
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl Default for $name {
            fn default() -> Self {
                // One of the two crates has split this into sending and receiving.
                #[allow(deprecated, reason = "the name that both crates know")]
                let transport = $krate::TransportConfig::default()
                    .with_max_receive_buffer_size(WINDOW)
                    .with_max_message_size(LARGEST);
                let transport = Arc::new(transport);
                let mut client = $krate::ClientConfig::default();
                client.transport = Arc::clone(&transport);
                let mut server = $krate::ServerConfig::default();
                server.transport = transport;
                let config = Arc::new($krate::EndpointConfig::default());
                let now = start();
                let mut left = $new(1, Arc::clone(&config), None);
                let right = $new(2, config, Some(Arc::new(server)));
                let began = $connect(&mut left, now, client, address(2)).ok();
                let mut pair = Self { now, left: (left, began), right: (right, None) };
                for _ in 0..200 {
                    pair.exchange();
                }
                pair
            }
        }

        impl $name {
            fn carry(
                now: Instant,
                from: &mut (
                    $krate::Endpoint,
                    Option<($krate::AssociationHandle, $krate::Association)>,
                ),
                to: &mut (
                    $krate::Endpoint,
                    Option<($krate::AssociationHandle, $krate::Association)>,
                ),
                source: u16,
            ) {
                let mut packets: Vec<Bytes> = $answers(&mut from.0);
                if let Some((_, association)) = &mut from.1 {
                    if association.poll_timeout().is_some_and(|at| at <= now) {
                        association.handle_timeout(now);
                    }
                    while packets.len() < BATCH
                        && let Some(sent) = association.poll_transmit(now)
                    {
                        packets.extend($bytes(sent));
                    }
                    while association.poll().is_some() {}
                    while association.poll_endpoint_event().is_some() {}
                }
                for packet in packets {
                    match $handle(&mut to.0, now, address(source), packet) {
                        Some((handle, $krate::DatagramEvent::NewAssociation(association))) => {
                            to.1 = Some((handle, association));
                        }
                        Some((_, $krate::DatagramEvent::AssociationEvent(event))) => {
                            if let Some((_, association)) = &mut to.1 {
                                association.handle_event(event);
                            }
                        }
                        // Of the two crates one may add events.
                        #[allow(unreachable_patterns, reason = "one of the two enums is open")]
                        Some(_) | None => {}
                    }
                }
            }
        }

        impl Stack for $name {
            fn offer(&mut self, stream: u16, payload: &Bytes) -> bool {
                let now = self.now;
                let Some((_, association)) = &mut self.left.1 else { return false };
                if association.stream(stream).is_err() {
                    let _ = $open(association, now, stream);
                }
                let Ok(mut stream) = association.stream(stream) else { return false };
                if stream.buffered_amount().is_ok_and(|queued| queued > BUFFER / 2) {
                    return false;
                }
                $write(&mut stream, now, payload)
            }

            fn exchange(&mut self) -> usize {
                Self::carry(self.now, &mut self.left, &mut self.right, 1);
                let mut delivered = 0;
                if let Some((_, association)) = &mut self.right.1 {
                    while association.accept_stream().is_some() {}
                    for id in association.stream_ids() {
                        let Ok(mut stream) = association.stream(id) else { continue };
                        while let Ok(Some(chunks)) = stream.read_sctp() {
                            let mut whole = vec![0; chunks.len()];
                            delivered += chunks.read(&mut whole).unwrap_or(0);
                            std::hint::black_box(&whole);
                        }
                    }
                }
                Self::carry(self.now, &mut self.right, &mut self.left, 2);
                self.now += Duration::from_micros(20);
                delivered
            }
        }
    };
}

family!(
    SctpProto,
    sctp_proto,
    "sctp-proto, the association of str0m.",
    |_, config, server| sctp_proto::Endpoint::new(config, server),
    |endpoint: &mut sctp_proto::Endpoint, _, config, to| endpoint.connect(config, to),
    |endpoint: &mut sctp_proto::Endpoint, now, from, packet| {
        endpoint.handle(now, from, None, None, packet)
    },
    |stream: &mut sctp_proto::Stream<'_>, _, payload: &Bytes| {
        stream.write_sctp(payload, sctp_proto::PayloadProtocolIdentifier::Binary).is_ok()
    },
    |association: &mut sctp_proto::Association, _, id| {
        association.open_stream(id, sctp_proto::PayloadProtocolIdentifier::Binary).is_ok()
    },
    |sent: sctp_proto::Transmit| match sent.payload {
        sctp_proto::Payload::RawEncode(packets) => packets,
        _ => Vec::new(),
    },
    |endpoint: &mut sctp_proto::Endpoint| {
        let mut packets = Vec::new();
        while let Some(sent) = endpoint.poll_transmit() {
            if let sctp_proto::Payload::RawEncode(more) = sent.payload {
                packets.extend(more);
            }
        }
        packets
    }
);

family!(
    RtcSctp,
    rtc_sctp,
    "rtc-sctp, the association of webrtc-rs.",
    |port, config, server| rtc_sctp::Endpoint::new(
        address(port),
        rtc_shared::TransportProtocol::UDP,
        config,
        server
    ),
    |endpoint: &mut rtc_sctp::Endpoint, now, config, to| endpoint.connect(now, config, to),
    |endpoint: &mut rtc_sctp::Endpoint, now, from, packet| endpoint.handle(now, from, None, packet),
    |stream: &mut rtc_sctp::Stream<'_>, now, payload: &Bytes| {
        stream
            .write_chunk_with_ppi(now, payload, rtc_sctp::PayloadProtocolIdentifier::Binary)
            .is_ok()
    },
    |association: &mut rtc_sctp::Association, _, id| {
        association.open_stream(id, rtc_sctp::PayloadProtocolIdentifier::Binary).is_ok()
    },
    |sent: rtc_shared::TransportMessage<rtc_sctp::Payload>| match sent.message {
        rtc_sctp::Payload::RawEncode(packets) => packets,
        rtc_sctp::Payload::PartialDecode(_) | _ => Vec::new(),
    },
    |_: &mut rtc_sctp::Endpoint| Vec::new()
);
