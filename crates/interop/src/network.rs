//! Scenarios of the network between a browser and us: relays, hidden addresses, TCP, restarts.

use antiphon::{DataChannelInit, IceServer, Mdns, OfferOptions, TransportPolicy};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::call::at;
use crate::relay::{PASSWORD, Relay, USER};
use crate::scenarios::{converse, hex, next};
use crate::{BrowserKind, BrowserOptions, Call, CallOptions};

/// Each side opens a channel, and both talk. `offers`: the browser offers.
async fn talk(call: &mut Call, offers: bool) -> anyhow::Result<()> {
    if offers {
        call.page_opens("theirs", json!({})).await?;
        call.browser_offers(json!({}), false).await?;
        call.connected().await?;
        let mut channel = call.opened_by_page().await?;
        converse(call, &mut channel).await
    } else {
        let mut channel = call.open("ours", DataChannelInit::default()).await?;
        call.rust_offers(OfferOptions::default()).await?;
        call.connected().await?;
        channel.opened().await?;
        converse(call, &mut channel).await
    }
}

/// A candidate of the pair that the page uses: `local` or `remote`.
async fn used(call: &Call, side: &str) -> anyhow::Result<Value> {
    let pair = call.page.call("selected", json!({})).await?;
    let candidate = at(&pair, side).clone();
    ensure!(candidate.is_object(), "no {side} candidate: {pair}");
    Ok(candidate)
}

fn is_of(candidate: &str, kind: &str) -> bool {
    candidate.contains(&format!(" typ {kind}"))
}

/// The browser reaches us only through our TURN server: over UDP, TCP and, where it can be made to
/// trust the server, TLS.
///
/// # Errors
///
/// What went wrong.
pub async fn relays_for_the_browser(kind: BrowserKind) -> anyhow::Result<()> {
    let relay = Relay::start()?;
    for (transport, offers) in [("udp", true), ("tcp", false), ("tls", true)] {
        // Nothing makes Firefox take a certificate of a TURN server that no authority signed.
        if transport == "tls" && kind == BrowserKind::Firefox {
            continue;
        }
        let server = json!({
            "urls": relay.url(transport)?, "username": USER, "credential": PASSWORD,
        });
        let options = CallOptions {
            browser: BrowserOptions { trusts_everybody: true, ..BrowserOptions::default() },
            page: json!({"iceServers": [server], "iceTransportPolicy": "relay"}),
            from_page: |candidate| is_of(candidate, "relay"),
            ..CallOptions::default()
        };
        let mut call = Call::with_options(kind, options).await?;
        talk(&mut call, offers).await.with_context(|| format!("over {transport}"))?;
        let local = used(&call, "local").await?;
        // Chromium calls the relay's address by how our answer first showed it.
        let kind = at(&local, "candidateType");
        ensure!(kind == "relay" || kind == "prflx", "{transport}: {local}");
        ensure!(at(&local, "relayProtocol") == transport, "{transport}: {local}");
    }
    Ok(())
}

/// We reach the browser only through our TURN server: over UDP, TCP and TLS.
///
/// # Errors
///
/// What went wrong.
pub async fn relays_for_us(kind: BrowserKind) -> anyhow::Result<()> {
    let relay = Relay::start()?;
    for (transport, offers) in [("udp", false), ("tcp", true), ("tls", false)] {
        let mut options = CallOptions::default();
        let url = relay.url(transport)?;
        options.peer.ice_servers.push(IceServer::with_credentials(url, USER, PASSWORD));
        options.peer.ice_transport_policy = TransportPolicy::Relay;
        options.peer.trusted_certificates.push(relay.certificate());
        let mut call = Call::with_options(kind, options).await?;
        let talked = talk(&mut call, offers).await;
        talked.with_context(|| format!("over {transport}: {}", call.peer.diagnose()))?;
        let sdp = call.peer.local_description().context("a description")?.sdp;
        let candidates: Vec<&str> =
            sdp.lines().filter(|line| line.starts_with("a=candidate:")).collect();
        ensure!(!candidates.is_empty(), "no candidate over {transport}");
        ensure!(candidates.iter().all(|line| is_of(line, "relay")), "{candidates:?}");
        // The page may have met us by our checks before it was told of the relay.
        let remote = used(&call, "remote").await?;
        let port = at(&remote, "port").as_u64().unwrap_or_default();
        ensure!((20_000..30_000).contains(&port), "{transport}: {remote}");
    }
    Ok(())
}

/// The browser's addresses are names, and it is told none of ours: we resolve its names.
///
/// # Errors
///
/// What went wrong.
pub async fn the_browser_hides_its_addresses(kind: BrowserKind) -> anyhow::Result<()> {
    for offers in [true, false] {
        let options = CallOptions {
            browser: BrowserOptions { hides_addresses: true, ..BrowserOptions::default() },
            to_page: |_| false,
            from_page: |candidate| candidate.contains(".local "),
            ..CallOptions::default()
        };
        let mut call = Call::with_options(kind, options).await?;
        let talked = talk(&mut call, offers).await;
        talked.with_context(|| format!("{}", call.peer.diagnose()))?;
        let sdp = call.peer.remote_description().context("a description")?.sdp;
        ensure!(sdp.contains(".local "), "no names in\n{sdp}");
    }
    Ok(())
}

