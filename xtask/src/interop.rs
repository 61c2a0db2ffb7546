//! antiphon against browsers and other stacks.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::shell::{self, cargo};
use crate::test::{Recap, Runner};

/// A program that a test needs, and the Debian package it comes in.
#[derive(Clone, Copy, Debug)]
struct Peer {
    program: &'static str,
    package: &'static str,
}

const CHROMIUM: Peer = Peer { program: "chromium", package: "chromium" };
const CHROMEDRIVER: Peer = Peer { program: "chromedriver", package: "chromium-driver" };
const FIREFOX: Peer = Peer { program: "firefox-esr", package: "firefox-esr" };
const GNUTLS_SERV: Peer = Peer { program: "gnutls-serv", package: "gnutls-bin" };
const GNUTLS_CLI: Peer = Peer { program: "gnutls-cli", package: "gnutls-bin" };
const MBEDTLS: Peer = Peer { program: "/usr/include/mbedtls/ssl.h", package: "libmbedtls-dev" };
const OPENSSL: Peer = Peer { program: "openssl", package: "openssl" };
const COTURN: Peer = Peer { program: "turnserver", package: "coturn" };
const IP: Peer = Peer { program: "ip", package: "iproute2" };
const REDIS: Peer = Peer { program: "redis-server", package: "redis-server" };
const NFT: Peer = Peer { program: "nft", package: "nftables" };
const USRSCTP: Peer = Peer { program: "/usr/lib/usrsctp/tsctp", package: "libusrsctp-examples" };
const USRSCTP_HEADER: Peer = Peer { program: "/usr/include/usrsctp.h", package: "libusrsctp-dev" };
const LIBSRTP: Peer = Peer { program: "/usr/include/srtp2/srtp.h", package: "libsrtp2-dev" };

/// What the tests of one file need, by the words in the file's name.
const NEEDS: &[(&str, &[Peer])] = &[
    ("chromium", &[CHROMIUM]),
    ("firefox", &[FIREFOX]),
    ("demo", &[CHROMIUM, CHROMEDRIVER]),
    ("examples", &[CHROMIUM]),
    ("openssl", &[OPENSSL]),
    ("gnutls", &[GNUTLS_SERV, GNUTLS_CLI, OPENSSL]),
    ("mbedtls", &[MBEDTLS, OPENSSL]),
    ("wolfssl", &[OPENSSL]),
    ("dimpl", &[OPENSSL]),
    ("coturn", &[COTURN, OPENSSL]),
    ("nat", &[COTURN, OPENSSL, IP, NFT]),
    ("usrsctp", &[USRSCTP, USRSCTP_HEADER]),
    ("libsrtp", &[LIBSRTP]),
];

/// Runs one test file, those of one subject, or all, and prints what came out.
pub(crate) fn run(name: Option<&str>) -> Result<()> {
    let mut recap = Recap::default();
    let result = match name {
        None => all(&mut recap),
        Some(name) => {
            let known = files()?;
            // `dtls` stands for `dtls_openssl` and the others about DTLS.
            let family = format!("{name}_");
            let (chosen, others): (Vec<String>, Vec<String>) =
                known.into_iter().partition(|file| file == name || file.starts_with(&family));
            if chosen.is_empty() {
                bail!("no crates/interop/tests/{name}.rs; there are: {}", others.join(", "));
            }
            // Only this package is built: somebody is waiting for these tests.
            some(&mut recap, &chosen, false)
        }
    };
    recap.print();
    result
}

/// Runs all test files of the interop package.
pub(crate) fn all(recap: &mut Recap) -> Result<()> {
    some(recap, &files()?, true)
}

/// `whole_workspace` builds everything in one go, as the other tests are built, so that nothing
/// is compiled twice.
fn some(recap: &mut Recap, names: &[String], whole_workspace: bool) -> Result<()> {
    let mut ready = Vec::new();
    let mut skipped = 0_usize;
    for name in names {
        let missing = provide(name);
        if missing.is_empty() {
            ready.push(name.as_str());
        } else {
            skipped = skipped.saturating_add(1);
            recap.note(format!("SKIPPED interop {name}: {}", missing.join("; ")));
        }
    }
    if !ready.is_empty() {
        let runner = Runner::find();
        let mut tests = command(runner, &ready, whole_workspace);
        if ready.iter().any(|name| name.contains("demo")) {
            shell::run(&mut cargo(["build", "--workspace", "--bin", "antiphon", "--locked"]))?;
            tests.env("ANTIPHON_PROGRAM", program());
        }
        recap.run("interop", runner, &mut tests)?;
    }
    if skipped > 0 && shell::is_ci() {
        bail!("{skipped} interop tests skipped, which CI=true does not allow");
    }
    Ok(())
}

/// One test at a time: each drives a browser or another program, and measures time.
fn command(runner: Runner, names: &[&str], whole_workspace: bool) -> Command {
    match runner {
        Runner::Nextest => {
            let scope: &[&str] =
                if whole_workspace { &["--workspace"] } else { &["--package", "antiphon-interop"] };
            let files: Vec<String> = names.iter().map(|name| format!("binary(={name})")).collect();
            let filter = format!("package(antiphon-interop) and ({})", files.join(" or "));
            let mut command = cargo(["nextest", "run", "--locked", "--no-fail-fast"]);
            // .config/nextest.toml lets them run one by one.
            command.args(scope).args(["-E", &filter]);
            command
        }
        Runner::Cargo => {
            let mut command =
                cargo(["test", "--package", "antiphon-interop", "--locked", "--no-fail-fast"]);
            for name in names {
                command.args(["--test", name]);
            }
            command.args(["--", "--test-threads", "1", "--nocapture"]);
            command
        }
    }
}

/// The command line tool, as `cargo build` leaves it.
fn program() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    shell::root().join(target).join("debug/antiphon")
}

/// The names of the test files.
fn files() -> Result<Vec<String>> {
    let folder = shell::root().join("crates/interop/tests");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// Makes sure that what tests outside of this package need is here: a server for turn-server's.
/// Returns why it is not.
pub(crate) fn provide_servers() -> Vec<String> {
    provide_peers([&REDIS])
}

/// Makes sure that the programs for a test are here; returns why one is not.
fn provide(test: &str) -> Vec<String> {
    let needs = NEEDS.iter().filter(|(word, _)| test.contains(word));
    provide_peers(needs.flat_map(|(_, peers)| *peers))
}

fn provide_peers<'a>(peers: impl IntoIterator<Item = &'a Peer>) -> Vec<String> {
    peers
        .into_iter()
        .filter(|peer| !shell::has_program(peer.program))
        .filter_map(|peer| match install(peer.package) {
            Ok(()) if shell::has_program(peer.program) => None,
            Ok(()) => Some(format!("package {} brought no {}", peer.package, peer.program)),
            Err(error) => Some(format!("{} is missing ({error:#})", peer.program)),
        })
        .collect()
}

/// Installs a Debian package, where that is possible.
fn install(package: &str) -> Result<()> {
    if !shell::has_program("apt-get") {
        bail!("install it by hand: this is no Debian");
    }
    let user = shell::output(Command::new("id").arg("-u")).unwrap_or_default();
    if user.trim() != "0" {
        bail!("install it with: sudo apt-get install {package}");
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        shell::run(&mut command)
    };
    let install = ["install", "-y", "-q", "--no-install-recommends", package];
    // A fresh machine has no package lists, an old one has stale ones.
    apt(&install).or_else(|_| apt(&["update", "-q"]).and_then(|()| apt(&install)))
}
