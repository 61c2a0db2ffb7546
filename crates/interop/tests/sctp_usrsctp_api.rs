//! SCTP against usrsctp, the stack of Firefox: a small program that speaks packets over a UDP
//! socket, with a link between that loses and delays.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod sctp_peer;

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use antiphon_sctp::{
    Association, CloseReason, Config, Event, Message, Outgoing, Reliability, ResetResult,
};
use antiphon_testkit::Forwarder;
use antiphon_testkit::netem::Link;
use sctp_peer::{Ledger, Letter, letters};

const LIMIT: Duration = Duration::from_secs(20);

/// The program, compiled once; `None` where usrsctp is not installed, which `missing` has said.
fn program() -> Option<&'static Path> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        if !Path::new("/usr/include/usrsctp.h").exists() {
            antiphon_interop::missing("usrsctp", "libusrsctp-dev");
            return None;
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sctp_usrsctp.c");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sctp_usrsctp");
        let age = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
        if age(&program) > age(&source) {
            return Some(program);
        }
        // Tests that run at the same time do not write the same file.
        let own = program.with_extension(std::process::id().to_string());
        let mut cc = Command::new("cc");
        cc.args(["-Wall", "-Wextra", "-O1", "-o"]).arg(&own).arg(source);
        let status = cc.args(["-lusrsctp", "-lpthread"]).status().expect("a C compiler");
        assert!(status.success(), "the peer does not compile");
        std::fs::rename(own, &program).unwrap();
        Some(program)
    });
    program.as_deref()
}

/// The program under way.
struct Peer {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Peer {
    fn start(program: &Path, udp: u16, listens: bool, interleaving: bool) -> Self {
        let mut command = Command::new(program);
        command.arg(udp.to_string());
        command.arg(if listens { "listen" } else { "connect" });
        command.arg(if interleaving { "interleave" } else { "plain" });
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, input, lines }
    }

