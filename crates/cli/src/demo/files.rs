//! Files from pages and back to them. `web/files.js` describes what is said on the channel.

use std::fmt::Write as _;
use std::sync::Arc;

use antiphon::{DataChannel, Message};
use anyhow::{Context as _, bail};
use bytes::BytesMut;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufWriter};

use super::shelf::Shelf;
use super::{Demo, printable};

/// Bytes in one message.
const CHUNK: usize = 64 << 10;
/// The sender is told how far the receiver is each time that many bytes have been taken.
const REPORT: u64 = 1 << 20;
/// How far the sender may be ahead of what the receiver says it has taken: a page cannot stop its
/// channel, so its memory is kept small in this way.
const WINDOW: u64 = 16 << 20;
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Control {
    File { name: String, size: u64 },
    End { sha256: String },
    Taken { bytes: u64 },
    Done { sha256: String, good: bool },
    Error { text: String },
}

/// Serves one channel: takes a file, or gives one back.
pub(crate) async fn serve(demo: Arc<Demo>, shelf: Arc<Shelf>, mut channel: DataChannel) {
    let label = channel.label().to_owned();
    let result = match label.strip_prefix("back:") {
        Some(name) => give(&demo, &shelf, &mut channel, name).await,
        None => take(&demo, &shelf, &mut channel).await,
    };
    if let Err(error) = result {
        demo.say(&format!("{}: {error:#}", printable(&label)));
        let _ = say(&channel, &Control::Error { text: format!("{error:#}") }).await;
    }
    // The page closes: it still has to read what was said last.
    while channel.recv().await.is_some() {}
}

async fn take(demo: &Demo, shelf: &Shelf, channel: &mut DataChannel) -> anyhow::Result<()> {
    let Control::File { name, size } = heard(channel).await? else {
        bail!("the page did not say which file it sends");
    };
    let place = shelf.place(size)?;
    let file = File::create(place.path()).await.context("the file cannot be written here")?;
    let mut file = BufWriter::with_capacity(1 << 20, file);
    let bar = bar(demo, &name, size, "from the page");
    let mut hash = Sha256::new();
    let (mut taken, mut reported) = (0, 0);
    let theirs = loop {
        match channel.recv().await.context("the page has gone")? {
            Message::Binary(bytes) => {
                taken += u64::try_from(bytes.len())?;
                if taken > size {
                    bail!("more bytes came than the {size} that were announced");
                }
                hash.update(&bytes);
                file.write_all(&bytes).await.context("the file cannot be written here")?;
                bar.set_position(taken);
            }
            Message::Text(text) => match serde_json::from_str(&text)? {
                Control::End { sha256 } => break sha256,
                other @ (Control::File { .. }
                | Control::Taken { .. }
                | Control::Done { .. }
                | Control::Error { .. }) => bail!("unexpected: {other:?}"),
            },
        }
        if taken - reported >= REPORT || taken == size {
            reported = taken;
            say(channel, &Control::Taken { bytes: taken }).await?;
        }
    };
    file.flush().await.context("the file cannot be written here")?;
    bar.finish_and_clear();
    let sha256 = hex(&hash.finalize());
    let good = taken == size && sha256 == theirs;
    demo.say(&format!(
        "received {} ({size} bytes), SHA-256 {sha256}{}",
        printable(&name),
        if good { "" } else { ": NOT what was sent" }
    ));
    if good {
        shelf.store(name, place)?;
    }
    say(channel, &Control::Done { sha256, good }).await
}

async fn give(
    demo: &Demo,
    shelf: &Shelf,
    channel: &mut DataChannel,
    name: &str,
) -> anyhow::Result<()> {
    let stored = shelf.find(name).context("there is no such file here; send it first")?;
    let mut file = File::open(stored.path()).await.context("the file cannot be read here")?;
    let size = stored.size();
    let bar = bar(demo, name, size, "to the page");
    say(channel, &Control::File { name: name.to_owned(), size }).await?;
    let mut hash = Sha256::new();
    let (mut sent, mut taken) = (0, 0);
    let mut chunk = BytesMut::new();
    loop {
        chunk.reserve(CHUNK);
        let read = (&mut file).take(u64::try_from(CHUNK)?).read_buf(&mut chunk).await?;
        if read == 0 {
            break;
        }
        let bytes = chunk.split().freeze();
        hash.update(&bytes);
        sent += u64::try_from(bytes.len())?;
        channel.send(bytes).await?;
        bar.set_position(sent);
        while sent - taken > WINDOW {
            match heard(channel).await? {
                Control::Taken { bytes } => taken = bytes.min(sent),
                other @ (Control::File { .. }
                | Control::End { .. }
                | Control::Done { .. }
                | Control::Error { .. }) => bail!("unexpected: {other:?}"),
            }
        }
    }
    say(channel, &Control::End { sha256: hex(&hash.finalize()) }).await?;
    loop {
        match heard(channel).await? {
            Control::Taken { .. } => {}
            Control::Done { good, .. } => {
                bar.finish_and_clear();
                let how = if good { "unchanged" } else { "CHANGED" };
                demo.say(&format!("{} went back, {how}", printable(name)));
                return Ok(());
            }
            other @ (Control::File { .. } | Control::End { .. } | Control::Error { .. }) => {
                bail!("unexpected: {other:?}")
            }
        }
    }
}

async fn heard(channel: &mut DataChannel) -> anyhow::Result<Control> {
    match channel.recv().await.context("the page has gone")? {
        Message::Text(text) => Ok(serde_json::from_str(&text)?),
        Message::Binary(bytes) => bail!("{} bytes where a word was expected", bytes.len()),
    }
}

async fn say(channel: &DataChannel, control: &Control) -> anyhow::Result<()> {
    Ok(channel.send_text(serde_json::to_string(control)?).await?)
}

fn bar(demo: &Demo, name: &str, size: u64, way: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(size).with_style(style).with_finish(ProgressFinish::AndClear);
    let bar = demo.terminal.add(bar);
    bar.set_message(format!("{} {way}", printable(name)));
    bar
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
