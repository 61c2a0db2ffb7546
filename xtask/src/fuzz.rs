//! Fuzzing with libFuzzer.

use std::env;
use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::shell::{self, cargo};

/// Fuzzes one target, or each in turn.
pub(crate) fn run(target: Option<&str>, seconds: u64, jobs: u32) -> Result<()> {
    let known = targets()?;
    let chosen = match target {
        None => known,
        Some(name) if known.iter().any(|known| known == name) => vec![name.to_owned()],
        Some(name) => bail!("no fuzz target {name}; there are: {}", known.join(", ")),
    };
    provide_cargo_fuzz()?;
    let mut failed = Vec::new();
    for name in chosen {
        if let Err(error) = fuzz(&name, seconds, jobs) {
            println!("{name}: {error:#}");
            failed.push(name);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("inputs that fail are in fuzz/artifacts: {}", failed.join(", "))
    }
}

/// The targets: one file each in fuzz/fuzz_targets.
fn targets() -> Result<Vec<String>> {
    let folder = shell::root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// New inputs go to target/fuzz/corpus; the committed ones are only read.
fn fuzz(name: &str, seconds: u64, jobs: u32) -> Result<()> {
    let root = shell::root();
    let found = root.join("target/fuzz/corpus").join(name);
    let committed = root.join("fuzz/corpus").join(name);
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&committed)?;
    let mut command = cargo_nightly();
    command.args(["fuzz", "run", "--fuzz-dir", "fuzz", "--features", "libfuzzer"]);
    command.args(["--target-dir", "target/fuzz", "--jobs", &jobs.to_string(), name]);
    command.args([&found, &committed]);
    command.arg("--").arg(format!("-max_total_time={seconds}")).arg("-max_len=4096");
    command.args(["-rss_limit_mb=2048", "-timeout=10"]);
    shell::run(&mut command)
}

/// The nightly toolchain's cargo, by way of rustup's.
fn cargo_nightly() -> std::process::Command {
    let mut command = cargo(["+nightly"]);
    // `+nightly` is understood by rustup's proxy, not by the toolchain's own cargo that `CARGO` names.
    let mut proxied = std::process::Command::new("cargo");
    proxied.args(command.get_args()).current_dir(shell::root());
    for name in ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN"] {
        proxied.env_remove(name);
    }
    std::mem::swap(&mut command, &mut proxied);
    command
}

/// Installs cargo-fuzz unless it is here. `ANTIPHON_NO_INSTALL=1` forbids it.
fn provide_cargo_fuzz() -> Result<()> {
    if shell::succeeds(cargo_nightly().args(["fuzz", "--version"])) {
        return Ok(());
    }
    if !shell::succeeds(cargo_nightly().arg("--version")) {
        bail!("fuzzing needs the nightly toolchain: rustup toolchain install nightly");
    }
    if env::var_os("ANTIPHON_NO_INSTALL").is_some() {
        bail!("cargo-fuzz is missing: cargo install cargo-fuzz --locked");
    }
    shell::run(&mut cargo(["install", "cargo-fuzz", "--locked"]))
}
