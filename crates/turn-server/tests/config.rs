//! What is wrong with a configuration is said, where it is, and what would be right.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed expectation is a failed test"
)]

use std::path::Path;
use std::time::Duration;

use antiphon_turn_server::{Config, Transport};

const GOOD: &str = r#"realm = "turn.example"

[[listen]]
transport = "udp"
address = "127.0.0.1:3478"

[relay]
addresses = ["127.0.0.1"]

[auth]
users = [{ name = "alice", password = "wonderland" }]
"#;

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("turn.toml"), text).map_err(|error| error.to_string())
}

/// What is said about `GOOD` with one line replaced.
fn complaint(line: &str, instead: &str) -> String {
    assert!(GOOD.contains(line));
    parse(&GOOD.replace(line, instead)).expect_err("it is wrong")
}

#[test]
fn the_example_is_good_and_explains_every_option() {
    let example = antiphon_turn_server::EXAMPLE;
    let config = parse(example).unwrap();
    assert_eq!(config.realm, "turn.example.org");
    assert_eq!(config.limits.allocations, 100_000);
    // Every option that is commented out is good, too, and has the default as its value.
    let optional: Vec<&str> = example.lines().filter(|line| is_option(line)).collect();
    assert!(optional.len() > 40, "{}", optional.len());
    let all: String = example
        .lines()
        .map(|line| if is_option(line) { line.trim_start_matches('#') } else { line })
        .filter(|line| {
            !line.starts_with("rest_secret_files") && !line.starts_with("rest_secrets = [\"c")
        })
        .collect::<Vec<_>>()
        .join("\n");
    let full = parse(&all).unwrap();
    assert_eq!(full.limits, config.limits);
    assert_eq!(full.relay, config.relay);
    assert_eq!(full.log, config.log);
    assert_eq!(full.shards, config.shards);
    assert_eq!(full.drain.limit, config.drain.limit);
    assert_eq!(full.listeners.len(), 8, "four of them for discovery");
    assert_eq!(full.auth.users.len(), 2);
}

/// `#key = value`, `#[section]`, and four spaces in a list; comments have one space behind the `#`.
fn is_option(line: &str) -> bool {
    let comment = line.starts_with("# ") && !line.starts_with("#    ");
    line.starts_with('#') && !comment && line.len() > 1
}

#[test]
fn a_short_configuration_is_enough() {
    let config = parse(GOOD).unwrap();
    assert_eq!(config.listeners[0].transport, Transport::Udp);
    assert_eq!(*config.relay.ports.start(), 49_152);
    assert_eq!(config.drain.limit, Duration::from_secs(300));
    assert!(config.shards >= 1);
}

