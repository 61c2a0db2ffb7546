#![expect(clippy::wildcard_enum_match_arm, reason = "most events of the peer do not matter here")]

use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceGatheringState, RTCSessionDescription,
};
use webrtc::runtime::default_runtime;

use super::{End, Failure, SEND_BUFFER, Settings};

/// What the stack calls.
struct Handler {
    gathered: mpsc::UnboundedSender<()>,
    channels: mpsc::UnboundedSender<Arc<dyn DataChannel>>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            let _ = self.gathered.send(());
        }
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        let _ = self.channels.send(channel);
    }
}

/// `webrtc`, on tokio, from webrtc-rs.
pub struct Webrtc {
    connection: Box<dyn PeerConnection>,
    gathered: mpsc::UnboundedReceiver<()>,
    channels: mpsc::UnboundedReceiver<Arc<dyn DataChannel>>,
    channel: Option<Arc<dyn DataChannel>>,
}

impl fmt::Debug for Webrtc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webrtc")
    }
}

impl Webrtc {
    fn channel(&self) -> Result<&Arc<dyn DataChannel>, Failure> {
        Ok(self.channel.as_ref().ok_or("no channel")?)
    }

    async fn described(&mut self, description: RTCSessionDescription) -> Result<String, Failure> {
        self.connection.set_local_description(description).await?;
        self.gathered.recv().await.ok_or("closed")?;
        Ok(self.connection.local_description().await.ok_or("no description")?.sdp)
    }
}

impl End for Webrtc {
    const NAME: &'static str = "webrtc";
    const VERSION: &'static str = "0.21";

    async fn new(_: Settings) -> Result<Self, Failure> {
        let (to_gathered, gathered) = mpsc::unbounded_channel();
        let (to_channels, channels) = mpsc::unbounded_channel();
        let handler = Handler { gathered: to_gathered, channels: to_channels };
        let connection = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_handler(Arc::new(handler))
            .with_runtime(default_runtime().ok_or("no runtime")?)
            .with_udp_addrs(vec!["127.0.0.1:0".to_owned()])
            .with_data_channel_send_buffer_limit(SEND_BUFFER)
            .build()
            .await?;
        Ok(Self { connection: Box::new(connection), gathered, channels, channel: None })
    }

    async fn offer(&mut self) -> Result<String, Failure> {
        self.channel = Some(self.connection.create_data_channel("bench", None).await?);
        let offer = self.connection.create_offer(None).await?;
        self.described(offer).await
    }

    async fn answer(&mut self, offer: String) -> Result<String, Failure> {
        let offer = RTCSessionDescription::offer(offer)?;
        self.connection.set_remote_description(offer).await?;
        let answer = self.connection.create_answer(None).await?;
        self.described(answer).await
    }

    async fn accept(&mut self, answer: String) -> Result<(), Failure> {
        let answer = RTCSessionDescription::answer(answer)?;
        Ok(self.connection.set_remote_description(answer).await?)
    }

    async fn open(&mut self) -> Result<(), Failure> {
        if self.channel.is_none() {
            self.channel = self.channels.recv().await;
        }
        loop {
            match self.channel()?.poll().await.ok_or("closed")? {
                DataChannelEvent::OnOpen => return Ok(()),
                DataChannelEvent::OnClose => return Err("closed".into()),
                _ => {}
            }
        }
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), Failure> {
        Ok(self.channel()?.send(BytesMut::from(message)).await?)
    }

    async fn receive(&mut self) -> Result<usize, Failure> {
        loop {
            match self.channel()?.poll().await.ok_or("closed")? {
                DataChannelEvent::OnMessage(message) => return Ok(message.data.len()),
                DataChannelEvent::OnClose => return Err("closed".into()),
                _ => {}
            }
        }
    }
}
