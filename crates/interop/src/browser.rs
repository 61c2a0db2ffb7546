use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use tempfile::TempDir;

/// A browser that can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrowserKind {
    /// Debian's chromium.
    Chromium,
    /// Debian's firefox-esr.
    Firefox,
}

impl BrowserKind {
    /// The program's name.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox-esr",
        }
    }

    /// Whether the program is on this machine.
    #[must_use]
    pub fn is_installed(self) -> bool {
        std::env::var_os("PATH").is_some_and(|path| {
            std::env::split_paths(&path).any(|folder| folder.join(self.program()).is_file())
        })
    }
}

/// How a browser shall be different from one that is just started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrowserOptions {
    /// Addresses of host candidates are hidden behind names, as they are for a page that may use
    /// neither camera nor microphone. Otherwise they are shown.
    pub hides_addresses: bool,
    /// Certificates are not checked: those of TURN servers, too.
    pub trusts_everybody: bool,
    /// Further lines of Firefox's `user.js`.
    pub preferences: String,
}

/// A headless browser with a profile of its own. Dropping it ends the browser.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    _profile: TempDir,
}

/// What makes Firefox offer a fake camera, real addresses, and no traffic of its own.
const FIREFOX_PREFERENCES: &str = r#"
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.update.enabled", false);
user_pref("media.autoplay.default", 0);
user_pref("media.navigator.permission.disabled", true);
user_pref("media.navigator.streams.fake", true);
user_pref("media.peerconnection.ice.link_local", true);
user_pref("media.peerconnection.ice.loopback", true);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("toolkit.telemetry.enabled", false);
"#;

impl Browser {
    /// Starts a headless browser that shows `url`.
    ///
    /// # Errors
    ///
    /// When the profile cannot be made or the program cannot be started.
    pub fn open(kind: BrowserKind, url: &str) -> anyhow::Result<Self> {
        Self::open_with(kind, url, &BrowserOptions::default())
    }

    /// The same with options.
    ///
    /// # Errors
    ///
    /// When the profile cannot be made or the program cannot be started.
    pub fn open_with(
        kind: BrowserKind,
        url: &str,
        options: &BrowserOptions,
    ) -> anyhow::Result<Self> {
        let profile = TempDir::new()?;
        let mut command = Command::new(kind.program());
        match kind {
            BrowserKind::Chromium => chromium(&mut command, options, profile.path()),
            BrowserKind::Firefox => {
                let hides = options.hides_addresses;
                let preferences = format!(
                    "{FIREFOX_PREFERENCES}\
                     user_pref(\"media.peerconnection.ice.obfuscate_host_addresses\", {hides});\n\
                     {}",
                    options.preferences
                );
                std::fs::write(profile.path().join("user.js"), preferences)?;
                command.args(["--headless", "--no-remote", "--profile"]).arg(profile.path());
            }
        }
        command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A group of its own, so that the browser's helpers end with it.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let process =
            command.spawn().with_context(|| format!("{} does not start", kind.program()))?;
        Ok(Self { process, _profile: profile })
    }
}

fn chromium(command: &mut Command, options: &BrowserOptions, profile: &Path) {
    // Addresses are hidden from pages that may not use the camera; this says yes whenever one asks.
    if !options.hides_addresses {
        command.arg("--use-fake-ui-for-media-stream");
    }
    if options.trusts_everybody {
        command.arg("--ignore-certificate-errors");
    }
    command.args([
        "--headless=new",
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        "--allow-loopback-in-peer-connection",
        "--autoplay-policy=no-user-gesture-required",
        "--disable-background-networking",
        "--disable-background-timer-throttling",
        "--disable-component-update",
        "--disable-quic",
        "--disable-renderer-backgrounding",
        "--disable-sync",
        "--no-first-run",
    ]);
    command.arg(format!("--user-data-dir={}", profile.display()));
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.process.wait();
    }
}
