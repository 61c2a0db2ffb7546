//! The demo: a page that is served from the program itself, and the peer that it calls.

mod chat;
mod echo;
mod files;
mod page;
mod peer;
mod report;
mod shelf;

use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use clap::Args;
use indicatif::MultiProgress;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, broadcast};

use shelf::Storage;

/// How many pages may be connected.
const MAX_PAGES: usize = 32;
/// The longest message that a page may send over its WebSocket, in bytes.
const MAX_SIGNAL: usize = 256 << 10;
/// The longest line that is read from the terminal, in bytes.
const MAX_LINE: u64 = 16 << 10;

/// How the demo is served.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// The port of the page; 0 takes any that is free.
    #[arg(long, default_value_t = Options::default().port)]
    port: u16,
    /// The address to serve the page on. Browsers give a page their camera only on localhost or
    /// over TLS, so other devices get the drawn picture and the tone.
    #[arg(long, default_value_t = Options::default().bind)]
    bind: IpAddr,
    /// How much disk the files of all pages may take together, in GiB. They are removed when their
    /// page is closed, and when the program ends.
    #[arg(long, value_name = "GIB", default_value_t = Options::default().space)]
    space: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 8420, bind: IpAddr::V4(Ipv4Addr::LOCALHOST), space: 16 }
    }
}

/// What all pages share.
pub(crate) struct Demo {
    /// Lines typed on the terminal, for every page's chat.
    typed: broadcast::Sender<String>,
    /// Where files of pages lie.
    storage: Arc<Storage>,
    /// One permit for each page.
    room: Arc<Semaphore>,
    /// The terminal's progress bars; other output goes between them.
    terminal: MultiProgress,
}

impl Demo {
    /// Prints a line, above the progress bars if there are any.
    fn say(&self, line: &str) {
        // Nothing can be done about a terminal that does not take a line.
        if self.terminal.println(line).is_err() || !std::io::stderr().is_terminal() {
            eprintln!("{line}");
        }
    }
}

/// A page's text, without what could command the terminal.
fn printable(text: &str) -> String {
    let mut shown = String::new();
    for (at, character) in text.chars().enumerate() {
        match character {
            _ if at == 1000 => {
                shown.push('…');
                break;
            }
            '\'' | '"' | '\\' => shown.push(character),
            other => shown.extend(other.escape_debug()),
        }
    }
    shown
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new()
        .prefix("antiphon-")
        .tempdir()
        .context("there is no folder for received files")?;
    let limit = u64::from(options.space) << 30;
    let demo = Arc::new(Demo {
        typed: broadcast::channel(64).0,
        storage: Arc::new(Storage::new(folder.path().to_owned(), limit)),
        room: Arc::new(Semaphore::new(MAX_PAGES)),
        terminal: MultiProgress::new(),
    });
    let listener = listen(&options).await?;
    announce(listener.local_addr()?);
    tokio::spawn(read_terminal(Arc::clone(&demo)));
    let result = tokio::select! {
        result = async { axum::serve(listener, router(demo)).await } => result,
        () = asked_to_end() => Ok(()),
    };
    // The pages' files must not outlive the program.
    let _ = folder.close();
    result.context("the page cannot be served any longer")
}

fn router(demo: Arc<Demo>) -> Router {
    Router::new().route("/signal", get(signal)).fallback(page::file).with_state(demo)
}

/// Waits for Ctrl-C, and where there are such things, for the signals that end a program.
async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut terminate), Ok(mut hang_up)) =
            (signal(SignalKind::terminate()), signal(SignalKind::hangup()))
        {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Takes the port that was asked for, or the next free one when it is the default that is taken.
async fn listen(options: &Options) -> anyhow::Result<TcpListener> {
    match TcpListener::bind((options.bind, options.port)).await {
        Ok(listener) => Ok(listener),
        Err(_) if options.port == Options::default().port => {
            Ok(TcpListener::bind((options.bind, 0)).await?)
        }
        Err(error) => Err(error).with_context(|| {
            format!(
                "port {} of {} cannot be used; try another one with --port",
                options.port, options.bind
            )
        }),
    }
}

fn announce(address: SocketAddr) {
    let port = address.port();
    eprintln!("Open {} in a browser on this computer.", url(address.ip(), port));
    let elsewhere = match address.ip() {
        ip if ip.is_unspecified() => own_address(ip),
        ip => Some(ip).filter(|ip| !ip.is_loopback()),
    };
    if let Some(ip) = elsewhere {
        let url = url(ip, port);
        eprintln!("Other devices: {url}");
        if std::io::stdout().is_terminal() {
            // A code that cannot be drawn is no loss: the address stands above.
            let _ = qr2term::print_qr(&url);
        }
    }
    eprintln!("Lines typed here appear in the page's chat. Ctrl-C ends.");
}

/// A page has a camera only where its address is safe: over plain HTTP, that is `localhost`.
fn url(ip: IpAddr, port: u16) -> String {
    if ip.is_loopback() || ip.is_unspecified() {
        format!("http://localhost:{port}/")
    } else {
        format!("http://{}/", SocketAddr::new(ip, port))
    }
}

/// The address that other devices see: the one that a datagram to far away would have.
fn own_address(unspecified: IpAddr) -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind((unspecified, 0)).ok()?;
    // Nothing is sent: this only asks for the route to an address of documentation (RFC 5737).
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip().to_canonical())
}

async fn signal(
    State(demo): State<Arc<Demo>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !is_own_page(&headers) {
        let text = "Only the page of this program may connect. Open its own address.";
        return (StatusCode::FORBIDDEN, text).into_response();
    }
    upgrade
        .max_message_size(MAX_SIGNAL)
        .max_frame_size(MAX_SIGNAL)
        .on_upgrade(|socket| peer::serve(demo, socket))
}

/// Whether our page asks, and not that of a stranger which the same browser shows.
fn is_own_page(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let origin = origin.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    origin.split_once("://").is_some_and(|(_, from)| from == host)
}

async fn read_terminal(demo: Arc<Demo>) {
    let mut terminal = BufReader::new(tokio::io::stdin());
    loop {
        let mut line = Vec::new();
        let read = (&mut terminal).take(MAX_LINE).read_until(b'\n', &mut line).await;
        if !read.is_ok_and(|bytes| bytes > 0) {
            return;
        }
        let line = String::from_utf8_lossy(&line).trim().to_owned();
        if !line.is_empty() {
            // Without a page nobody listens.
            let _ = demo.typed.send(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack: escape sequences for the terminal in a chat line or a file's name.
    #[test]
    fn a_page_cannot_command_the_terminal() {
        assert_eq!(printable("don't \u{1b}[2J\r\n"), "don't \\u{1b}[2J\\r\\n");
        assert_eq!(printable("Grüße, 你好 👋"), "Grüße, 你好 👋");
        assert_eq!(printable(&"a".repeat(5000)).chars().count(), 1001);
    }

    // attack: a stranger's page in the same browser connects to the demo on localhost.
    #[test]
    fn only_our_own_page_may_connect() {
        let from = |origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "localhost:8420".parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            is_own_page(&headers)
        };
        assert!(from(Some("http://localhost:8420")));
        assert!(from(None), "a program, not a browser");
        for origin in ["https://example.org", "http://localhost", "null", ""] {
            assert!(!from(Some(origin)), "{origin}");
        }
    }
}
