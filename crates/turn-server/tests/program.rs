//! The program: signals, logs, metrics, `check`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{AUTH, Client, LIFETIME, PASSWORD, PEERS, RELAY, SILENCE, WAIT, Wire, peer};

const PROGRAM: &str = env!("CARGO_BIN_EXE_antiphon-turn-server");

/// The program with a configuration of its own; ended with its handle.
struct Program {
    child: Child,
    lines: Arc<Mutex<String>>,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    fn start(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("turn.toml");
        std::fs::write(&file, text).unwrap();
        let mut child = Command::new(PROGRAM)
            .arg("run")
            .arg(&file)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let lines = Arc::new(Mutex::new(String::new()));
        let (into, from) = (Arc::clone(&lines), BufReader::new(child.stderr.take().unwrap()));
        std::thread::spawn(move || {
            for line in from.lines().map_while(Result::ok) {
                let mut into = into.lock().unwrap();
                into.push_str(&line);
                into.push('\n');
            }
        });
        Self { child, lines, file, _folder: folder }
    }

    fn log(&self) -> String {
        self.lines.lock().unwrap().clone()
    }

    fn wait_for(&self, text: &str) {
        let begin = Instant::now();
        while !self.log().contains(text) {
            assert!(begin.elapsed() < WAIT, "no {text:?} in:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The address in the line of a log that has `words`.
    fn address(&self, words: &str) -> SocketAddr {
        self.wait_for(words);
        let log = self.log();
        let line = log.lines().find(|line| line.contains(words)).unwrap();
        let address = line.split("address=").nth(1).unwrap();
        address.split_whitespace().next().unwrap().parse().unwrap()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    fn wait_end(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < WAIT, "{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn text(more: &str) -> String {
    common::text("udp", "shards = 1") + RELAY + PEERS + AUTH + more
}

#[test]
fn sigterm_lets_allocations_finish_and_refuses_new_ones() {
    let mut program =
        Program::start(&text("[drain]\nlimit = \"1m\"\nalternate = [\"192.0.2.7:3478\"]\n"));
    let server = program.address("transport=\"udp\"");
    let peer = peer();
    let mut client = Client::new(Wire::udp(server));
    let relayed = client.prove(&peer);
    program.signal("TERM");
    program.wait_for("draining");
    // Old ones go on, and can be refreshed.
    client.prove_again(&peer, relayed);
    assert_eq!(client.refresh(600).code(), 0);
    // New ones are sent elsewhere.
    let refused = Client::new(Wire::udp(server)).try_allocate();
    assert_eq!(refused.code(), 300);
    let elsewhere: SocketAddr = "192.0.2.7:3478".parse().unwrap();
    assert_eq!(refused.view().alternate_server(), Some(elsewhere));
    assert_eq!(client.refresh(0).code(), 0);
    assert!(program.wait_end().success());
}

#[test]
fn the_drain_has_a_limit() {
    let mut program = Program::start(&text("[drain]\nlimit = \"100ms\"\n"));
    let server = program.address("transport=\"udp\"");
    Client::new(Wire::udp(server)).allocate();
    program.signal("TERM");
    assert!(program.wait_end().success());
    program.wait_for("allocations=1");
}

#[test]
fn sighup_takes_up_users_and_policy_and_keeps_allocations() {
    let program = Program::start(&text(""));
    let server = program.address("transport=\"udp\"");
    let peer = peer();
    let mut client = Client::new(Wire::udp(server));
    let relayed = client.prove(&peer);
    let more = "[limits]\nlifetime = \"20m\"\nallocations_per_user = 1\n";
    let new = text(more).replace("alice", "bob").replace("127.0.0.0/8", "127.9.0.0/16");
    std::fs::write(&program.file, &new).unwrap();
    program.signal("HUP");
    program.wait_for("configuration reloaded");
    assert!(!program.log().contains("restart"), "{}", program.log());
    // The allocation goes on, but not to a peer that is now out of bounds.
    client.send(0x4000, b"forbidden");
    peer.set_read_timeout(Some(SILENCE)).unwrap();
    assert!(peer.recv(&mut [0; 100]).is_err());
    peer.send_to(b"forbidden", relayed).unwrap();
    assert_eq!(client.arrived_within(SILENCE), None);
    assert_eq!(Client::new(Wire::udp(server)).try_allocate().code(), 401);
    let mut bob = Client::as_user(Wire::udp(server), "bob", PASSWORD);
    bob.allocate();
    assert_eq!(bob.refresh(3600).number(LIFETIME), 1200);
    assert_eq!(bob.permit("127.0.0.2:9".parse().unwrap()), 403);
    assert_eq!(bob.permit("127.9.0.2:9".parse().unwrap()), 0);
    let again = Client::as_user(Wire::udp(server), "bob", PASSWORD).try_allocate().code();
    assert_eq!(again, 486, "one of each user");
    // A file that is wrong changes nothing.
    std::fs::write(&program.file, "realm = 5").unwrap();
    program.signal("HUP");
    program.wait_for("configuration not reloaded");
    assert_eq!(bob.refresh(0).code(), 0);
    assert_eq!(Client::as_user(Wire::udp(server), "bob", PASSWORD).try_allocate().code(), 0);
}

// attack: secrets and forged lines in logs
#[test]
fn logs_have_no_secrets_and_quote_what_clients_say() {
    let secret = "correct-horse-battery";
    let config = common::text("udp", "shards = 1")
        + RELAY
        + PEERS
        + &format!(
            "[auth]\nrest_secrets = [\"{secret}\"]\nusers = [{{ name = 'e\"vil', password = \"wonderland\" }}]\n\
             [log]\nformat = \"json\"\nlevel = \"trace\"\n"
        );
    let mut program = Program::start(&config);
    program.wait_for("listening");
    let log = program.log();
    let line = log.lines().find(|line| line.contains("listening")).unwrap();
    let address = line.split("\"address\":\"").nth(1).unwrap().split('"').next().unwrap();
    let server: SocketAddr = address.parse().unwrap();
    let mut evil = Client::as_user(Wire::udp(server), "e\"vil", PASSWORD);
    evil.allocate();
    let mut stranger = Client::as_user(Wire::udp(server), "a\n{\"level\":\"forged\"}", "x");
    assert_eq!(stranger.try_allocate().code(), 401);
    assert_eq!(evil.refresh(0).code(), 0);
    program.wait_for("allocation ended");
    program.signal("TERM");
    program.wait_end();
    let log = program.log();
    for hidden in [secret, "wonderland"] {
        assert!(!log.contains(hidden), "{log}");
    }
    assert!(!log.contains("forged\"}\n"), "{log}");
    for line in log.lines() {
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    }
    assert!(log.contains(r#"\\\"vil"#), "the name is quoted: {log}");
}

// attack: metrics that grow with the names of users
#[test]
fn metrics_count_and_name_no_user() {
    let program = Program::start(&text("[metrics]\nlisten = \"127.0.0.1:0\"\n"));
    let server = program.address("transport=\"udp\"");
    let metrics = program.address("serving metrics");
    let peer = peer();
    let mut client = Client::new(Wire::udp(server));
    client.prove(&peer);
    for name in ["bob", "carol", "dave"] {
        assert_eq!(Client::as_user(Wire::udp(server), name, "x").try_allocate().code(), 401);
    }
    let text = get(metrics, "/metrics");
    assert!(text.contains("turn_allocations{shard=\"0\"} 1\n"), "{text}");
    assert!(text.contains("turn_packets_to_peer_total{shard=\"0\"} 1\n"), "{text}");
    assert!(text.contains("turn_packets_to_client_total{shard=\"0\"} 1\n"), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(!line.contains("alice") && !line.contains("bob"), "{line}");
        let labels = line.split('{').nth(1).map(|labels| labels.split('}').next().unwrap());
        assert!(labels.is_none_or(|labels| labels == "shard=\"0\""), "{line}");
    }
    assert!(get(metrics, "/health").ends_with("fine\n"));
}

fn get(server: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(server).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    text
}

#[test]
fn check_says_what_is_wrong_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("turn.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let output = Command::new(PROGRAM).arg("check").arg(&file).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    };
    assert_eq!(check(&text("")), (true, format!("{}: fine\n", file.display())));
    let (good, said) = check(&text("[nonsense]\n"));
    assert!(!good && said.contains("unknown field `nonsense`"), "{said}");
    let missing = text("[tls]\ncertificate = \"no.pem\"\nkey = \"no.pem\"\n");
    let (good, said) = check(&missing);
    assert!(!good && said.contains("no.pem"), "{said}");
    let foreign = text("").replace("addresses = [\"127.0.0.1\"]", "addresses = [\"192.0.2.1\"]");
    let (good, said) = check(&foreign);
    assert!(!good && said.contains("192.0.2.1"), "{said}");
}
