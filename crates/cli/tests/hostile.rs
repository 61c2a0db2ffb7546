//! Pages that do not mean well: the demo goes on, in bounded memory and disk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a failed expectation is a failed test"
)]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use antiphon::{
    DataChannel, DataChannelInit, Event, IceCandidate, Message, PeerConnection, SessionDescription,
};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most memory that the program may take, in MiB.
const MEMORY: u64 = 150;

struct Program {
    process: Child,
    signal: String,
    folder: TempDir,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_antiphon"))
            .args(["demo", "--port", "0"])
            .args(arguments)
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stderr.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
        let signal = format!("{}signal", url.replacen("http", "ws", 1));
        std::thread::spawn(move || output.lines().count());
        Self { process, signal, folder }
    }

    /// The files of pages.
    fn files(&self) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(self.folder.path()).unwrap();
        let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
        files.map(|file| file.unwrap().path()).collect()
    }

    async fn has_files(&self, count: usize) {
        timeout(PATIENCE, async {
            while self.files().len() != count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{count} files instead of {:?}", self.files()));
    }

    /// It runs, and takes little memory.
    fn is_well(&mut self) {
        assert!(self.process.try_wait().unwrap().is_none(), "the program ended");
        let path = format!("/proc/{}/status", self.process.id());
        // There is no such file where this is no Linux.
        let Ok(status) = std::fs::read_to_string(path) else { return };
        let peak = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        let kib: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
        println!("at most {} MiB", kib >> 10);
        assert!(kib >> 10 < MEMORY, "{peak}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A page that says over its channels what a test wants.
struct Page {
    peer: PeerConnection,
    chat: DataChannel,
    signalling: JoinHandle<()>,
}

impl Drop for Page {
    fn drop(&mut self) {
        self.signalling.abort();
    }
}

impl Page {
    async fn open(program: &Program) -> Self {
        let (mut socket, _) = connect_async(&program.signal).await.unwrap();
        let mut config = antiphon::configuration();
        config.include_loopback = true;
        let peer = PeerConnection::new(config).unwrap();
        let chat = peer.create_data_channel("chat", DataChannelInit::default()).await.unwrap();
        let events = peer.events();
        peer.set_local_description(None).await.unwrap();
        let sdp = peer.local_description().unwrap().sdp;
        say(&mut socket, &json!({"kind": "offer", "sdp": sdp})).await;
        let signalling = tokio::spawn(signal(socket, peer.clone(), events));
        let mut page = Self { peer, chat, signalling };
        timeout(PATIENCE, page.chat.opened()).await.expect("no connection").unwrap();
        assert!(page.heard_in_chat().await["text"].as_str().unwrap().contains("Hello"));
        page
    }

    async fn heard_in_chat(&mut self) -> Value {
        heard(&mut self.chat).await
    }

    /// The chat is answered.
    async fn is_served(&mut self) {
        let line = json!({"kind": "text", "id": 5, "text": "still there?"});
        self.chat.send_text(line.to_string()).await.unwrap();
        assert_eq!(self.heard_in_chat().await, json!({"kind": "arrived", "id": 5}));
    }

    async fn file(&self, label: &str) -> DataChannel {
        let init = DataChannelInit { protocol: "file".to_owned(), ..Default::default() };
        self.peer.create_data_channel(label, init).await.unwrap()
    }

    /// Sends a file, and returns what is said about it in the end.
    async fn send(&self, name: &str, size: u64, bytes: &'static [u8], sha256: &str) -> Value {
        let mut channel = self.file("file:").await;
        let start = json!({"kind": "file", "name": name, "size": size});
        channel.send_text(start.to_string()).await.unwrap();
        if !bytes.is_empty() {
            channel.send(bytes::Bytes::from_static(bytes)).await.unwrap();
        }
        let end = json!({"kind": "end", "sha256": sha256});
        channel.send_text(end.to_string()).await.unwrap();
        loop {
            let said = heard(&mut channel).await;
            if said["kind"] != "taken" {
                return said;
            }
        }
    }
}

/// Carries descriptions and candidates.
async fn signal(mut socket: Socket, peer: PeerConnection, mut events: antiphon::Events) {
    loop {
        tokio::select! {
            frame = socket.next() => {
                let Some(Ok(frame)) = frame else { return };
                let Ok(said) = serde_json::from_slice::<Value>(&frame.into_data()) else { continue };
                if said["kind"] == "answer" {
                    let answer = SessionDescription::answer(said["sdp"].as_str().unwrap());
                    peer.set_remote_description(answer).await.unwrap();
                } else if said["kind"] == "candidate" {
                    let candidate = said["candidate"]["candidate"].as_str().unwrap().to_owned();
                    let candidate =
                        IceCandidate { candidate, sdp_m_line_index: Some(0), ..Default::default() };
                    let _ = peer.add_ice_candidate(candidate).await;
                }
            }
            event = events.next() => match event {
                Some(Event::IceCandidate(found)) => {
                    let candidate =
                        json!({"candidate": found.candidate, "sdpMid": found.sdp_mid});
                    say(&mut socket, &json!({"kind": "candidate", "candidate": candidate})).await;
                }
                Some(_) => {}
                None => return,
            },
        }
    }
}

async fn say(socket: &mut Socket, message: &Value) {
    socket.send(Frame::text(message.to_string())).await.unwrap();
}

async fn heard(channel: &mut DataChannel) -> Value {
    let message = timeout(PATIENCE, channel.recv()).await.expect("nothing is said");
    match message.expect("the channel is closed") {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        Message::Binary(bytes) => json!(bytes.len()),
    }
}

// attack: a page that sends junk, huge and deep JSON and broken descriptions over its WebSocket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_on_the_websocket() {
    let mut program = Program::start(&[]);
    let mut first = Page::open(&program).await;
    let long = "x".repeat(200_000);
    let junk = [
        Frame::text("not JSON"),
        Frame::text("[".repeat(200_000)),
        Frame::text(json!({"kind": "nothing we know", "text": long}).to_string()),
        Frame::text(json!({"kind": "candidate", "candidate": {"candidate": long}}).to_string()),
        Frame::text(json!({"kind": "candidate", "candidate": null}).to_string()),
        Frame::text(json!({"kind": "offer", "sdp": "v=0"}).to_string()),
        Frame::text(json!({"kind": "offer", "sdp": "m=\r\n".repeat(20_000)}).to_string()),
        Frame::binary(vec![0xff; 200_000]),
    ];
    let (mut socket, _) = connect_async(&program.signal).await.unwrap();
    for frame in junk.iter().cycle().take(200) {
        if socket.send(frame.clone()).await.is_err() {
            break;
        }
        while let Ok(Some(answer)) = timeout(Duration::ZERO, socket.next()).await {
            answer.unwrap();
        }
    }
    drop(socket);
    let (mut socket, _) = connect_async(&program.signal).await.unwrap();
    // Longer than is taken: the WebSocket is closed, and nothing else.
    let _ = socket.send(Frame::text("x".repeat(8 << 20))).await;
    timeout(PATIENCE, async { while let Some(Ok(_)) = socket.next().await {} }).await.unwrap();
    first.is_served().await;
    Page::open(&program).await.is_served().await;
    program.is_well();
}

// attack: pages without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_pages() {
    let mut program = Program::start(&[]);
    let mut first = Page::open(&program).await;
    let mut sockets = Vec::new();
    let mut refused = 0;
    for _ in 0..100 {
        let (mut socket, _) = connect_async(&program.signal).await.unwrap();
        let said = timeout(PATIENCE, socket.next()).await.unwrap().unwrap().unwrap();
        refused += u32::from(said.to_text().unwrap().contains("Too many pages"));
        sockets.push(socket);
    }
    assert_eq!(refused, 69);
    first.is_served().await;
    drop(sockets);
    tokio::time::sleep(Duration::from_millis(500)).await;
    Page::open(&program).await.is_served().await;
    program.is_well();
}

// attack: hundreds of channels that say nothing, so that what serves them waits for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_of_channels() {
    let mut program = Program::start(&[]);
    let mut page = Page::open(&program).await;
    let mut channels = Vec::new();
    for number in 0..300 {
        channels.push(page.file(&format!("file:{number}")).await);
    }
    // The chat is one of the 64 that are served.
    for channel in channels.drain(63..) {
        timeout(PATIENCE, channel.closed()).await.expect("a channel too many stays open");
    }
    page.is_served().await;
    drop(channels);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(page.send("after all", 0, b"", EMPTY).await["good"], true);
    program.is_well();
}

/// SHA-256 of nothing.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// SHA-256 of "abc".
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

// attack: files that are larger, smaller or other than announced, and names that are paths.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_about_files() {
    let mut program = Program::start(&["--space", "1"]);
    let mut page = Page::open(&program).await;
    for size in [u64::MAX, (1 << 30) + 1] {
        let said = page.send("large", size, b"abc", ABC).await;
        assert!(said["text"].as_str().unwrap().contains("do not fit"), "{said}");
    }
    let said = page.send("longer than it says", 2, b"abc", ABC).await;
    assert!(said["text"].as_str().unwrap().contains("more bytes"), "{said}");
    let said = page.send("shorter than it says", 4, b"abc", ABC).await;
    assert_eq!(said, json!({"kind": "done", "sha256": ABC, "good": false}));
    let said = page.send("another hash", 3, b"abc", EMPTY).await;
    assert_eq!(said["good"], false);
    program.has_files(0).await;

    let said = page.send("../../../escaped", 3, b"abc", ABC).await;
    assert_eq!(said["good"], true);
    program.has_files(1).await;

    let mut channel = page.file("back:/etc/passwd").await;
    assert_eq!(heard(&mut channel).await["kind"], "error");
    let mut channel = page.file("back:../../../escaped").await;
    channel.send_text(json!({"kind": "taken", "bytes": u64::MAX}).to_string()).await.unwrap();
    assert_eq!(heard(&mut channel).await["size"], 3);
    assert_eq!(heard(&mut channel).await, 3);
    assert_eq!(heard(&mut channel).await["sha256"], ABC);
    channel.send_text("{}").await.unwrap();
    assert_eq!(heard(&mut channel).await["kind"], "error");

    // One that breaks off in the middle of a file.
    let half = page.file("file:").await;
    let start = json!({"kind": "file", "name": "half", "size": 1 << 29});
    half.send_text(start.to_string()).await.unwrap();
    half.send(vec![7; 60_000]).await.unwrap();
    program.has_files(2).await;
    page.is_served().await;
    drop((page, half));
    program.has_files(0).await;
    Page::open(&program).await.is_served().await;
    program.is_well();
}

// attack: a file that is fetched back by a page which reads nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_does_not_say_what_it_took() {
    static ZEROS: [u8; 60_000] = [0; 60_000];
    let mut program = Program::start(&[]);
    let mut page = Page::open(&program).await;
    let mut channel = page.file("file:").await;
    let count = 400;
    let mut hash = Sha256::new();
    let start = json!({"kind": "file", "name": "zeros", "size": ZEROS.len() * count});
    channel.send_text(start.to_string()).await.unwrap();
    for _ in 0..count {
        hash.update(ZEROS);
        channel.send(bytes::Bytes::from_static(&ZEROS)).await.unwrap();
    }
    let sha256: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    channel.send_text(json!({"kind": "end", "sha256": sha256}).to_string()).await.unwrap();
    while heard(&mut channel).await["kind"] != "done" {}
    let mut back = page.file("back:zeros").await;
    let mut received = 0;
    // It stops after the window; the rest waits on the disk.
    while let Ok(Some(message)) = timeout(Duration::from_secs(2), back.recv()).await {
        received += message.into_bytes().len();
    }
    assert!((16 << 20..18 << 20).contains(&received), "{received}");
    page.is_served().await;
    program.is_well();
}
