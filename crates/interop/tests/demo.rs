//! `antiphon demo`, used as a person would, with Chromium.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a failed expectation is a failed test; the module is shared"
)]

mod web;

use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use antiphon_interop::missing;
use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use thirtyfour::{By, Key};
use web::{Chromium, Program};

/// The page in Chromium, connected; `None` where there is no Chromium.
async fn opened(arguments: &[&str], camera: bool) -> anyhow::Result<Option<(Program, Chromium)>> {
    if !web::is_installed() {
        missing("Chromium with its driver", "chromium chromium-driver");
        return Ok(None);
    }
    let program = Program::start(arguments)?;
    let chromium = Chromium::start(camera).await?;
    chromium.driver.goto(&program.url).await?;
    chromium.shows("state", "Connected", |text| text == "Connected").await?;
    Ok(Some((program, chromium)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_camera() -> anyhow::Result<()> {
    let Some((_program, page)) = opened(&[], true).await? else { return Ok(()) };
    call(&page, "camera and microphone").await?;
    chat(&page).await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("fifty megabytes, Größe.bin");
    let sha256 = random_file(&path, 50_000_000)?;
    send(&page, &path, &sha256).await?;
    fetch_back(&page, &sha256).await?;
    statistics(&page).await?;
    for (name, width, height) in [("desktop", 1280, 900), ("phone", 390, 844)] {
        for scheme in ["light", "dark"] {
            page.screen(width, height, scheme).await?;
            page.picture(&format!("{name}-{scheme}")).await?;
            page.fits().await?;
        }
    }
    hang_up_and_call_again(&page).await?;
    assert_eq!(page.complaints().await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_camera() -> anyhow::Result<()> {
    let Some((mut program, page)) = opened(&[], false).await? else { return Ok(()) };
    page.screen(390, 844, "light").await?;
    page.fits().await?;
    call(&page, "a drawing and a tone").await?;
    program.types("typed on the terminal")?;
    page.shows("chat-log", "the terminal's line", |text| text.contains("typed on the terminal"))
        .await?;
    page.picture("phone-drawing").await?;
    page.fits().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_keyboard_alone() -> anyhow::Result<()> {
    let Some((_program, page)) = opened(&[], true).await? else { return Ok(()) };
    let mut reached = Vec::new();
    for _ in 0..8 {
        page.driver.action_chain().send_keys(Key::Tab).perform().await?;
        let focus = page.run(
            "const e = document.activeElement;
             const seen = e.matches('.visually-hidden') ? e.parentElement : e;
             return [e.id || (e === document.body ? 'end' : e.textContent), getComputedStyle(seen).outlineStyle];",
        );
        let focus = focus.await?;
        if focus[0] == "end" {
            break;
        }
        assert_eq!(focus[1], "solid", "the focus on {} is not visible", focus[0]);
        reached.push(focus[0].as_str().unwrap_or_default().to_owned());
    }
    let order = ["call-start", "call-listen", "chat-log", "chat-text", "Send", "file-input"];
    assert_eq!(reached, order);
    page.picture("focus").await?;
    page.element("chat-text").await?.send_keys("by keyboard" + Key::Enter).await?;
    page.shows("chat-log", "the line", |text| text.contains("by keyboard")).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_say_what_to_do() -> anyhow::Result<()> {
    let Some((mut program, page)) = opened(&["--space", "0"], false).await? else {
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let empty = folder.path().join("empty");
    let sha256 = random_file(&empty, 0)?;
    send(&page, &empty, &sha256).await?;
    fetch_back(&page, &sha256).await?;
    let full = folder.path().join("too large");
    random_file(&full, 3_000_000)?;
    page.element("file-input").await?.send_keys(full.to_string_lossy()).await?;
    let said = page.shows("transfers", "a refusal", |text| text.contains("do not fit")).await?;
    assert!(said.contains("--space"), "{said}");
    page.picture("failure").await?;
    program.end()?;
    assert_eq!(std::fs::read_dir(program.folder.path())?.count(), 0, "files stay behind");
    let said = page.shows("notice", "that the program is gone", |text| !text.is_empty()).await?;
    assert!(said.contains("Start") && said.contains("reload"), "{said}");
    page.shows("state", "that it is over", |text| text == "Not connected").await?;
    page.element("chat-text").await?.send_keys("too late" + Key::Enter).await?;
    page.shows("notice", "that nothing was sent", |text| text.contains("not sent")).await?;
    page.picture("gone").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_webrtc() -> anyhow::Result<()> {
    let Some((program, page)) = opened(&[], false).await? else { return Ok(()) };
    let without = serde_json::json!({"source": "delete window.RTCPeerConnection"});
    page.driver.cdp().send_raw("Page.addScriptToEvaluateOnNewDocument", without).await?;
    page.driver.goto(&program.url).await?;
    page.shows("state", "that there is no connection", |text| text == "Not connected").await?;
    let said = page.text("notice").await?;
    anyhow::ensure!(said.contains("open the page in a current"), "{said}");
    anyhow::ensure!(!page.element("call-start").await?.is_enabled().await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_path() -> anyhow::Result<()> {
    let Some((program, page)) = opened(&[], false).await? else { return Ok(()) };
    // A firewall, as far as the page can tell: it learns no address of the program.
    let without = serde_json::json!({"source":
        "RTCPeerConnection.prototype.addIceCandidate = async () => {};
         const set = RTCPeerConnection.prototype.setRemoteDescription;
         RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
           return set.call(this, { type, sdp: sdp.replace(/a=candidate.*\\r\\n/g, '') });
         };
         const send = WebSocket.prototype.send;
         WebSocket.prototype.send = function (text) {
           if (text.includes('offer')) send.call(this, text.replace(/a=candidate.*?\\\\r\\\\n/g, ''));
         };"});
    page.driver.cdp().send_raw("Page.addScriptToEvaluateOnNewDocument", without).await?;
    page.driver.goto(&program.url).await?;
    page.shows("state", "that there is no path", |text| text == "Not connected").await?;
    let said = page.shows("notice", "what to do", |text| !text.is_empty()).await?;
    anyhow::ensure!(said.contains("firewall"), "{said}");
    Ok(())
}

/// Starts a call and sees pictures come back that change, and for how long they were under way.
async fn call(page: &Chromium, source: &str) -> anyhow::Result<()> {
    page.click("call-start").await?;
    page.shows("source-kind", source, |text| text.contains(source)).await?;
    let latency = page.shows("latency", "a latency", |text| text.ends_with(" ms")).await?;
    page.shows("frame-rate", "frames", |text| text.parse::<f64>().is_ok_and(|rate| rate > 5.0))
        .await?;
    let readback = "const context = document.createElement('canvas').getContext('2d');
        context.drawImage(document.getElementById('remote-video'), 0, 0, 64, 32);
        const { data } = context.getImageData(0, 0, 64, 32);
        return data.reduce((hash, byte) => (hash * 31 + byte) >>> 0, 7);";
    let first = page.run(readback).await?;
    let begin = Instant::now();
    while page.run(readback).await? == first {
        anyhow::ensure!(begin.elapsed() < Duration::from_secs(10), "the picture stands still");
    }
    let began = Instant::now();
    while page.run("return document.getElementById('sound-level').value").await?.as_f64()
        < Some(0.01)
    {
        anyhow::ensure!(began.elapsed() < Duration::from_secs(10), "no sound comes back");
    }
    let rate = page.text("frame-rate").await?;
    println!("call with {source}: there and back {latency}, {rate} frames per second");
    Ok(())
}

async fn hang_up_and_call_again(page: &Chromium) -> anyhow::Result<()> {
    for _ in 0..2 {
        page.click("call-stop").await?;
        page.shows("latency", "nothing", |text| text == "–").await?;
        call(page, "camera and microphone").await?;
    }
    Ok(())
}

async fn chat(page: &Chromium) -> anyhow::Result<()> {
    page.shows("chat-log", "the greeting", |text| text.contains("Hello from Rust")).await?;
    let line = "Grüße, don't <b>panic</b>";
    page.element("chat-text").await?.send_keys(line).await?;
    page.driver.find(By::Css("#chat-form button")).await?.click().await?;
    let begin = Instant::now();
    while page.driver.find(By::Css("#chat-log .mine.arrived")).await.is_err() {
        anyhow::ensure!(begin.elapsed() < Duration::from_secs(10), "the line is not confirmed");
    }
    anyhow::ensure!(page.text("chat-log").await?.contains(line));
    Ok(())
}

async fn send(page: &Chromium, path: &Path, sha256: &str) -> anyhow::Result<()> {
    let begin = Instant::now();
    page.element("file-input").await?.send_keys(path.to_string_lossy()).await?;
    let said = page.shows("transfers", "the hash", |text| text.contains("SHA-256")).await?;
    anyhow::ensure!(said.contains(sha256), "{said} instead of {sha256}");
    println!("sent in {:?}: {}", begin.elapsed(), said.replace('\n', " | "));
    Ok(())
}

async fn fetch_back(page: &Chromium, sha256: &str) -> anyhow::Result<()> {
    let begin = Instant::now();
    page.driver.find(By::Css("#transfers button")).await?.click().await?;
    let said = page
        .shows("transfers", "that it is back", |text| text.contains("Came back unchanged"))
        .await?;
    let first = said.lines().find(|line| line.contains("unchanged")).context("the line")?;
    anyhow::ensure!(first.contains(sha256), "{first} instead of {sha256}");
    println!("fetched in {:?}: {first}", begin.elapsed());
    Ok(())
}

/// The numbers of the charts move, from both ends.
async fn statistics(page: &Chromium) -> anyhow::Result<()> {
    for name in ["received", "sent", "rtt", "loss"] {
        let script = "return ['browser', 'rust'].map((who) =>
            parseFloat(document.querySelector(`#now-NAME .${who}`).textContent))"
            .replace("NAME", name);
        let first = page.run(&script).await?;
        let numbers: Vec<f64> = serde_json::from_value(first.clone())
            .with_context(|| format!("numbers in #now-{name}: {first}"))?;
        if name == "loss" {
            continue;
        }
        // Chromium rounds the round trip to milliseconds: on one machine that may be none.
        let least = if name == "rtt" { &numbers[1..] } else { &numbers[..] };
        assert!(least.iter().all(|number| *number > 0.0), "{name}: {numbers:?}");
        let begin = Instant::now();
        while page.run(&script).await? == first {
            anyhow::ensure!(begin.elapsed() < Duration::from_secs(20), "{name} stands still");
        }
    }
    anyhow::ensure!(page.text("path").await?.contains("DTLS 1."));
    Ok(())
}

/// A file that does not compress; returns its hash.
fn random_file(path: &Path, size: usize) -> anyhow::Result<String> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    let mut hash = Sha256::new();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut left = size;
    while left > 0 {
        let mut block = [0; 4096];
        for word in block.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        let part = &block[..left.min(block.len())];
        file.write_all(part)?;
        hash.update(part);
        left -= part.len();
    }
    file.flush()?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
