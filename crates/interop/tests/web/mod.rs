//! The demo's program, and a Chromium that a test drives as a person would.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::{By, ChromiumLikeCapabilities as _, DesiredCapabilities, WebDriver, WebElement};

/// How long anything on the page may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whether there is a browser and its driver.
pub fn is_installed() -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let has = |program: &str| folders.iter().any(|folder| folder.join(program).is_file());
        has("chromium") && has("chromedriver")
    })
}

/// `antiphon demo`. Dropping it ends it.
pub struct Program {
    pub process: Child,
    pub url: String,
    /// Where it may put files.
    pub folder: TempDir,
}

impl Program {
    /// Starts it on a free port.
    pub fn start(arguments: &[&str]) -> anyhow::Result<Self> {
        let folder = TempDir::new()?;
        let mut process = Command::new(program()?)
            .args(["demo", "--port", "0"])
            .args(arguments)
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("the demo does not start")?;
        let lines = show("demo", process.stderr.take().context("its output")?);
        let url = find(&lines, |line| {
            line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
        })?;
        Ok(Self { process, url, folder })
    }

    /// Types a line on its terminal.
    pub fn types(&mut self, line: &str) -> anyhow::Result<()> {
        let terminal = self.process.stdin.as_mut().context("its terminal")?;
        Ok(writeln!(terminal, "{line}")?)
    }

    /// Asks it to end, and waits until it has.
    pub fn end(&mut self) -> anyhow::Result<()> {
        Command::new("kill").arg(self.process.id().to_string()).status()?;
        let begin = Instant::now();
        while self.process.try_wait()?.is_none() {
            if begin.elapsed() > Duration::from_secs(10) {
                bail!("the demo does not end");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The demo's program: given by `cargo xtask interop`, else built now.
fn program() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("ANTIPHON_PROGRAM") {
        return Ok(path.into());
    }
    let built = cargo().args(["build", "-q", "-p", "antiphon-cli"]).status()?;
    if !built.success() {
        bail!("the demo does not compile");
    }
    // target/debug/deps/demo-0123: two folders up.
    let test = std::env::current_exe()?;
    Ok(test.ancestors().nth(2).context("the target folder")?.join("antiphon"))
}

/// `cargo`, in the workspace.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// The workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

/// Passes on what a program prints, line by line.
pub fn show(name: &'static str, output: impl Read + Send + 'static) -> Receiver<String> {
    let (lines, printed) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            eprintln!("{name}: {line}");
            // Nobody may wait for it any more.
            let _ = lines.send(line);
        }
    });
    printed
}

/// The first line from which `wanted` takes something.
pub fn find<T>(lines: &Receiver<String>, wanted: impl Fn(&str) -> Option<T>) -> anyhow::Result<T> {
    loop {
        let line = lines.recv_timeout(PATIENCE).context("the program does not say it")?;
        if let Some(found) = wanted(&line) {
            return Ok(found);
        }
    }
}

/// Chromium under control. Dropping it ends it.
pub struct Chromium {
    pub driver: WebDriver,
    control: Child,
    _profile: TempDir,
}

