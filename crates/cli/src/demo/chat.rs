//! Text both ways: what the page writes is shown here and confirmed; lines typed here go there.

use std::sync::Arc;

use antiphon::{DataChannel, Message};
use serde::{Deserialize, Serialize};

use super::{Demo, printable};

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Line {
    Text {
        #[serde(default)]
        id: u64,
        text: String,
    },
    Arrived {
        id: u64,
    },
}

/// Reads a page's chat until it is closed.
pub(crate) async fn answer(demo: Arc<Demo>, mut channel: DataChannel) {
    say(&channel, "Hello from Rust. What you write appears on my terminal.".to_owned()).await;
    while let Some(message) = channel.recv().await {
        let Message::Text(text) = message else { continue };
        match serde_json::from_str(&text) {
            Ok(Line::Text { id, text }) => {
                demo.say(&format!("chat: {}", printable(&text)));
                send(&channel, &Line::Arrived { id }).await;
            }
            Ok(Line::Arrived { .. }) => {}
            Err(error) => tracing::warn!(%error, "the page's chat said something unknown"),
        }
    }
}

/// Writes a line into a page's chat.
pub(crate) async fn say(channel: &DataChannel, text: String) {
    send(channel, &Line::Text { id: 0, text }).await;
}

async fn send(channel: &DataChannel, line: &Line) {
    if let Ok(json) = serde_json::to_string(line)
        && let Err(error) = channel.send_text(json).await
    {
        tracing::debug!(%error, "the page's chat is closed");
    }
}
