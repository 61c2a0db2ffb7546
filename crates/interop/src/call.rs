use std::time::Duration;

use antiphon::{
    Configuration, ConnectionState, DataChannel, DataChannelInit, Direction, Event, Events,
    OfferOptions, PeerConnection, RtpOutgoing, SdpType, SessionDescription, Transceiver,
};
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::{BrowserKind, BrowserOptions, Page};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether a candidate is carried to the other side.
type Carries = fn(&str) -> bool;

/// What is special about a call.
#[derive(Clone, Debug)]
pub struct CallOptions {
    /// The browser.
    pub browser: BrowserOptions,
    /// The page's `RTCConfiguration`.
    pub page: Value,
    /// Ours.
    pub peer: Configuration,
    /// Which of our candidates the page is told of.
    pub to_page: Carries,
    /// Which of the page's candidates we are told of.
    pub from_page: Carries,
}

impl Default for CallOptions {
    /// Nothing: all addresses of both sides, loopback too, and no servers.
    fn default() -> Self {
        let mut peer = antiphon::configuration();
        peer.include_loopback = true;
        Self {
            browser: BrowserOptions::default(),
            page: json!({}),
            peer,
            to_page: |_| true,
            from_page: |_| true,
        }
    }
}

/// A browser's page and a Rust peer that call each other. Dropping it ends both.
#[derive(Debug)]
pub struct Call {
    /// The browser's side.
    pub page: Page,
    /// Our side.
    pub peer: PeerConnection,
    channels: mpsc::UnboundedReceiver<DataChannel>,
    candidates: Option<mpsc::UnboundedReceiver<Value>>,
    carries_from_page: bool,
    to_page: Carries,
    from_page: Carries,
    tasks: JoinSet<()>,
}

impl Call {
    /// Opens a browser and makes a peer; nothing is negotiated yet.
    ///
    /// # Errors
    ///
    /// When the browser does not start.
    pub async fn new(kind: BrowserKind) -> anyhow::Result<Self> {
        Self::with_options(kind, CallOptions::default()).await
    }

    /// The same with a peer that is configured otherwise, and further preferences for Firefox;
    /// loopback is always among the candidates.
    ///
    /// # Errors
    ///
    /// When the browser does not start.
    pub async fn with(
        kind: BrowserKind,
        mut config: Configuration,
        preferences: &str,
    ) -> anyhow::Result<Self> {
        config.include_loopback = true;
        let mut options = CallOptions { peer: config, ..CallOptions::default() };
        preferences.clone_into(&mut options.browser.preferences);
        Self::with_options(kind, options).await
    }

    /// The same with all options.
    ///
    /// # Errors
    ///
    /// When the browser does not start, or either side does not take its configuration.
    pub async fn with_options(kind: BrowserKind, options: CallOptions) -> anyhow::Result<Self> {
        let CallOptions { browser, page: configuration, peer: config, to_page, from_page } =
            options;
        let page = Page::open(kind, &browser).await?;
        page.call("create", json!({"configuration": configuration})).await?;
        let peer = PeerConnection::new(config)?;
        let (opened, channels) = mpsc::unbounded_channel();
        peer.on_data_channel(move |channel| drop(opened.send(channel)));
        let (found, candidates) = mpsc::unbounded_channel();
        peer.on_ice_candidate(move |candidate| {
            drop(found.send(json!({"candidate": {
                "candidate": candidate.candidate,
                "sdpMid": candidate.sdp_mid,
                "sdpMLineIndex": candidate.sdp_m_line_index,
                "usernameFragment": candidate.username_fragment,
            }})));
        });
        Ok(Self {
            page,
            peer,
            channels,
            candidates: Some(candidates),
            carries_from_page: false,
            to_page,
            from_page,
            tasks: JoinSet::new(),
        })
    }