/// A line of the good configuration, what stands there instead, and what is said about it.
const MISTAKES: &[(&str, &str, &str)] = &[
    ("realm = \"turn.example\"", "", "turn.toml"),
    ("realm = \"turn.example\"", "realm = \"\"", "turn.toml:1: realm: 0 bytes; allowed: 1 to 127"),
    ("realm = \"turn.example\"", "realm = 7", "turn.toml:1: invalid type: integer"),
    (
        "realm = \"turn.example\"",
        "relm = \"x\"",
        "turn.toml:1: unknown field `relm`, expected one of `realm`",
    ),
    (
        "transport = \"udp\"",
        "transport = \"quic\"",
        "turn.toml:4: listen.transport: \"quic\"; allowed: \"udp\", \"tcp\", \"tls\", \"dtls\"",
    ),
    (
        "transport = \"udp\"",
        "transport = \"tls\"",
        "turn.toml:4: listen.transport: \"tls\" needs a certificate",
    ),
    (
        "address = \"127.0.0.1:3478\"",
        "address = \"localhost\"",
        "turn.toml:5: listen.address: \"localhost\" is no address with a port",
    ),
    ("addresses = [\"127.0.0.1\"]", "addresses = []", "turn.toml:8: relay.addresses: empty"),
    (
        "addresses = [\"127.0.0.1\"]",
        "addresses = [\"0.0.0.0\"]",
        "turn.toml:8: relay.addresses: 0.0.0.0 is no address",
    ),
    ("addresses = [\"127.0.0.1\"]", "addresses = [\"10.0.0.1 as ::1\"]", "of one family"),
    (
        "addresses = [\"127.0.0.1\"]",
        "addresses = [\"127.0.0.1\"]\nports = \"80-90\"",
        "turn.toml:9: relay.ports: \"80-90\": ports below 1024",
    ),
    (
        "addresses = [\"127.0.0.1\"]",
        "addresses = [\"127.0.0.1\", \"127.0.0.2\"]",
        "one address per family",
    ),
    (
        "[auth]",
        "[limits]\nidle = \"1m\"\n[auth]",
        "turn.toml:11: limits.idle: 60s; allowed: 1s to 10s",
    ),
    ("[auth]", "[limits]\nlifetime = \"soon\"\n[auth]", "write a number and ms, s, m or h"),
    (
        "[auth]",
        "[peers]\nallow = [\"10.0.0.0/99\"]\n[auth]",
        "turn.toml:11: peers.allow: \"10.0.0.0/99\"",
    ),
    (
        "[auth]",
        "[discovery]\naddresses = [\"127.0.0.1\"]\nports = [1, 2]\n[auth]",
        "turn.toml:11: discovery.addresses: 1; allowed: two",
    ),
    (
        "[auth]",
        "[discovery]\naddresses = [\"127.0.0.1\", \"::1\"]\nports = [7, 7]\n[auth]",
        "turn.toml:11: discovery.addresses: two different ones of one family",
    ),
    (
        "[auth]",
        "[discovery]\naddresses = [\"127.0.0.1\", \"127.0.0.2\"]\nports = [7, 7]\n[auth]",
        "turn.toml:12: discovery.ports: 7 and 7; allowed: two different ones",
    ),
    (
        "address = \"127.0.0.1:3478\"",
        "address = \"0.0.0.0:7\"\n[discovery]\naddresses = [\"127.0.0.1\", \"127.0.0.2\"]\nports = [7, 8]",
        "discovery.ports: 127.0.0.1:7 is taken by the [[listen]] on 0.0.0.0:7",
    ),
    (
        "[auth]",
        "[log]\nformat = \"xml\"\n[auth]",
        "log.format: \"xml\"; allowed: \"text\", \"json\"",
    ),
    (
        "[auth]",
        "[drain]\nredirect = true\n[auth]",
        "drain.redirect: true, but drain.alternate names no server",
    ),
    (
        "users = [{ name = \"alice\", password = \"wonderland\" }]",
        "",
        "auth: nobody could use the server",
    ),
    (
        "users = [{ name = \"alice\", password = \"wonderland\" }]",
        "users = [{ name = \"a\" }]",
        "either a password, which is not empty, or a key",
    ),
    (
        "users = [{ name = \"alice\", password = \"wonderland\" }]",
        "users = [{ name = \"a\", key = \"xyz\" }]",
        "32 hexadecimal digits",
    ),
    (
        "users = [{ name = \"alice\", password = \"wonderland\" }]",
        "rest_secrets = [\"short\"]",
        "5 bytes can be guessed",
    ),
    (
        "users = [{ name = \"alice\", password = \"wonderland\" }]",
        "rest_secret_files = [\"nowhere\"]",
        "cannot be read",
    ),
    (
        "users = [{ name = \"alice\", password = \"wonderland\" }]",
        "[auth.redis]\nurl = \"http://x\"",
        "auth.redis.url",
    ),
    (
        "users = [{ name = \"alice\", password = \"wonderland\" }]",
        "[auth.oauth]\nserver_name = \"x\"\nkeys = [{ id = \"a\", key = \"AAAA\" }]",
        "32 bytes in base64",
    ),
];

#[test]
fn each_mistake_is_explained_with_its_line() {
    for (line, instead, wanted) in MISTAKES {
        let said = complaint(line, instead);
        assert!(said.contains(wanted), "{instead:?}: {said:?} lacks {wanted:?}");
    }
}

#[test]
fn all_mistakes_are_named_at_once() {
    let text = GOOD.replace("\"udp\"", "\"quic\"").replace("[\"127.0.0.1\"]", "[\"x\"]");
    let said = parse(&text).unwrap_err();
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[test]
fn no_secret_is_shown() {
    let text = GOOD.replace("[auth]", "[auth]\nrest_secrets = [\"0123456789abcdef-secret\"]");
    let shown = format!("{:?}", parse(&text).unwrap());
    assert!(!shown.contains("wonderland") && !shown.contains("secret\""), "{shown}");
    let said = complaint("password = \"wonderland\"", "key = \"wonderland\"");
    assert!(!said.contains("wonderland"), "{said}");
    let redis = "users = []\n[auth.redis]\nurl = \"rediss://user:wonderland@x:y:z\"";
    let said = complaint("users = [{ name = \"alice\", password = \"wonderland\" }]", redis);
    assert!(!said.contains("wonderland"), "{said}");
}
