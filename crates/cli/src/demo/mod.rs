//! The demo: a page that is served from the program itself, and the peer that it calls.

mod chat;
mod echo;
mod files;
mod page;
mod peer;
mod report;

use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use axum::routing::get;
use clap::Args;
use indicatif::MultiProgress;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

use files::Shelf;

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
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 8420, bind: IpAddr::V4(Ipv4Addr::LOCALHOST) }
    }
}

/// What all pages share.
pub(crate) struct Demo {
    /// Lines typed on the terminal, for every page's chat.
    typed: broadcast::Sender<String>,
    /// Files that pages sent.
    shelf: Shelf,
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

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let demo = Arc::new(Demo {
        typed: broadcast::channel(64).0,
        shelf: Shelf::new()?,
        terminal: MultiProgress::new(),
    });
    let listener = listen(&options).await?;
    let address = listener.local_addr()?;
    announce(address);
    tokio::spawn(read_terminal(Arc::clone(&demo)));
    let router = Router::new()
        .route("/signal", get(signal))
        .fallback(page::file)
        .with_state(Arc::clone(&demo));
    axum::serve(listener, router)
        .with_graceful_shutdown(async {
            // Without a handler the default one ends the program just as well.
            let _ = tokio::signal::ctrl_c().await;
            std::process::exit(0);
        })
        .await?;
    Ok(())
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
    let url = if address.ip().is_loopback() || address.ip().is_unspecified() {
        format!("http://localhost:{}/", address.port())
    } else {
        format!("http://{address}/")
    };
    eprintln!("Open {url} in a browser. Lines typed here appear in its chat. Ctrl-C ends.");
    if std::io::stdout().is_terminal() {
        // A code that cannot be drawn is no loss: the address stands above.
        let _ = qr2term::print_qr(&url);
    }
}

async fn signal(State(demo): State<Arc<Demo>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(1 << 20).on_upgrade(|socket| peer::serve(demo, socket))
}

async fn read_terminal(demo: Arc<Demo>) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if !line.trim().is_empty() {
            // Without a page nobody listens.
            let _ = demo.typed.send(line);
        }
    }
}