    /// The browser offers, Rust answers; `echo`: what the browser sends comes back.
    ///
    /// # Errors
    ///
    /// What either side does not take.
    pub async fn browser_offers(&mut self, args: Value, echo: bool) -> anyhow::Result<()> {
        let offer = only(&text(self.page.call("offer", args).await?), self.from_page);
        let description = SessionDescription::offer(offer);
        let taken = self.peer.set_remote_description(description.clone()).await;
        taken.with_context(|| format!("taking the page's offer\n{}", description.sdp))?;
        self.carry_from_page();
        if echo {
            for transceiver in self.peer.transceivers() {
                if transceiver.direction() == Direction::RecvOnly {
                    transceiver.set_direction(Direction::SendRecv)?;
                    transceiver.set_streams(vec!["echo".to_owned()])?;
                    self.tasks.spawn(reflect(transceiver));
                }
            }
        }
        self.peer.set_local_description(None).await?;
        self.tell_page(SdpType::Answer).await?;
        self.carry_to_page();
        Ok(())
    }

    /// Rust offers, the browser answers.
    ///
    /// # Errors
    ///
    /// What either side does not take.
    pub async fn rust_offers(&mut self, options: OfferOptions) -> anyhow::Result<()> {
        let offer = self.peer.create_offer(options).await?;
        self.peer.set_local_description(offer).await?;
        self.tell_page(SdpType::Offer).await?;
        self.carry_to_page();
        let answer = only(&text(self.page.call("answer", json!({})).await?), self.from_page);
        let description = SessionDescription::answer(answer);
        let taken = self.peer.set_remote_description(description.clone()).await;
        taken.with_context(|| format!("taking the page's answer\n{}", description.sdp))?;
        self.carry_from_page();
        Ok(())
    }

    /// Sends back what this transceiver receives.
    pub fn echo(&mut self, transceiver: Transceiver) {
        self.tasks.spawn(reflect(transceiver));
    }

    async fn tell_page(&self, kind: SdpType) -> anyhow::Result<()> {
        let description = self.peer.local_description().context("a local description")?;
        let sdp = only(&description.sdp, self.to_page);
        let args = json!({"type": kind.as_str(), "sdp": sdp});
        self.page.call("setRemote", args).await?;
        Ok(())
    }

    /// Carries our candidates to the page, from when it has our description on.
    fn carry_to_page(&mut self) {
        let Some(mut candidates) = self.candidates.take() else { return };
        let (page, carries) = (self.page.clone(), self.to_page);
        self.tasks.spawn(async move {
            while let Some(candidate) = candidates.recv().await {
                if !is_carried(&candidate, carries) {
                    continue;
                }
                // One of a generation that the page does not know stands in the description too.
                let _ = page.call("addCandidate", candidate).await;
            }
        });
    }

    /// Carries the page's candidates to us, from when we have its description on.
    fn carry_from_page(&mut self) {
        if std::mem::replace(&mut self.carries_from_page, true) {
            return;
        }
        let (page, peer, carries) = (self.page.clone(), self.peer.clone(), self.from_page);
        self.tasks.spawn(async move {
            loop {
                if let Ok(event) = page.event("candidate").await
                    && is_carried(&event, carries)
                {
                    take_candidate(&peer, &event).await;
                }
            }
        });
    }

