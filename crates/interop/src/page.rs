use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Html;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::{Browser, BrowserKind, BrowserOptions};

/// How long a browser may take for any one thing.
const PATIENCE: Duration = Duration::from_secs(60);

/// A page in a browser, under the test's control. `page/remote.js` lists the commands and events.
///
/// Clones control the same page; events go to whoever waits first.
#[derive(Clone, Debug)]
pub struct Page(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    next: AtomicU64,
    link: Link,
    server: JoinHandle<()>,
    _browser: Browser,
}

/// What the WebSocket's task and the test share.
#[derive(Clone, Debug)]
struct Link {
    commands: mpsc::UnboundedSender<String>,
    answers: Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>,
    /// Events that nobody took yet, oldest first.
    events: Arc<Mutex<Vec<Value>>>,
    arrived: Arc<Notify>,
}

#[derive(Clone)]
struct Served {
    link: Link,
    outgoing: Arc<Mutex<Option<mpsc::UnboundedReceiver<String>>>>,
}

impl Page {
    /// Serves the page on loopback, opens it in a browser and waits until it is ready.
    ///
    /// # Errors
    ///
    /// When the browser does not start or does not load the page within a minute.
    pub async fn open(kind: BrowserKind, options: &BrowserOptions) -> anyhow::Result<Self> {
        let (commands, outgoing) = mpsc::unbounded_channel();
        let link = Link {
            commands,
            answers: Arc::default(),
            events: Arc::default(),
            arrived: Arc::default(),
        };
        let served = Served { link: link.clone(), outgoing: Arc::new(Mutex::new(Some(outgoing))) };
        let script = ([("content-type", "text/javascript")], include_str!("../page/remote.js"));
        let router = Router::new()
            .route("/", get(|| async { Html(include_str!("../page/index.html")) }))
            .route("/remote.js", get(move || async move { script }))
            .route("/control", get(control))
            .with_state(served);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        // `localhost` is a secure context, so that the page gets a camera.
        let url = format!("http://localhost:{}/", listener.local_addr()?.port());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let page = Self(Arc::new(Inner {
            next: AtomicU64::new(1),
            link,
            server,
            _browser: Browser::open_with(kind, &url, options)?,
        }));
        page.event("ready").await.context("the browser did not load the page")?;
        Ok(page)
    }

    /// Runs one of the page's commands and returns its result.
    ///
    /// # Errors
    ///
    /// What the page threw, or that it did not answer within a minute.
    pub async fn call(&self, name: &str, args: Value) -> anyhow::Result<Value> {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        self.0.link.answers.lock().await.insert(id, answer);
        self.0.link.commands.send(json!({"id": id, "name": name, "args": args}).to_string())?;
        let answer = tokio::time::timeout(PATIENCE, answered)
            .await
            .with_context(|| format!("the page did not answer {name}"))??;
        match answer.get("error") {
            Some(error) => Err(anyhow!("the page failed: {error}")),
            None => Ok(answer.get("result").cloned().unwrap_or_default()),
        }
    }

    /// The next event of that name; others are kept for later.
    ///
    /// # Errors
    ///
    /// When none came within a minute.
    pub async fn event(&self, name: &str) -> anyhow::Result<Value> {
        self.event_where(name, |_| true).await
    }

    /// The next event of that name for which `wanted` holds; others are kept for later.
    ///
    /// # Errors
    ///
    /// When none came within a minute.
    pub async fn event_where(
        &self,
        name: &str,
        wanted: impl Fn(&Value) -> bool + Send,
    ) -> anyhow::Result<Value> {
        let Link { events, arrived, .. } = &self.0.link;
        let take = async {
            loop {
                let news = arrived.notified();
                tokio::pin!(news);
                // Registered before looking, so that nothing that comes in between is missed.
                news.as_mut().enable();
                let mut kept = events.lock().await;
                let found = kept.iter().position(|event| {
                    event.get("event").is_some_and(|n| n == name) && wanted(event)
                });
                if let Some(at) = found {
                    return kept.remove(at);
                }
                drop(kept);
                news.await;
            }
        };
        match tokio::time::timeout(PATIENCE, take).await {
            Ok(event) => Ok(event),
            Err(_) => bail!("no event {name}; others that came: {:?}", events.lock().await),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn control(
    State(served): State<Served>,
    upgrade: WebSocketUpgrade,
) -> axum::response::Response {
    upgrade.max_message_size(64 << 20).on_upgrade(|socket| converse(served, socket))
}

async fn converse(served: Served, mut socket: WebSocket) {
    let Some(mut outgoing) = served.outgoing.lock().await.take() else {
        return;
    };
    loop {
        tokio::select! {
            command = outgoing.recv() => {
                let Some(command) = command else { return };
                if socket.send(Message::Text(command.into())).await.is_err() {
                    return;
                }
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => dispatch(&served, &text).await,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}

async fn dispatch(served: &Served, text: &str) {
    let Ok(message) = serde_json::from_str::<Value>(text) else {
        return;
    };
    match message.get("id").and_then(Value::as_u64) {
        Some(id) => {
            if let Some(answer) = served.link.answers.lock().await.remove(&id) {
                let _ = answer.send(message);
            }
        }
        None => {
            served.link.events.lock().await.push(message);
            served.link.arrived.notify_waiters();
        }
    }
}
