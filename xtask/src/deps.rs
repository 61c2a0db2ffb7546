//! Who may import whom. The table is that of docs/ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::shell::{self, cargo};

/// Packages of ours that each package may import, without the prefix `antiphon-`.
///
/// What is not listed may import nothing of ours. Tests may import the test kit and a provider.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("stun", &[]),
    ("rtp", &[]),
    ("rtcp", &[]),
    ("sdp", &[]),
    ("mdns", &[]),
    ("crypto", &[]),
    ("crypto-rust", &["crypto"]),
    ("crypto-aws-lc", &["crypto"]),
    ("srtp", &["rtp", "crypto"]),
    ("sframe", &["crypto"]),
    ("bwe", &[]),
    ("turn", &["stun", "crypto"]),
    ("ice", &["stun", "crypto"]),
    ("dtls", &["crypto"]),
    ("sctp", &[]),
    ("datachannel", &[]),
    (
        "peerconnection",
        &[
            "stun",
            "rtp",
            "rtcp",
            "sdp",
            "mdns",
            "crypto",
            "srtp",
            "bwe",
            "turn",
            "ice",
            "dtls",
            "sctp",
            "datachannel",
        ],
    ),
    ("driver-tokio", &["peerconnection"]),
    ("media-capture", &[]),
    ("antiphon", &["peerconnection", "driver-tokio", "crypto-rust", "media-capture"]),
    ("cli", &["antiphon", "stun", "turn"]),
    ("turn-server", &["turn", "stun", "dtls", "crypto", "crypto-aws-lc"]),
];

/// What the tests of any package may import besides.
const TESTS_MAY_IMPORT: &[&str] = &["testkit", "crypto-rust"];

/// Never published: they may import what they like.
const DEVELOPMENT: &[&str] = &["testkit", "interop", "fuzz", "benches", "xtask"];

/// The only packages of ours that may have an asynchronous runtime in their tree.
const ASYNC: &[&str] = &["driver-tokio", "antiphon", "cli", "turn-server"];

/// Packages of others that have no place in a tree: a second cryptography, C libraries.
const UNWANTED: &[&str] = &["ring", "openssl-sys", "aws-lc-sys"];

/// The packages that have the fast provider in their tree.
const FAST: &[&str] = &["crypto-aws-lc", "turn-server"];

/// The packages that speak TLS to TURN servers: rustls brings its own cryptography.
const TLS: &[&str] = &["driver-tokio", "antiphon", "cli"];

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

/// Checks all rules and lists everything that breaks one.
pub(crate) fn run() -> Result<()> {
    let text =
        shell::output(&mut cargo(["metadata", "--format-version", "1", "--no-deps", "--locked"]))?;
    let metadata: Metadata = serde_json::from_str(&text).context("cargo metadata")?;
    let packages: Vec<&Package> = metadata
        .packages
        .iter()
        .filter(|package| !DEVELOPMENT.contains(&short(&package.name)))
        .collect();
    let names: BTreeSet<&str> = packages.iter().map(|package| short(&package.name)).collect();
    let mut broken: Vec<String> =
        packages.iter().flat_map(|package| broken_imports(package)).collect();
    broken.extend(names.iter().map(|name| unwanted(name)).collect::<Result<Vec<_>>>()?.concat());
    if broken.is_empty() {
        println!("{} packages import only what they may", names.len());
        return Ok(());
    }
    for line in &broken {
        println!("{line}");
    }
    bail!("{} imports against the rules of docs/ARCHITECTURE.md", broken.len())
}

/// `ice` for `antiphon-ice`; the facade keeps its name.
fn short(package: &str) -> &str {
    package.strip_prefix("antiphon-").unwrap_or(package)
}

/// Direct imports of packages of ours.
fn broken_imports(package: &Package) -> Vec<String> {
    let name = short(&package.name);
    let table: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let Some(allowed) = table.get(name) else {
        return vec![format!("{name} has no line in the table of imports (xtask/src/deps.rs)")];
    };
    let ours =
        package.dependencies.iter().filter(|dependency| dependency.name.starts_with("antiphon"));
    ours.filter_map(|dependency| {
        let import = short(&dependency.name);
        let development = dependency.kind.as_deref() == Some("dev");
        let fine = allowed.contains(&import) || (development && TESTS_MAY_IMPORT.contains(&import));
        (!fine).then(|| format!("{name} imports {import}"))
    })
    .collect()
}

/// Packages of others that have no place in the tree of `name`.
fn unwanted(name: &str) -> Result<Vec<String>> {
    let package = if name == "antiphon" { name.to_owned() } else { format!("antiphon-{name}") };
    let mut command =
        cargo(["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--locked"]);
    let tree = shell::output(command.args(["--package", &package]))?;
    let in_tree: BTreeSet<&str> =
        tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let mut broken = Vec::new();
    for unwanted in UNWANTED.iter().filter(|unwanted| in_tree.contains(*unwanted)) {
        let fine = (FAST.contains(&name) && *unwanted == "aws-lc-sys")
            || (TLS.contains(&name) && *unwanted == "ring");
        if !fine {
            broken.push(format!("{name} has {unwanted} in its tree"));
        }
    }
    let runtimes = ["tokio", "async-std", "smol", "mio"];
    for runtime in runtimes.iter().filter(|runtime| in_tree.contains(*runtime)) {
        if !ASYNC.contains(&name) {
            broken.push(format!("{name} has {runtime} in its tree: only driver-tokio does I/O"));
        }
    }
    Ok(broken)
}