    /// Waits until both ends say that they are connected.
    ///
    /// # Errors
    ///
    /// When one of them does not within half a minute.
    pub async fn connected(&self) -> anyhow::Result<()> {
        patiently("the Rust peer to connect", async { Ok(self.peer.connected().await?) }).await?;
        patiently("the browser to connect", async {
            loop {
                let states = self.page.call("states", json!({})).await?;
                if at(&states, "connection") == "connected" {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
    }

    /// Makes a channel on our side.
    ///
    /// # Errors
    ///
    /// When the peer refuses it.
    pub async fn open(&self, label: &str, init: DataChannelInit) -> anyhow::Result<DataChannel> {
        Ok(self.peer.create_data_channel(label, init).await?)
    }

    /// Makes a channel on the page's side.
    ///
    /// # Errors
    ///
    /// When the page refuses it.
    pub async fn page_opens(&self, label: &str, options: Value) -> anyhow::Result<()> {
        self.page.call("createChannel", json!({"label": label, "options": options})).await?;
        Ok(())
    }

    /// The next channel that the page opened.
    ///
    /// # Errors
    ///
    /// When none comes within half a minute.
    pub async fn opened_by_page(&mut self) -> anyhow::Result<DataChannel> {
        let channels = &mut self.channels;
        patiently("a channel of the page", async {
            channels.recv().await.context("the connection is gone")
        })
        .await
    }

    /// Waits until our side is in that state.
    ///
    /// # Errors
    ///
    /// When it is not within half a minute.
    pub async fn becomes(&self, wanted: ConnectionState) -> anyhow::Result<()> {
        patiently(wanted.as_str(), async {
            while self.peer.connection_state() != wanted {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Ok(())
        })
        .await
    }
}

/// Waits for something, but not for ever.
///
/// # Errors
///
/// Its own, or that it took more than half a minute.
pub async fn patiently<T>(
    what: &str,
    wait: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(result) => result.with_context(|| format!("waiting for {what}")),
        Err(_) => bail!("waited {PATIENCE:?} for {what}"),
    }
}

/// The next event for which `wanted` gives something.
///
/// # Errors
///
/// When none comes within half a minute.
pub async fn event<T>(
    events: &mut Events,
    what: &str,
    mut wanted: impl FnMut(Event) -> Option<T>,
) -> anyhow::Result<T> {
    patiently(what, async {
        loop {
            let event = events.next().await.context("the connection is closed")?;
            if let Some(found) = wanted(event) {
                return Ok(found);
            }
        }
    })
    .await
}

/// Whether the candidate of an event is carried; the end of candidates always is.
fn is_carried(event: &Value, carries: Carries) -> bool {
    let text = at(at(event, "candidate"), "candidate").as_str().unwrap_or_default();
    text.is_empty() || carries(text)
}

/// A description with only those candidates that are carried.
fn only(sdp: &str, carries: Carries) -> String {
    let stays = |line: &&str| !line.starts_with("a=candidate:") || carries(line);
    sdp.split_inclusive('\n').filter(stays).collect()
}

async fn take_candidate(peer: &PeerConnection, event: &Value) {
    let parts = at(event, "candidate");
    let word = |name: &str| at(parts, name).as_str().map(str::to_owned);
    let candidate = antiphon::IceCandidate {
        candidate: word("candidate").unwrap_or_default(),
        sdp_mid: word("sdpMid"),
        sdp_m_line_index: at(parts, "sdpMLineIndex")
            .as_u64()
            .and_then(|index| u16::try_from(index).ok()),
        username_fragment: word("usernameFragment"),
    };
    // It may run ahead of the description that it belongs to.
    for _ in 0..40 {
        if peer.add_ice_candidate(candidate.clone()).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// Sends packets back, and passes requests for key frames on to their source.
async fn reflect(transceiver: Transceiver) {
    let (receiver, sender) = (transceiver.receiver(), transceiver.sender());
    loop {
        tokio::select! {
            packet = receiver.recv() => {
                let Some(packet) = packet else { return };
                // Before the connection sends, packets have nowhere to go.
                let _ = sender.send(RtpOutgoing {
                    payload_type: packet.payload_type,
                    marker: packet.marker,
                    timestamp: packet.timestamp,
                    payload: &packet.payload,
                });
            }
            open = sender.key_frame_requested() => {
                if !open {
                    return;
                }
                receiver.request_key_frame();
            }
        }
    }
}

/// What a page's object has under that name; null when nothing.
pub(crate) fn at<'a>(object: &'a Value, name: &str) -> &'a Value {
    object.get(name).unwrap_or(&Value::Null)
}

fn text(value: Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
