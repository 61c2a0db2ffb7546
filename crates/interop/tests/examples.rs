//! The facade's examples do what their first lines say.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed expectation is a failed test"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use antiphon_interop::{Browser, BrowserKind, missing};
use anyhow::{Context as _, bail};

/// An example that runs. Dropping it ends it.
struct Example(Child);

impl Example {
    fn start(name: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        // Built first, so that what is ended below is the example and not cargo.
        let build = ["build", "-q", "-p", "antiphon", "--example", name];
        anyhow::ensure!(cargo().args(build).status()?.success(), "{name} does not compile");
        // target/debug/deps/examples-0123: two folders up.
        let test = std::env::current_exe()?;
        let folder = test.ancestors().nth(2).context("the target folder")?;
        let example = Command::new(folder.join("examples").join(name))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} does not start"))?;
        Ok(Self(example))
    }

    /// Waits until it has ended well.
    fn succeeds(&mut self) -> anyhow::Result<()> {
        let begin = Instant::now();
        loop {
            match self.0.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the example ended with {status}"),
                None if begin.elapsed() > Duration::from_secs(60) => {
                    bail!("the example does not end");
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap());
    cargo
}

#[test]
fn two_peers() -> anyhow::Result<()> {
    let mut example = Example::start("two_peers", &[])?;
    let mut output = example.0.stdout.take().context("its output")?;
    example.succeeds()?;
    let mut printed = String::new();
    output.read_to_string(&mut printed)?;
    println!("{printed}");
    let heard: Vec<&str> = printed.lines().filter(|line| line.contains("Hallo Echo")).collect();
    anyhow::ensure!(heard.len() == 2, "not heard by both");
    anyhow::ensure!(heard.last().is_some_and(|line| line.starts_with("alice")), "no echo");
    Ok(())
}

#[test]
fn browser_echo() -> anyhow::Result<()> {
    if !BrowserKind::Chromium.is_installed() {
        missing("Chromium", "chromium");
        return Ok(());
    }
    let mut example = Example::start("browser_echo", &["--once"])?;
    let mut output = BufReader::new(example.0.stdout.take().context("its output")?);
    let mut url = String::new();
    output.read_line(&mut url)?;
    let _browser = Browser::open(BrowserKind::Chromium, url.trim())?;
    example.succeeds()?;
    let mut printed = String::new();
    output.read_to_string(&mut printed)?;
    println!("{printed}");
    anyhow::ensure!(printed.contains("Hallo Echo"), "the page's word was not heard");
    Ok(())
}
