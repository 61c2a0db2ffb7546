//! What every browser has to do with us, whoever offers. Each function is one test; the files in
//! `tests/` run them per browser.

use std::time::Duration;

use antiphon::{
    ConnectionState, DataChannel, DataChannelInit, Kind, Message, OfferOptions, TransceiverInit,
};
use anyhow::{Context as _, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::call::at;
pub use crate::network::*;
use crate::{BrowserKind, Call, patiently};

/// Makes a test of every scenario, for one browser.
#[macro_export]
macro_rules! every_scenario {
    ($browser:expr) => {
        $crate::every_scenario! {
            $browser;
            data_only_browser_offers,
            data_only_rust_offers,
            media_browser_offers,
            media_rust_offers,
            ten_channels_of_every_mode,
            a_track_is_added_later,
            ice_restarts,
            closes_from_either_end,
            bulk_both_ways,
            relays_for_the_browser,
            relays_for_us,
            the_browser_hides_its_addresses,
            we_hide_our_addresses,
            over_tcp_to_us,
            ice_restarts_while_data_flows,
            we_are_lite,
        }
    };
    ($browser:expr; $($name:ident),+ $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() -> anyhow::Result<()> {
            if !$browser.is_installed() {
                $crate::missing($browser.program(), $browser.program());
                return Ok(());
            }
            use $crate::scenarios::*;
            $name($browser).await
        })+
    };
}

/// What a browser needs for a call with media. Its processing would take the returned beeps for an
/// echo, and cancel them.
fn media() -> Value {
    let sound = json!({
        "echoCancellation": false, "noiseSuppression": false, "autoGainControl": false,
    });
    json!({"audio": sound, "video": {"width": 640, "height": 360}})
}

pub(crate) async fn next(channel: &mut DataChannel) -> anyhow::Result<Message> {
    patiently("a message", async { channel.recv().await.context("the channel is closed") }).await
}

/// The page's next message on a channel.
async fn page_hears(call: &Call, label: &str) -> anyhow::Result<Value> {
    call.page.event_where("message", |event| at(event, "label") == label).await
}

/// Text and bytes both ways, empty messages too.
pub(crate) async fn converse(call: &Call, channel: &mut DataChannel) -> anyhow::Result<()> {
    let label = channel.label().to_owned();
    for text in ["Grüße aus Rust", ""] {
        channel.send_text(text).await?;
        ensure!(at(&page_hears(call, &label).await?, "text") == text, "text {text:?}");
        call.page.call("sendText", json!({"label": label, "text": text})).await?;
        ensure!(next(channel).await? == Message::Text(text.to_owned()), "text {text:?} back");
    }
    for bytes in [Bytes::from_static(&[0, 1, 254, 255]), Bytes::new()] {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        channel.send(bytes.clone()).await?;
        ensure!(at(&page_hears(call, &label).await?, "hex") == &hex, "bytes {hex}");
        call.page.call("sendHex", json!({"label": label, "hex": hex})).await?;
        ensure!(next(channel).await? == Message::Binary(bytes), "bytes {hex} back");
    }
    Ok(())
}

/// The browser offers a connection with nothing but data, and each side opens a channel.
///
/// # Errors
///
/// What went wrong.
pub async fn data_only_browser_offers(kind: BrowserKind) -> anyhow::Result<()> {
    let mut call = Call::new(kind).await?;
    call.page_opens("theirs", json!({})).await?;
    call.browser_offers(json!({}), false).await?;
    call.connected().await?;
    let mut theirs = call.opened_by_page().await?;
    ensure!(theirs.label() == "theirs", "label {}", theirs.label());
    converse(&call, &mut theirs).await?;
    let mut ours = call.open("ours", DataChannelInit::default()).await?;
    ours.opened().await?;
    call.page.event_where("channelOpen", |event| at(event, "label") == "ours").await?;
    converse(&call, &mut ours).await
}

/// Rust offers a connection with nothing but data.
///
/// # Errors
///
/// What went wrong.
pub async fn data_only_rust_offers(kind: BrowserKind) -> anyhow::Result<()> {
    let mut call = Call::new(kind).await?;
    let mut ours = call.open("ours", DataChannelInit::default()).await?;
    call.rust_offers(OfferOptions::default()).await?;
    call.connected().await?;
    ours.opened().await?;
    converse(&call, &mut ours).await
}