impl Chromium {
    /// Starts Chromium, with a camera and a microphone or without.
    pub async fn start(camera: bool) -> anyhow::Result<Self> {
        let profile = TempDir::new()?;
        let mut control = Command::new("chromedriver");
        // A group of its own, so that the browser ends with it.
        std::os::unix::process::CommandExt::process_group(&mut control, 0);
        let mut control = control
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("chromedriver does not start")?;
        let lines = show("chromedriver", control.stdout.take().context("its output")?);
        let port: u16 = find(&lines, |line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        })?;
        let mut capabilities = DesiredCapabilities::chrome();
        capabilities.set_binary("/usr/bin/chromium")?;
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--allow-loopback-in-peer-connection",
            "--disable-background-networking",
            "--disable-background-timer-throttling",
            "--disable-component-update",
            "--disable-renderer-backgrounding",
            "--disable-sync",
            "--no-first-run",
            "--window-size=1280,900",
        ] {
            capabilities.add_arg(argument)?;
        }
        if camera {
            capabilities.add_arg("--use-fake-device-for-media-stream")?;
            capabilities.add_arg("--use-fake-ui-for-media-stream")?;
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display()))?;
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), capabilities).await?;
        Ok(Self { driver, control, _profile: profile })
    }

    pub async fn element(&self, id: &str) -> anyhow::Result<WebElement> {
        self.driver.find(By::Id(id)).await.with_context(|| format!("there is no #{id}"))
    }

    pub async fn click(&self, id: &str) -> anyhow::Result<()> {
        self.element(id).await?.click().await.with_context(|| format!("#{id} cannot be pressed"))
    }

    /// What an element shows.
    pub async fn text(&self, id: &str) -> anyhow::Result<String> {
        Ok(self.element(id).await?.text().await?)
    }

    /// What a script returns.
    pub async fn run(&self, script: &str) -> anyhow::Result<Value> {
        Ok(self.driver.execute(script, Vec::new()).await?.json().clone())
    }

    /// Waits until an element shows what is wanted, and returns that.
    pub async fn shows(
        &self,
        id: &str,
        what: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> anyhow::Result<String> {
        let begin = Instant::now();
        loop {
            let text = self.text(id).await?;
            if wanted(&text) {
                return Ok(text);
            }
            if begin.elapsed() > PATIENCE {
                let notice = self.text("notice").await?;
                bail!("#{id} does not show {what}, but {text:?}; the page says {notice:?}");
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The screen's size and colours.
    pub async fn screen(&self, width: u32, height: u32, scheme: &str) -> anyhow::Result<()> {
        let phone = width < 500;
        let size = json!({
            "width": width, "height": height, "mobile": phone,
            "deviceScaleFactor": if phone { 2 } else { 1 },
        });
        let cdp = self.driver.cdp();
        cdp.send_raw("Emulation.setDeviceMetricsOverride", size).await?;
        let colours = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        cdp.send_raw("Emulation.setEmulatedMedia", colours).await?;
        Ok(())
    }

    /// A picture of the whole page, in `target/interop`.
    pub async fn picture(&self, name: &str) -> anyhow::Result<()> {
        let folder = root().join("target/interop");
        std::fs::create_dir_all(&folder)?;
        // The charts are drawn anew once a second.
        tokio::time::sleep(Duration::from_millis(1200)).await;
        let options = json!({"format": "png", "captureBeyondViewport": true});
        let taken = self.driver.cdp().send_raw("Page.captureScreenshot", options).await?;
        let data = taken["data"].as_str().context("a picture")?;
        std::fs::write(folder.join(format!("demo-{name}.png")), decode(data)?)?;
        Ok(())
    }

    /// Fails when the page is wider than the screen, and says what sticks out.
    pub async fn fits(&self) -> anyhow::Result<()> {
        let outside = self
            .run(
                "const wide = document.documentElement.clientWidth;
                 return [...document.querySelectorAll('body *')]
                   .filter((e) => !e.matches('.visually-hidden') && e.getBoundingClientRect().right > wide + 1)
                   .map((e) => `${e.tagName}#${e.id}.${e.className}`);",
            )
            .await?;
        if outside != json!([]) {
            bail!("these stick out of the page: {outside}");
        }
        Ok(())
    }

    /// What the browser printed on its console that is an error.
    pub async fn complaints(&self) -> anyhow::Result<Vec<String>> {
        let log = self.driver.browser_log().await?;
        let severe = log.into_iter().filter(|entry| entry.level.contains("SEVERE"));
        Ok(severe.map(|entry| entry.message.to_string()).collect())
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let group = format!("-{}", self.control.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.control.wait();
    }
}

/// Base64, as the browser sends pictures.
fn decode(text: &str) -> anyhow::Result<Vec<u8>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = ALPHABET.iter().position(|known| *known == letter).context("base64")?;
        bits = bits << 6 | u32::try_from(value)?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff)?);
        }
    }
    Ok(bytes)
}
