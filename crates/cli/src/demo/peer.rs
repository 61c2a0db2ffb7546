//! One page: its signalling, and the peer connection that answers it.

use std::sync::Arc;
use std::time::Duration;

use antiphon::{
    ConnectionState, DataChannel, Direction, Event, IceCandidate, PeerConnection,
    SessionDescription,
};
use axum::extract::ws::{Message, WebSocket};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, broadcast};
use tokio::task::JoinSet;

use super::report::{Report, Reporter};
use super::shelf::Shelf;
use super::{Demo, chat, echo, files};

/// How many channels of one page are served at a time.
const MAX_CHANNELS: usize = 64;

/// What the page says.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum FromPage {
    Offer { sdp: String },
    Candidate { candidate: Option<Candidate> },
}

/// What is said to the page.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum ToPage {
    Answer { sdp: String },
    Candidate { candidate: Candidate },
    Report(Report),
    Error { text: String },
}

/// `RTCIceCandidateInit` in JSON.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Candidate {
    candidate: String,
    sdp_mid: Option<String>,
    sdp_m_line_index: Option<u16>,
    username_fragment: Option<String>,
}

impl From<Candidate> for IceCandidate {
    fn from(from: Candidate) -> Self {
        Self {
            candidate: from.candidate,
            sdp_mid: from.sdp_mid,
            sdp_m_line_index: from.sdp_m_line_index,
            username_fragment: from.username_fragment,
        }
    }
}

impl From<IceCandidate> for Candidate {
    fn from(from: IceCandidate) -> Self {
        Self {
            candidate: from.candidate,
            sdp_mid: from.sdp_mid,
            sdp_m_line_index: from.sdp_m_line_index,
            username_fragment: from.username_fragment,
        }
    }
}

/// Serves one page until it is closed.
pub(crate) async fn serve(demo: Arc<Demo>, mut socket: WebSocket) {
    let Ok(_permit) = Arc::clone(&demo.room).try_acquire_owned() else {
        let text = "Too many pages are open. Close some, then reload this one.".to_owned();
        let _ = tell(&mut socket, &ToPage::Error { text }).await;
        return;
    };
    let mut config = antiphon::configuration();
    // The page is often on this machine.
    config.include_loopback = true;
    // A file's acknowledgements come in bursts, and must not push the call's packets out.
    config.socket_buffer_bytes = 4 << 20;
    let connection = match PeerConnection::new(config) {
        Ok(connection) => connection,
        Err(error) => {
            let text = format!(
                "The Rust peer could not be started ({error}). Restart the program and reload \
                 this page."
            );
            let _ = tell(&mut socket, &ToPage::Error { text }).await;
            return;
        }
    };
    let mut page = Page {
        typed: demo.typed.subscribe(),
        shelf: Arc::new(Shelf::new(Arc::clone(&demo.storage))),
        channels: Arc::new(Semaphore::new(MAX_CHANNELS)),
        tasks: JoinSet::new(),
        demo,
        reporter: Reporter::default(),
        connection,
        chat: None,
        was_connected: false,
    };
    page.converse(&mut socket).await;
    page.connection.close().await;
    if page.was_connected {
        page.demo.say("A page has gone.");
    }
}

struct Page {
    demo: Arc<Demo>,
    /// Its files. They go with it.
    shelf: Arc<Shelf>,
    /// One permit for each channel that is served.
    channels: Arc<Semaphore>,
    /// Everything that is done for the page, which ends with it.
    tasks: JoinSet<()>,
    typed: broadcast::Receiver<String>,
    reporter: Reporter,
    connection: PeerConnection,
    chat: Option<DataChannel>,
    was_connected: bool,
}

impl Page {
    async fn converse(&mut self, socket: &mut WebSocket) {
        let mut events = self.connection.events();
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            let said = tokio::select! {
                message = socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => self.heard(&text).await,
                    Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                },
                event = events.next() => match event {
                    Some(event) => self.happened(event),
                    None => return,
                },
                Ok(line) = self.typed.recv() => {
                    if let Some(chat) = &self.chat {
                        chat::say(chat, line).await;
                    }
                    continue;
                }
                Some(_) = self.tasks.join_next(), if !self.tasks.is_empty() => continue,
                _ = second.tick() => {
                    Some(ToPage::Report(self.reporter.report(&self.connection.stats())))
                }
            };
            if let Some(message) = said
                && tell(socket, &message).await.is_err()
            {
                return;
            }
        }
    }

    async fn heard(&self, text: &str) -> Option<ToPage> {
        match serde_json::from_str(text) {
            Ok(FromPage::Offer { sdp }) => Some(match self.answer(sdp).await {
                Ok(sdp) => ToPage::Answer { sdp },
                Err(error) => ToPage::Error {
                    text: format!(
                        "The Rust peer cannot answer this browser's offer ({error}). Please report \
                         it with the browser's version, and try another browser."
                    ),
                },
            }),
            Ok(FromPage::Candidate { candidate }) => {
                let candidate = candidate.unwrap_or_default().into();
                if let Err(error) = self.connection.add_ice_candidate(candidate).await {
                    tracing::debug!(%error, "the page's candidate is not used");
                }
                None
            }
            Err(error) => {
                tracing::warn!(%error, "the page said something unknown");
                None
            }
        }
    }

    /// Answers an offer: what the page sends is sent back.
    async fn answer(&self, sdp: String) -> Result<String, antiphon::Error> {
        self.connection.set_remote_description(SessionDescription::offer(sdp)).await?;
        for transceiver in self.connection.transceivers() {
            if transceiver.direction() == Direction::RecvOnly {
                transceiver.set_direction(Direction::SendRecv)?;
                transceiver.set_streams(vec!["echo".to_owned()])?;
            }
        }
        self.connection.set_local_description(None).await?;
        Ok(self.connection.local_description().map(|answer| answer.sdp).unwrap_or_default())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most events do not matter here")]
    fn happened(&mut self, event: Event) -> Option<ToPage> {
        match event {
            Event::IceCandidate(candidate) => {
                return Some(ToPage::Candidate { candidate: candidate.into() });
            }
            Event::Track(track) => {
                self.tasks.spawn(echo::echo(track.transceiver));
            }
            Event::DataChannel(channel) => self.opened(channel),
            Event::ConnectionStateChange(ConnectionState::Connected)
                if !std::mem::replace(&mut self.was_connected, true) =>
            {
                self.demo.say("A page is connected.");
            }
            Event::ConnectionStateChange(ConnectionState::Failed) => {
                return Some(ToPage::Error {
                    text: "The Rust peer has no path to this browser. Reload the page; if that \
                           does not help, check that no firewall blocks UDP between the two."
                        .to_owned(),
                });
            }
            _ => {}
        }
        None
    }

    fn opened(&mut self, channel: DataChannel) {
        let Ok(permit) = Arc::clone(&self.channels).try_acquire_owned() else {
            tracing::warn!("the page opens too many channels; this one is closed");
            return;
        };
        let demo = Arc::clone(&self.demo);
        if channel.label() == "chat" {
            self.chat = Some(channel.clone());
            self.tasks.spawn(async move {
                chat::answer(demo, channel).await;
                drop(permit);
            });
        } else if channel.protocol() == "file" {
            let shelf = Arc::clone(&self.shelf);
            self.tasks.spawn(async move {
                files::serve(demo, shelf, channel).await;
                drop(permit);
            });
        }
    }
}

async fn tell(socket: &mut WebSocket, message: &ToPage) -> anyhow::Result<()> {
    Ok(socket.send(Message::Text(serde_json::to_string(message)?.into())).await?)
}