/// Our addresses are names, and we are told none of the browser's: it resolves our names.
///
/// # Errors
///
/// What went wrong.
pub async fn we_hide_our_addresses(kind: BrowserKind) -> anyhow::Result<()> {
    for offers in [true, false] {
        let mut options = CallOptions {
            // Firefox looks up names only where it hides its own addresses.
            browser: BrowserOptions { hides_addresses: true, ..BrowserOptions::default() },
            from_page: |_| false,
            to_page: |candidate| candidate.contains(".local "),
            ..CallOptions::default()
        };
        options.peer.mdns = Mdns::Hide;
        options.peer.include_loopback = false;
        let mut call = Call::with_options(kind, options).await?;
        talk(&mut call, offers).await?;
        let sdp = call.peer.local_description().context("a description")?.sdp;
        let mut candidates = sdp.lines().filter(|line| line.starts_with("a=candidate:"));
        ensure!(candidates.all(|line| line.contains(".local ")), "an address in\n{sdp}");
    }
    Ok(())
}

/// UDP is not told of: the browser connects to us over TCP.
///
/// # Errors
///
/// What went wrong.
pub async fn over_tcp_to_us(kind: BrowserKind) -> anyhow::Result<()> {
    for offers in [true, false] {
        let mut options = CallOptions {
            to_page: |candidate| candidate.contains("tcptype passive"),
            from_page: |candidate| candidate.contains("tcptype"),
            ..CallOptions::default()
        };
        options.peer.ice_tcp = true;
        let mut call = Call::with_options(kind, options).await?;
        let talked = talk(&mut call, offers).await;
        talked.with_context(|| format!("{}", call.peer.diagnose()))?;
        let remote = used(&call, "remote").await?;
        ensure!(at(&remote, "protocol") == "tcp", "{remote}");
    }
    Ok(())
}

/// Both sides restart ICE while megabytes go both ways; nothing is lost, and all is in order.
///
/// # Errors
///
/// What went wrong.
pub async fn ice_restarts_while_data_flows(kind: BrowserKind) -> anyhow::Result<()> {
    const SIZE: usize = 20_000_000;
    let mut call = Call::new(kind).await?;
    for label in ["theirs", "ours"] {
        call.page_opens(label, json!({})).await?;
    }
    call.browser_offers(json!({}), false).await?;
    call.connected().await?;
    let (one, two) = (call.opened_by_page().await?, call.opened_by_page().await?);
    let (mut theirs, ours) = if one.label() == "theirs" { (one, two) } else { (two, one) };

    call.page.call("collect", json!({"label": "ours"})).await?;
    let sent = tokio::spawn(async move {
        let mut hash = Sha256::new();
        for number in 0..SIZE / 20_000 {
            let block = vec![u8::try_from(number % 251)?; 20_000];
            hash.update(&block);
            ours.send(block).await?;
        }
        // Held, so that the channel stays.
        anyhow::Ok((hex(hash), ours))
    });
    let got = tokio::spawn(async move {
        let mut hash = Sha256::new();
        let mut count = 0;
        while count < SIZE {
            let bytes = next(&mut theirs).await?.into_bytes();
            count += bytes.len();
            hash.update(&bytes);
        }
        ensure!(count == SIZE, "{count} bytes");
        Ok((hex(hash), theirs))
    });
    let page = call.page.clone();
    let page_sent = tokio::spawn(async move {
        page.call("sendBulk", json!({"label": "theirs", "size": SIZE})).await
    });
    call.browser_offers(json!({"iceRestart": true}), false).await?;
    call.connected().await?;
    call.rust_offers(OfferOptions { ice_restart: true }).await?;
    call.connected().await?;
    ensure!(!(got.is_finished() && sent.is_finished()), "all was there before the restarts");
    let (got, _theirs) = got.await??;
    ensure!(page_sent.await?? == got, "what came differs");
    let (sent, _ours) = sent.await??;
    let received = call.page.call("bulkReceived", json!({"label": "ours", "size": SIZE})).await?;
    ensure!(received == sent, "what went differs");
    Ok(())
}

/// We are a lite agent, which only answers: the browser controls, whoever offers.
///
/// # Errors
///
/// What went wrong.
pub async fn we_are_lite(kind: BrowserKind) -> anyhow::Result<()> {
    for offers in [true, false] {
        let mut options = CallOptions::default();
        options.peer.ice_lite = true;
        let mut call = Call::with_options(kind, options).await?;
        let talked = talk(&mut call, offers).await;
        talked.with_context(|| format!("{}", call.peer.diagnose()))?;
        let sdp = call.peer.local_description().context("a description")?.sdp;
        ensure!(sdp.contains("a=ice-lite"), "not lite:\n{sdp}");
    }
    Ok(())
}
