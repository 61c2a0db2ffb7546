//! A page opens a data channel, this program sends back what it hears.
//!
//! `cargo run -p antiphon --example browser_echo`, then open the address that it prints. With
//! `--once` it ends when the page has heard its echo.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]
#![allow(clippy::indexing_slicing, reason = "what a JSON value lacks is null")]

use antiphon::{Event, IceCandidate, PeerConnection, SessionDescription, configuration};
use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Html;
use axum::routing::get;
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let page = get(|| async { Html(include_str!("browser_echo.html")) });
    let signal = get(|upgrade: WebSocketUpgrade| async {
        upgrade.on_upgrade(|socket| async {
            match serve(socket).await {
                Ok(()) if std::env::args().any(|arg| arg == "--once") => std::process::exit(0),
                Ok(()) => {}
                Err(error) => eprintln!("{error:#}"),
            }
        })
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("http://localhost:{}/", listener.local_addr()?.port());
    Ok(axum::serve(listener, Router::new().route("/", page).route("/signal", signal)).await?)
}

/// Answers one page. Returns when the page has said goodbye.
async fn serve(mut socket: WebSocket) -> anyhow::Result<()> {
    let mut config = configuration();
    config.include_loopback = true;
    let connection = PeerConnection::new(config)?;
    let mut events = connection.events();
    loop {
        tokio::select! {
            message = socket.recv() => {
                let Some(Ok(Message::Text(text))) = message else { return Ok(()) };
                let said: Value = serde_json::from_str(&text)?;
                if let Some(sdp) = said["offer"].as_str() {
                    connection.set_remote_description(SessionDescription::offer(sdp)).await?;
                    connection.set_local_description(None).await?;
                    let answer = connection.local_description().map(|answer| answer.sdp);
                    socket.send(Message::Text(json!({"answer": answer}).to_string().into())).await?;
                } else if let Some(candidate) = said["candidate"].as_str() {
                    connection.add_ice_candidate(IceCandidate {
                        candidate: candidate.to_owned(),
                        sdp_m_line_index: Some(0),
                        ..Default::default()
                    }).await?;
                }
            }
            event = events.next() => match event {
                Some(Event::IceCandidate(found)) => {
                    let found = json!({"candidate": found.candidate, "sdpMLineIndex": 0});
                    socket.send(Message::Text(json!({"candidate": found}).to_string().into())).await?;
                }
                Some(Event::DataChannel(mut channel)) => {
                    tokio::spawn(async move {
                        while let Some(message) = channel.recv().await {
                            println!("heard {message:?}");
                            let _ = channel.send(message).await;
                        }
                    });
                }
                Some(_) => {}
                None => return Ok(()),
            },
        }
    }
}
