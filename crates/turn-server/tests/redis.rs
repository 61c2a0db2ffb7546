//! Two servers on one Redis: neither has users of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use antiphon_crypto::{CryptoProvider as _, HashAlgorithm};
use antiphon_crypto_rust::RustCrypto;
use antiphon_turn_server::{Server, Transport};
use base64::Engine as _;
use common::{Client, PEERS, RELAY, WAIT, Wire, address, config, peer};

struct Redis {
    child: Child,
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Redis {
    /// `None` where Redis is not installed; there where it has to be, that is a failure.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("redis.sock");
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "redis-server is not installed");
            eprintln!(
                "SKIPPED: the program `redis-server` is not installed, so nothing was tested"
            );
            return None;
        };
        let redis = Self { child, socket, _folder: folder };
        let begin = Instant::now();
        while !redis.socket.exists() {
            assert!(begin.elapsed() < WAIT);
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(redis)
    }

    fn connect(&self) -> redis::Connection {
        let url = format!("unix://{}", self.socket.display());
        redis::Client::open(url).unwrap().get_connection().unwrap()
    }
}

fn node(socket: &Path, more: &str) -> Server {
    let redis = format!(
        "[auth.redis]\nurl = \"unix://{}\"\ntimeout = \"1s\"\ncache = \"0s\"\n",
        socket.display()
    );
    Server::start(config(&(common::text("udp", "shards = 1") + RELAY + PEERS + &redis + more)))
        .unwrap()
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn two_nodes_share_users_and_secrets() {
    let Some(redis) = Redis::start() else { return };
    let mut store = redis.connect();
    let provider = RustCrypto::new();
    let key = provider.hash(HashAlgorithm::Md5, b"bob:turn.example:builder").unwrap();
    let hex: String = key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let run = |store: &mut redis::Connection, words: &[&str]| {
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(word);
        }
        command.exec(store).unwrap();
    };
    run(&mut store, &["HSET", "turn:user:alice", "password", "wonderland", "allocations", "1"]);
    run(&mut store, &["HSET", "turn:user:bob", "key", &hex]);
    run(&mut store, &["SADD", "turn:secrets", "a secret of the web service"]);

    let nodes = [node(&redis.socket, ""), node(&redis.socket, "")];
    let peer = peer();
    for node in &nodes {
        let to = address(node, Transport::Udp);
        Client::new(Wire::udp(to)).prove(&peer);
        // Her quota is one allocation per node.
        assert_eq!(Client::new(Wire::udp(to)).try_allocate().code(), 486);
        Client::as_user(Wire::udp(to), "bob", "builder").prove(&peer);
        assert_eq!(Client::as_user(Wire::udp(to), "bob", "wrong").try_allocate().code(), 401);
        assert_eq!(Client::as_user(Wire::udp(to), "nobody", "x").try_allocate().code(), 401);
        // Time-limited credentials: one that holds, one that is over.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let hmac = provider.hmac(HashAlgorithm::Sha1, b"a secret of the web service").unwrap();
        for (expiry, code) in [(now + 60, 0), (now - 60, 401)] {
            let name = format!("{expiry}:carol");
            let password = base64(hmac.sign(&[name.as_bytes()]).as_bytes());
            let mut carol = Client::as_user(Wire::udp(to), &name, &password);
            assert_eq!(carol.try_allocate().code(), code);
        }
    }
    // A user who is gone is gone at once on both, as nothing is remembered here.
    run(&mut store, &["DEL", "turn:user:bob"]);
    for node in &nodes {
        let to = address(node, Transport::Udp);
        assert_eq!(Client::as_user(Wire::udp(to), "bob", "builder").try_allocate().code(), 401);
    }
}

#[test]
fn a_node_sends_clients_to_another_one_that_knows_them_too() {
    let Some(redis) = Redis::start() else { return };
    let mut store = redis.connect();
    redis::cmd("HSET")
        .arg("turn:user:alice")
        .arg("password")
        .arg("wonderland")
        .exec(&mut store)
        .unwrap();
    let second = node(&redis.socket, "");
    let there = address(&second, Transport::Udp);
    let drain = format!("[drain]\nalternate = [\"{there}\"]\nredirect = true\n");
    let first = node(&redis.socket, &drain);
    let refused = Client::udp(&first).try_allocate();
    assert_eq!(refused.code(), 300);
    let alternate = refused.view().alternate_server().unwrap();
    assert_eq!(alternate, there);
    Client::new(Wire::udp(alternate)).prove(&peer());
}

#[test]
fn without_redis_nobody_comes_in_and_nothing_hangs() {
    let Some(redis) = Redis::start() else { return };
    let node = node(&redis.socket, "");
    drop(redis);
    let mut client = Client::udp(&node);
    assert_eq!(client.try_allocate().code(), 401);
}
