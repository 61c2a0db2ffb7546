//! DTLS with browsers, over everything that WebRTC puts around it: what is negotiated, by both
//! ends' own account, and that data and media get through with the keys of it.

use std::time::{Duration, Instant};

use antiphon::crypto::NamedGroup;
use antiphon::peerconnection::{DtlsConnected, DtlsVersion, SrtpProfile};
use antiphon::{DataChannelInit, Kind, Message, OfferOptions, TransceiverInit};
use antiphon_interop::{BrowserKind, Call, missing, patiently};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

/// One call.
pub(crate) struct Scenario {
    pub(crate) browser: BrowserKind,
    /// What we speak.
    pub(crate) versions: Vec<DtlsVersion>,
    /// Lines of Firefox's `user.js`.
    pub(crate) preferences: &'static str,
    /// The side that offers is passive, the server: the answer to `actpass` is `active`.
    pub(crate) browser_offers: bool,
}

impl Scenario {
    /// The browser as it comes, and all that we speak.
    pub(crate) fn new(browser: BrowserKind, browser_offers: bool) -> Self {
        let versions = vec![DtlsVersion::Dtls13, DtlsVersion::Dtls12];
        Self { browser, versions, preferences: "", browser_offers }
    }

    /// Calls, and compares what both ends say with each other and with what is expected.
    pub(crate) async fn agrees_on(
        self,
        version: DtlsVersion,
        group: NamedGroup,
    ) -> anyhow::Result<()> {
        if !self.browser.is_installed() {
            missing(self.browser.program(), self.browser.program());
            return Ok(());
        }
        let role = if self.browser_offers { "server" } else { "client" };
        let (ours, theirs) = self.call().await?;
        assert_eq!((ours.version, ours.group), (version, group));
        let profile = match ours.srtp_profile.context("keys for media")? {
            SrtpProfile::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
            SrtpProfile::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
            SrtpProfile::Aes128CmSha1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
            other @ (SrtpProfile::Aes128CmSha1_32 | _) => {
                anyhow::bail!("{other:?} was not offered")
            }
        };
        assert_eq!(theirs["tlsVersion"], format!("{:04X}", version.to_wire()));
        assert_eq!(theirs["dtlsCipher"], ours.cipher_suite.name());
        assert_eq!(theirs["srtpCipher"], profile);
        assert_eq!(theirs["dtlsRole"], role);
        assert_eq!(theirs["dtlsState"], "connected");
        Ok(())
    }

    /// Calls and hangs up: our account, and the browser's statistics of its transport.
    async fn call(self) -> anyhow::Result<(DtlsConnected, Value)> {
        let mut config = antiphon::configuration();
        config.dtls_versions = self.versions;
        let mut call = Call::with(self.browser, config, self.preferences).await?;
        let sound = json!({
            "echoCancellation": false, "noiseSuppression": false, "autoGainControl": false,
        });
        call.page.call("addMedia", json!({"audio": sound, "video": false})).await?;
        let mut channel = if self.browser_offers {
            call.page_opens("data", json!({})).await?;
            call.browser_offers(json!({}), true).await?;
            call.connected().await?;
            call.opened_by_page().await?
        } else {
            let init =
                TransceiverInit { stream_ids: vec!["echo".to_owned()], ..Default::default() };
            let transceiver = call.peer.add_transceiver(Kind::Audio, init).await?;
            call.echo(transceiver);
            let channel = call.open("data", DataChannelInit::default()).await?;
            call.rust_offers(OfferOptions::default()).await?;
            call.connected().await?;
            channel.opened().await?;
            channel
        };
        channel.send_text("from Rust").await?;
        let heard = call.page.event_where("message", |event| event["label"] == "data").await?;
        ensure!(heard["text"] == "from Rust", "{heard}");
        call.page.call("sendText", json!({"label": "data", "text": "from the page"})).await?;
        let message =
            patiently("a message", async { channel.recv().await.context("the channel is closed") });
        ensure!(message.await? == Message::Text("from the page".to_owned()), "another message");
        media_comes_back(&call).await?;
        let ours = call.peer.stats().transport.dtls.context("DTLS is connected")?;
        let stats = call.page.call("stats", json!({})).await?;
        let transport = stats.as_array().into_iter().flatten().find(|s| s["type"] == "transport");
        let theirs = transport.cloned().context("the browser has a transport")?;
        eprintln!(
            "ours: {ours:?}\ntheirs: {} {} {} {}",
            theirs["tlsVersion"], theirs["dtlsCipher"], theirs["srtpCipher"], theirs["dtlsRole"]
        );
        Ok((ours, theirs))
    }
}

/// Waits until the browser has decrypted what it sent itself and we sent back.
async fn media_comes_back(call: &Call) -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        let stats = call.page.call("stats", json!({})).await?;
        let packets = stats.as_array().into_iter().flatten();
        let packets = packets.filter(|stat| stat["type"] == "inbound-rtp");
        if packets.filter_map(|stat| stat["packetsReceived"].as_u64()).any(|count| count >= 20) {
            return Ok(());
        }
        ensure!(begin.elapsed() < Duration::from_secs(20), "no media comes back: {stats}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
