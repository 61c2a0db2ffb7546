use std::fmt;
use std::net::SocketAddr;
use std::time::Instant;

use bytes::BytesMut;
use rtc::data_channel::{RTCDataChannelId, RTCDataChannelInit};
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::{CandidateConfig, CandidateHostConfig, RTCIceCandidate};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::sansio::Protocol as _;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};

use super::{Failure, Machine, SEND_BUFFER};

/// `rtc`, without input and output, from webrtc-rs.
pub struct Rtc {
    connection: RTCPeerConnection,
    channel: Option<RTCDataChannelId>,
    received: usize,
}

impl fmt::Debug for Rtc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rtc")
    }
}

impl Machine for Rtc {
    const NAME: &'static str = "rtc";
    const VERSION: &'static str = "0.21";
    const BATCH: usize = 1;

    fn new(local: SocketAddr) -> Result<Self, Failure> {
        let config = RTCConfigurationBuilder::new().build();
        let mut connection =
            RTCPeerConnectionBuilder::new().with_configuration(config).build(Instant::now())?;
        let base_config = CandidateConfig {
            network: "udp".to_owned(),
            address: local.ip().to_string(),
            port: local.port(),
            component: 1,
            ..Default::default()
        };
        let candidate =
            CandidateHostConfig { base_config, ..Default::default() }.new_candidate_host()?;
        connection.add_local_candidate(RTCIceCandidate::from(&candidate).to_json()?)?;
        Ok(Self { connection, channel: None, received: 0 })
    }

    fn offer(&mut self) -> Result<String, Failure> {
        let _channel =
            self.connection.create_data_channel("bench", Some(RTCDataChannelInit::default()))?;
        let offer = self.connection.create_offer(None)?;
        self.connection.set_local_description(Instant::now(), offer.clone())?;
        Ok(offer.sdp)
    }

    fn answer(&mut self, offer: String) -> Result<String, Failure> {
        let offer = RTCSessionDescription::offer(offer)?;
        self.connection.set_remote_description(Instant::now(), offer)?;
        let answer = self.connection.create_answer(None)?;
        self.connection.set_local_description(Instant::now(), answer.clone())?;
        Ok(answer.sdp)
    }

    fn accept(&mut self, answer: String) -> Result<(), Failure> {
        let answer = RTCSessionDescription::answer(answer)?;
        Ok(self.connection.set_remote_description(Instant::now(), answer)?)
    }

    fn input(
        &mut self,
        local_addr: SocketAddr,
        peer_addr: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), Failure> {
        let transport = TransportContext {
            local_addr,
            peer_addr,
            ecn: None,
            transport_protocol: TransportProtocol::UDP,
        };
        let message = BytesMut::from(datagram);
        let now = Instant::now();
        Ok(self.connection.handle_read(TaggedBytesMut { now, transport, message })?)
    }

    fn output(
        &mut self,
        send: &mut dyn FnMut(SocketAddr, &[u8]),
    ) -> Result<Option<Instant>, Failure> {
        while let Some(datagram) = self.connection.poll_write() {
            send(datagram.transport.peer_addr, &datagram.message);
        }
        while let Some(event) = self.connection.poll_event() {
            if let RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) = event {
                self.channel = Some(id);
            }
        }
        while let Some(message) = self.connection.poll_read() {
            if let RTCMessage::DataChannelMessage(_, message) = message.message {
                self.received = self.received.saturating_add(message.data.len());
            }
        }
        Ok(self.connection.poll_timeout())
    }

    fn timeout(&mut self, now: Instant) -> Result<(), Failure> {
        Ok(self.connection.handle_timeout(now)?)
    }

    fn is_open(&self) -> bool {
        self.channel.is_some()
    }

    fn write(&mut self, message: &[u8]) -> Result<bool, Failure> {
        let channel = self.channel.ok_or("no channel")?;
        let mut channel = self.connection.data_channel(channel).ok_or("no channel")?;
        let room = channel.outstanding_bytes().saturating_add(message.len()) <= SEND_BUFFER;
        if room {
            channel.send(Instant::now(), BytesMut::from(message))?;
        }
        Ok(room)
    }

    fn has_received(&self) -> bool {
        self.received > 0
    }

    fn take_received(&mut self) -> usize {
        std::mem::take(&mut self.received)
    }
}