    fn tell(&mut self, command: &str) {
        // It may have ended.
        let _ = writeln!(self.input, "{command}");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Both ends, and the link between.
struct Pair {
    sctp: Association,
    socket: UdpSocket,
    peer: Peer,
    _link: Forwarder,
    events: Vec<Event>,
    inbox: VecDeque<Message>,
    /// What the peer has said, but for its messages.
    said: Vec<String>,
    /// Its messages: stream, identifier, length, number.
    letters: VecDeque<(u16, u32, usize, u32)>,
    backlog: VecDeque<Outgoing>,
    /// Types of the chunks that have come.
    kinds: BTreeSet<u8>,
    interleaving: bool,
}

/// `None` where usrsctp is not installed.
fn connected(we_call: bool, interleaving: bool, loss: f64) -> Option<Pair> {
    let program = program()?;
    let link = Link { delay: Duration::from_millis(5), loss, ..Link::default() };
    let forwarder = Forwarder::new(link.clone(), link, 7).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(forwarder.near()).unwrap();
    forwarder.attach_near(socket.local_addr().unwrap());
    let peer = Peer::start(program, forwarder.far().port(), we_call, interleaving);
    let line = peer.lines.recv_timeout(LIMIT).unwrap();
    let port: u16 = line.strip_prefix("port ").expect("a port").parse().unwrap();
    forwarder.attach_far(([127, 0, 0, 1], port).into());
    let mut config = Config::default();
    config.interleaving = interleaving;
    config.max_send_message_size = 256 << 10;
    let mut pair = Pair {
        sctp: Association::new(config, [5; 32], Instant::now()),
        socket,
        peer,
        _link: forwarder,
        events: Vec::new(),
        inbox: VecDeque::new(),
        said: Vec::new(),
        letters: VecDeque::new(),
        backlog: VecDeque::new(),
        kinds: BTreeSet::new(),
        interleaving,
    };
    pair.wait("start", |pair| pair.has("ready"));
    if we_call {
        pair.sctp.connect(Instant::now());
    }
    pair.wait("connection", |pair| pair.sctp.is_connected() && pair.has("up"));
    Some(pair)
}

impl Pair {
    fn has(&self, line: &str) -> bool {
        self.said.iter().any(|said| said.starts_with(line))
    }

    /// One round: everything out, what has come in.
    fn turn(&mut self) {
        while let Some(message) = self.backlog.pop_front() {
            if self.sctp.send(Instant::now(), message.clone()).is_err() {
                self.backlog.push_front(message);
                break;
            }
        }
        let mut buf = [0; 2048];
        while let Some(sent) = self.sctp.poll_output(Instant::now(), &mut buf).unwrap() {
            let _ = self.socket.send(&buf[..sent.len]);
        }
        self.inbox.extend(std::iter::from_fn(|| self.sctp.recv()));
        self.events.extend(std::iter::from_fn(|| self.sctp.poll_event()));
        while let Ok(line) = self.peer.lines.try_recv() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words[at].parse::<u32>().unwrap();
            if words[0] == "message" {
                assert_eq!(words[6], "sound", "{line}");
                self.letters.push_back((
                    number(1) as u16,
                    number(2),
                    number(4) as usize,
                    number(5),
                ));
            } else {
                assert!(!matches!(words[0], "error" | "refused"), "{line}");
                self.said.push(line);
            }
        }
        let wait = self.sctp.poll_timeout().map(|at| at.saturating_duration_since(Instant::now()));
        let wait = wait.unwrap_or(LIMIT).clamp(Duration::from_millis(1), Duration::from_millis(5));
        self.socket.set_read_timeout(Some(wait)).unwrap();
        if let Ok(len) = self.socket.recv(&mut buf) {
            self.note_kinds(&buf[..len]);
            let _ = self.sctp.handle_input(Instant::now(), &buf[..len]);
        } else {
            self.sctp.handle_timeout(Instant::now());
        }
    }

    fn note_kinds(&mut self, packet: &[u8]) {
        let mut rest = packet.get(12..).unwrap_or_default();
        while rest.len() >= 4 {
            self.kinds.insert(rest[0]);
            let len = usize::from(u16::from_be_bytes([rest[2], rest[3]])).max(4);
            rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
    }

    fn wait(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let began = Instant::now();
        while !done(self) {
            self.turn();
            let stats = self.sctp.stats();
            assert!(
                began.elapsed() < LIMIT,
                "no {what}: {:?} {:?} {stats:?}",
                self.events,
                self.said
            );
        }
    }

    /// usrsctp 0.9.5 stops for good after it has given up part of the fragments of a message under
    /// I-DATA: neither a FORWARD TSN nor a retransmission follows. There, what it may give up is
    /// too short to be cut.
    fn uncut(&self, letter: &Letter) -> Letter {
        let whole = !self.interleaving || letter.reliability == Reliability::Reliable;
        Letter { len: if whole { letter.len } else { letter.len.min(900) }, ..*letter }
    }

    fn tell(&mut self, letter: &Letter) {
        let (kind, value) = match letter.reliability {
            Reliability::Reliable => ("none", 0),
            Reliability::Retransmits(most) => ("rtx", u32::from(most)),
            Reliability::Lifetime(life) => ("ttl", life.as_millis() as u32),
        };
        let Letter { number, stream, ppid, len, ordered, .. } = letter;
        let unordered = u8::from(!ordered);
        self.peer.tell(&format!("send {stream} {ppid} {unordered} {kind} {value} {len} {number}"));
    }

    /// Sends in both directions at once and holds both sides to their promises.
    fn transfer(&mut self, all: &[Letter]) {
        self.backlog.extend(all.iter().map(Letter::outgoing));
        let theirs: Vec<Letter> = all.iter().map(|letter| self.uncut(letter)).collect();
        for letter in &theirs {
            self.tell(letter);
        }
        let (mut from_us, mut from_them) = (Ledger::of(all), Ledger::of(&theirs));
        let began = Instant::now();
        while !(from_us.is_complete() && from_them.is_complete()) {
            self.turn();
            for (stream, ppid, len, number) in self.letters.drain(..) {
                from_us.received(number, stream, ppid, len);
            }
            for message in self.inbox.drain(..) {
                from_them.check(message.stream, message.ppid, &message.payload);
            }
            if began.elapsed() > LIMIT {
                let missing = [&from_us, &from_them].map(|ledger| ledger.missing().collect());
                let [ours, theirs]: [Vec<u32>; 2] = missing;
                panic!("of ours {ours:?}, of theirs {theirs:?} did not come: {:?}", self.events);
            }
        }
    }

    fn close_reason(&self) -> CloseReason {
        match self.events.last() {
            Some(Event::Closed(reason)) => *reason,
            other => panic!("not closed: {other:?}"),
        }
    }
}

#[test]
fn every_kind_of_message_keeps_its_promise() {
    for we_call in [true, false] {
        let Some(mut pair) = connected(we_call, false, 0.03) else { return };
        pair.transfer(&letters(200, 5000));
        assert!(pair.kinds.contains(&0) && !pair.kinds.contains(&64), "{:?}", pair.kinds);
    }
}

#[test]
fn every_kind_of_message_keeps_its_promise_with_interleaving() {
    for we_call in [true, false] {
        let Some(mut pair) = connected(we_call, true, 0.03) else { return };
        pair.transfer(&letters(200, 5000));
        assert!(pair.kinds.contains(&64) && !pair.kinds.contains(&0), "{:?}", pair.kinds);
    }
}

#[test]
fn large_messages_arrive_whole() {
    for interleaving in [false, true] {
        let Some(mut pair) = connected(true, interleaving, 0.01) else { return };
        let sizes = [256 << 10, 200_000, 5, 100_000];
        let all: Vec<Letter> = (0..4)
            .map(|number| Letter {
                number,
                stream: number as u16 % 3,
                ppid: 53,
                len: sizes[number as usize],
                ordered: true,
                reliability: Reliability::Reliable,
            })
            .collect();
        pair.transfer(&all);
    }
}

#[test]
fn streams_are_reset_in_both_directions() {
    for interleaving in [false, true] {
        let Some(mut pair) = connected(true, interleaving, 0.03) else { return };
        let all = letters(40, 2000);
        for _ in 0..2 {
            pair.transfer(&all);
            pair.events.clear();
            pair.said.clear();
            pair.sctp.reset_streams(Instant::now(), &[0, 3]).unwrap();
            pair.peer.tell("reset 1");
            pair.wait("reset", |pair| {
                let done = |event: &Event| {
                    matches!(event, Event::StreamResetDone { streams, result: ResetResult::Performed }
                        if **streams == [0, 3])
                };
                let by_peer = |event: &Event| {
                    matches!(event, Event::StreamReset { streams } if **streams == [1])
                };
                pair.events.iter().any(done)
                    && pair.events.iter().any(by_peer)
                    // 1: the peer's incoming side, 2: its outgoing side.
                    && pair.has("reset 1 0")
                    && pair.has("reset 1 3")
                    && pair.has("reset 2 1")
            });
        }
        pair.transfer(&all);
    }
}

#[test]
fn each_side_asks_the_other_to_reset() {
    let Some(mut pair) = connected(true, false, 0.0) else { return };
    pair.transfer(&letters(20, 2000));
    pair.sctp.ask_for_reset(Instant::now(), &[2]).unwrap();
    pair.wait("reset that we ask for", |pair| {
        let by_peer =
            |event: &Event| matches!(event, Event::StreamReset { streams } if **streams == [2]);
        // It takes no other request before its own is answered.
        pair.has("reset 2 2") && pair.events.iter().any(by_peer)
    });
    pair.peer.tell("ask 4");
    pair.wait("reset that it asks for", |pair| {
        pair.has("reset 1 4")
            && pair.events.iter().any(
                |event| matches!(event, Event::StreamResetDone { streams, .. } if **streams == [4]),
            )
    });
    pair.transfer(&letters(20, 2000));
}

#[test]
fn streams_are_added_in_both_directions() {
    let Some(mut pair) = connected(true, false, 0.0) else { return };
    let (out, incoming) = (pair.sctp.outgoing_streams(), pair.sctp.incoming_streams());
    assert_eq!((out, incoming), (Some(300), Some(100)));
    pair.peer.tell("add 5 0");
    pair.wait("streams of the peer", |pair| pair.sctp.incoming_streams() == Some(105));
    pair.sctp.add_streams(Instant::now(), 0, 7).unwrap();
    pair.wait("streams we ask for", |pair| {
        let outgoing = |line: &String| line.split(' ').nth(2) == Some("112");
        let told = pair.said.iter().any(|line| line.starts_with("streams") && outgoing(line));
        told && pair.sctp.incoming_streams() == Some(112)
    });
    let letter = |number, stream| Letter { number, stream, ..letters(1, 100)[0] };
    pair.tell(&letter(1, 104));
    pair.tell(&letter(2, 111));
    pair.wait("messages on new streams", |pair| pair.inbox.len() == 2);
}

#[test]
fn our_shutdown_delivers_everything() {
    let Some(mut pair) = connected(true, false, 0.03) else { return };
    let all: Vec<Letter> = letters(50, 9000)
        .into_iter()
        .map(|letter| Letter { reliability: Reliability::Reliable, ..letter })
        .collect();
    for letter in &all {
        pair.sctp.send(Instant::now(), letter.outgoing()).unwrap();
    }
    pair.sctp.shutdown(Instant::now());
    let mut ledger = Ledger::of(&all);
    pair.wait("end", |pair| {
        for (stream, ppid, len, number) in pair.letters.drain(..) {
            ledger.received(number, stream, ppid, len);
        }
        pair.sctp.is_closed() && ledger.is_complete()
    });
    pair.turn();
    assert_eq!(pair.close_reason(), CloseReason::LocalShutdown);
}

#[test]
fn their_shutdown_ends_both() {
    let Some(mut pair) = connected(false, true, 0.03) else { return };
    pair.transfer(&letters(30, 3000));
    pair.peer.tell("shutdown");
    pair.wait("end", |pair| pair.sctp.is_closed());
    pair.turn();
    assert_eq!(pair.close_reason(), CloseReason::PeerShutdown);
}

#[test]
fn an_abort_of_either_side_ends_both() {
    let Some(mut pair) = connected(true, false, 0.0) else { return };
    pair.sctp.abort(Instant::now());
    // 2: communication lost.
    pair.wait("end", |pair| pair.has("association 2"));
    assert_eq!(pair.close_reason(), CloseReason::LocalAbort);
    let Some(mut pair) = connected(false, false, 0.0) else { return };
    pair.peer.tell("abort");
    pair.wait("end", |pair| pair.sctp.is_closed());
    pair.turn();
    assert!(matches!(pair.close_reason(), CloseReason::PeerAborted { .. }));
}