/// The returned picture moves and the returned sound is not silence.
async fn media_comes_back(call: &Call) -> anyhow::Result<()> {
    patiently("moving pictures", async {
        loop {
            let seen = call.page.call("watchVideo", json!({"ms": 1000})).await?;
            if at(&seen, "changed").as_u64() >= Some(5) && at(&seen, "width").as_u64() >= Some(100)
            {
                return Ok(());
            }
        }
    })
    .await?;
    patiently("sound", async {
        while call.page.call("audioEnergy", json!({})).await?.as_f64() <= Some(0.0) {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    })
    .await
}

/// The browser offers audio, video and data; its media comes back.
///
/// # Errors
///
/// What went wrong.
pub async fn media_browser_offers(kind: BrowserKind) -> anyhow::Result<()> {
    let mut call = Call::new(kind).await?;
    call.page.call("addMedia", media()).await?;
    call.page_opens("data", json!({})).await?;
    call.browser_offers(json!({}), true).await?;
    call.connected().await?;
    media_comes_back(&call).await?;
    let mut channel = call.opened_by_page().await?;
    converse(&call, &mut channel).await
}

/// Rust offers audio, video and data; the browser's media comes back.
///
/// # Errors
///
/// What went wrong.
pub async fn media_rust_offers(kind: BrowserKind) -> anyhow::Result<()> {
    let mut call = Call::new(kind).await?;
    // Tracks that are there before the offer comes meet its sections.
    call.page.call("addMedia", media()).await?;
    for kind in [Kind::Audio, Kind::Video] {
        let init = TransceiverInit { stream_ids: vec!["echo".to_owned()], ..Default::default() };
        let transceiver = call.peer.add_transceiver(kind, init).await?;
        call.echo(transceiver);
    }
    let mut channel = call.open("data", DataChannelInit::default()).await?;
    call.rust_offers(OfferOptions::default()).await?;
    call.connected().await?;
    media_comes_back(&call).await?;
    channel.opened().await?;
    converse(&call, &mut channel).await
}

/// Every kind of channel that there is.
fn every_mode() -> Vec<(String, DataChannelInit, Value)> {
    let mut modes = Vec::new();
    for ordered in [true, false] {
        let limits: [(Option<u16>, Option<u64>); 5] =
            [(None, None), (Some(0), None), (Some(3), None), (None, Some(100)), (None, Some(5000))];
        for (retransmits, life_time) in limits {
            let init = DataChannelInit {
                ordered,
                max_retransmits: retransmits,
                max_packet_life_time: life_time.map(Duration::from_millis),
                ..Default::default()
            };
            let options = match (retransmits, life_time) {
                (Some(times), _) => json!({"ordered": ordered, "maxRetransmits": times}),
                (None, Some(time)) => json!({"ordered": ordered, "maxPacketLifeTime": time}),
                (None, None) => json!({"ordered": ordered}),
            };
            modes.push((format!("{ordered} {retransmits:?} {life_time:?}"), init, options));
        }
    }
    modes
}

/// Ten channels at once, of every reliability, opened by each side.
///
/// # Errors
///
/// What went wrong.
pub async fn ten_channels_of_every_mode(kind: BrowserKind) -> anyhow::Result<()> {
    let mut call = Call::new(kind).await?;
    let mut channels = Vec::new();
    for (label, _, options) in every_mode() {
        call.page_opens(&format!("page {label}"), options).await?;
    }
    call.browser_offers(json!({}), false).await?;
    call.connected().await?;
    for _ in every_mode() {
        let channel = call.opened_by_page().await?;
        let (_, expected, _) = every_mode()
            .into_iter()
            .find(|(label, ..)| channel.label() == format!("page {label}"))
            .context("an unknown label")?;
        // Each browser has a priority of its own for channels that nobody gave one.
        let expected = DataChannelInit { priority: channel.init().priority, ..expected };
        ensure!(channel.init() == expected, "{:?} is not {expected:?}", channel.init());
        channels.push(channel);
    }
    for (label, init, _) in every_mode() {
        let channel = call.open(&format!("rust {label}"), init.clone()).await?;
        channel.opened().await?;
        let told = call.page.event_where("channel", |e| at(e, "label") == channel.label()).await?;
        ensure!(at(&told, "ordered") == init.ordered, "{told}");
        ensure!(
            at(&told, "maxRetransmits").as_u64() == init.max_retransmits.map(u64::from),
            "{told}"
        );
        channels.push(channel);
    }
    for channel in &mut channels {
        converse(&call, channel).await.with_context(|| channel.label().to_owned())?;
    }
    Ok(())
}

/// A connection for data gets video later, and goes on meanwhile.
///
/// # Errors
///
/// What went wrong.
pub async fn a_track_is_added_later(kind: BrowserKind) -> anyhow::Result<()> {
    let mut call = Call::new(kind).await?;
    call.page_opens("data", json!({})).await?;
    call.browser_offers(json!({}), false).await?;
    call.connected().await?;
    let mut channel = call.opened_by_page().await?;
    converse(&call, &mut channel).await?;
    call.page.call("addMedia", media()).await?;
    call.browser_offers(json!({}), true).await?;
    media_comes_back(&call).await?;
    converse(&call, &mut channel).await
}

/// Either side restarts ICE; the channel goes on.
///
/// # Errors
///
/// What went wrong.
pub async fn ice_restarts(kind: BrowserKind) -> anyhow::Result<()> {
    let mut call = Call::new(kind).await?;
    call.page_opens("data", json!({})).await?;
    call.browser_offers(json!({}), false).await?;
    call.connected().await?;
    let mut channel = call.opened_by_page().await?;
    converse(&call, &mut channel).await?;
    let ufrag = |call: &Call| -> Option<String> {
        let sdp = call.peer.local_description()?.sdp;
        Some(sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"))?.to_owned())
    };
    let first = ufrag(&call);
    call.browser_offers(json!({"iceRestart": true}), false).await?;
    call.connected().await?;
    converse(&call, &mut channel).await.context("after the browser's restart")?;
    let second = ufrag(&call);
    ensure!(first != second, "the restart made no new credentials");
    call.rust_offers(OfferOptions { ice_restart: true }).await?;
    call.connected().await?;
    converse(&call, &mut channel).await.context("after our restart")?;
    ensure!(second != ufrag(&call), "our restart made no new credentials");
    Ok(())
}

/// Channels and the connection are closed from either end, and the other end notices.
///
/// # Errors
///
/// What went wrong.
pub async fn closes_from_either_end(kind: BrowserKind) -> anyhow::Result<()> {
    the_page_closes(kind).await?;
    we_close(kind).await
}

async fn the_page_closes(kind: BrowserKind) -> anyhow::Result<()> {
    let mut call = Call::new(kind).await?;
    for label in ["one", "two"] {
        call.page_opens(label, json!({})).await?;
    }
    call.browser_offers(json!({}), false).await?;
    call.connected().await?;
    let mut first = call.opened_by_page().await?;
    let second = call.opened_by_page().await?;
    let label = first.label().to_owned();
    call.page.call("closeChannel", json!({"label": label})).await?;
    let end = patiently("our end to close", async { Ok(first.recv().await) }).await?;
    ensure!(end.is_none(), "{end:?} on a closed channel");
    ends("our channel to close", second.close()).await?;
    call.page.event_where("channelClose", |e| at(e, "label") == second.label()).await?;
    call.page.call("close", json!({})).await?;
    call.becomes(ConnectionState::Closed).await
}

async fn we_close(kind: BrowserKind) -> anyhow::Result<()> {
    let mut call = Call::new(kind).await?;
    call.page_opens("data", json!({})).await?;
    call.browser_offers(json!({}), false).await?;
    call.connected().await?;
    // Held, so that not its end but the connection's closes the page's end.
    let _channel = call.opened_by_page().await?;
    ends("our close", call.peer.close()).await?;
    call.page.event_where("channelClose", |e| at(e, "label") == "data").await?;
    Ok(())
}

/// [`patiently`], for what has no result.
async fn ends(what: &str, wait: impl Future<Output = ()>) -> anyhow::Result<()> {
    let wait = async {
        wait.await;
        Ok(())
    };
    patiently(what, wait).await
}

/// Fifty megabytes each way, with equal hashes.
///
/// # Errors
///
/// What went wrong.
pub async fn bulk_both_ways(kind: BrowserKind) -> anyhow::Result<()> {
    const SIZE: usize = 50_000_000;
    let mut call = Call::new(kind).await?;
    call.page_opens("bulk", json!({})).await?;
    call.browser_offers(json!({}), false).await?;
    call.connected().await?;
    let mut channel = call.opened_by_page().await?;
    let page = call.page.clone();
    let sending =
        tokio::spawn(
            async move { page.call("sendBulk", json!({"label": "bulk", "size": SIZE})).await },
        );
    let mut hash = Sha256::new();
    let mut got = 0;
    while got < SIZE {
        let bytes = next(&mut channel).await?.into_bytes();
        got += bytes.len();
        hash.update(&bytes);
    }
    ensure!(sending.await?? == hex(hash), "what came differs");

    call.page.call("collect", json!({"label": "bulk"})).await?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 65_536];
    let mut state = 1_u32;
    let mut sent = 0;
    while sent < SIZE {
        for byte in &mut block {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = state.to_be_bytes()[0];
        }
        block.truncate(SIZE - sent);
        hash.update(&block);
        channel.send(block.clone()).await?;
        sent += block.len();
    }
    let theirs = call.page.call("bulkReceived", json!({"label": "bulk", "size": SIZE})).await?;
    ensure!(theirs == hex(hash), "what went differs");
    Ok(())
}

pub(crate) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
