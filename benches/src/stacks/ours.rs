use std::net::{IpAddr, Ipv4Addr};

use antiphon::{DataChannel, Event, Events, IceGatheringState, PeerConnection, SessionDescription};
use bytes::Bytes;

use super::{End, Failure, Settings};

/// The facade, `antiphon`, on tokio.
#[derive(Debug)]
pub struct Antiphon {
    connection: PeerConnection,
    events: Events,
    channel: Option<DataChannel>,
}

impl Antiphon {
    /// Waits until the local description has all candidates.
    async fn described(&mut self) -> Result<String, Failure> {
        self.connection.set_local_description(None).await?;
        while self.connection.ice_gathering_state() != IceGatheringState::Complete {
            self.events.next().await.ok_or("closed")?;
        }
        Ok(self.connection.local_description().ok_or("no description")?.sdp)
    }

    fn channel(&mut self) -> Result<&mut DataChannel, Failure> {
        Ok(self.channel.as_mut().ok_or("no channel")?)
    }
}

impl End for Antiphon {
    const NAME: &'static str = "antiphon";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    async fn new(settings: Settings) -> Result<Self, Failure> {
        let mut config = antiphon::configuration();
        config.addresses = Some(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        config.socket_buffer_bytes = settings.socket_buffer_bytes;
        if settings.window_bytes > 0 {
            config.send_buffer_bytes = settings.window_bytes;
            config.receive_buffer_bytes = settings.window_bytes;
        }
        let connection = PeerConnection::new(config)?;
        let events = connection.events();
        Ok(Self { connection, events, channel: None })
    }

    async fn offer(&mut self) -> Result<String, Failure> {
        let channel = self.connection.create_data_channel("bench", Default::default()).await?;
        self.channel = Some(channel);
        self.described().await
    }

    async fn answer(&mut self, offer: String) -> Result<String, Failure> {
        let offer = SessionDescription::offer(offer);
        self.connection.set_remote_description(offer).await?;
        self.described().await
    }

    async fn accept(&mut self, answer: String) -> Result<(), Failure> {
        let answer = SessionDescription::answer(answer);
        Ok(self.connection.set_remote_description(answer).await?)
    }

    async fn open(&mut self) -> Result<(), Failure> {
        while self.channel.is_none() {
            if let Event::DataChannel(channel) = self.events.next().await.ok_or("closed")? {
                self.channel = Some(channel);
            }
        }
        Ok(self.channel()?.opened().await?)
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), Failure> {
        Ok(self.channel()?.send(Bytes::copy_from_slice(message)).await?)
    }

    async fn receive(&mut self) -> Result<usize, Failure> {
        let message = self.channel()?.recv().await.ok_or("closed")?;
        Ok(message.into_bytes().len())
    }
}
