#![expect(clippy::wildcard_enum_match_arm, reason = "most events of the peer do not matter here")]

use std::fmt;
use std::sync::Arc;

use rustrtc::transports::sctp::DataChannel;
use rustrtc::{
    DataChannelEvent, PeerConnection, PeerConnectionEvent, RtcConfiguration, SdpType,
    SessionDescription,
};

use super::{End, Failure, Settings};

/// `rustrtc`, on tokio.
pub struct Rustrtc {
    connection: PeerConnection,
    channel: Option<Arc<DataChannel>>,
}

impl fmt::Debug for Rustrtc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rustrtc")
    }
}

impl Rustrtc {
    fn channel(&self) -> Result<&Arc<DataChannel>, Failure> {
        Ok(self.channel.as_ref().ok_or("no channel")?)
    }
}

impl End for Rustrtc {
    const NAME: &'static str = "rustrtc";
    const VERSION: &'static str = "0.4";

    async fn new(_: Settings) -> Result<Self, Failure> {
        let config = RtcConfiguration {
            bind_ip: Some("127.0.0.1".to_owned()),
            disable_ipv6: true,
            ..Default::default()
        };
        Ok(Self { connection: PeerConnection::new(config), channel: None })
    }

    async fn offer(&mut self) -> Result<String, Failure> {
        let config =
            rustrtc::transports::sctp::DataChannelConfig { ordered: true, ..Default::default() };
        self.channel = Some(self.connection.create_data_channel("bench", Some(config))?);
        self.connection.wait_for_gathering_complete().await;
        let offer = self.connection.create_offer().await?;
        self.connection.set_local_description(offer.clone())?;
        Ok(offer.to_sdp_string())
    }

    async fn answer(&mut self, offer: String) -> Result<String, Failure> {
        let offer = SessionDescription::parse(SdpType::Offer, &offer)?;
        self.connection.set_remote_description(offer).await?;
        self.connection.wait_for_gathering_complete().await;
        let answer = self.connection.create_answer().await?;
        self.connection.set_local_description(answer.clone())?;
        Ok(answer.to_sdp_string())
    }

    async fn accept(&mut self, answer: String) -> Result<(), Failure> {
        let answer = SessionDescription::parse(SdpType::Answer, &answer)?;
        Ok(self.connection.set_remote_description(answer).await?)
    }

    async fn open(&mut self) -> Result<(), Failure> {
        while self.channel.is_none() {
            let event = self.connection.recv().await.ok_or("closed")?;
            if let PeerConnectionEvent::DataChannel(channel) = event {
                // A channel that the peer opened is open.
                self.channel = Some(channel);
                return Ok(());
            }
        }
        loop {
            match self.channel()?.recv().await.ok_or("closed")? {
                DataChannelEvent::Open => return Ok(()),
                DataChannelEvent::Close => return Err("closed".into()),
                DataChannelEvent::Message(_) | DataChannelEvent::BufferedAmountLow(_) => {}
            }
        }
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), Failure> {
        let id = self.channel()?.id;
        Ok(self.connection.send_data(id, message).await?)
    }

    async fn receive(&mut self) -> Result<usize, Failure> {
        loop {
            match self.channel()?.recv().await.ok_or("closed")? {
                DataChannelEvent::Message(message) => return Ok(message.len()),
                DataChannelEvent::Close => return Err("closed".into()),
                _ => {}
            }
        }
    }
}
