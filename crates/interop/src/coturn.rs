//! coturn, the TURN server of others, started for one test.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A self-signed certificate and its key in files, made by OpenSSL.
#[derive(Debug)]
pub struct Identity {
    folder: TempDir,
}

impl Identity {
    /// A new one, for those addresses.
    ///
    /// # Errors
    ///
    /// When OpenSSL does not make it.
    pub fn new(addresses: &[&str]) -> Result<Self> {
        let identity = Self { folder: TempDir::new()? };
        let names: Vec<String> = addresses.iter().map(|address| format!("IP:{address}")).collect();
        // What OpenSSL makes by itself may sign others, which clients do not take from a server.
        let config = format!(
            "[req]\ndistinguished_name=name\nx509_extensions=more\nprompt=no\n\
             [name]\nCN=turn.example\n\
             [more]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName={}\n",
            names.join(",")
        );
        std::fs::write(identity.file("config"), config)?;
        identity.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -config config \
             -keyout key.pem -out cert.pem",
        )?;
        identity.openssl("x509 -in cert.pem -outform DER -out cert.der")?;
        Ok(identity)
    }

    fn openssl(&self, arguments: &str) -> Result<()> {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace()).current_dir(self.folder.path());
        let output = command.output().context("openssl")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The certificate, in PEM.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.file("cert.pem")
    }

    /// Its key, in PEM.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.file("key.pem")
    }

    /// The certificate, in DER.
    #[must_use]
    pub fn der(&self) -> PathBuf {
        self.file("cert.der")
    }
}

/// A running coturn. It ends when it is dropped, and when the thread that started it does.
#[derive(Debug)]
pub struct Coturn {
    child: Child,
    _folder: TempDir,
}

impl Coturn {
    /// Whether there is none on this machine.
    #[must_use]
    pub fn is_missing() -> bool {
        Command::new("turnserver").arg("--version").output().is_err()
    }

    /// Starts it on these addresses, and waits until it answers on all of them over UDP and TCP.
    ///
    /// `place` makes a command that runs where the server shall: `Command::new` means here. Users are
    /// up to `options`, as is everything else.
    ///
    /// # Errors
    ///
    /// When it does not start, with what it said.
    pub fn start(
        place: &dyn Fn(&str) -> Command,
        addresses: &[IpAddr],
        port: u16,
        options: &[String],
    ) -> Result<Self> {
        let folder = TempDir::new()?;
        let log = folder.path().join("log");
        // It would outlive a test that was killed.
        let mut command = place("setpriv");
        command.args(["--pdeathsig", "KILL", "turnserver", "-n", "--no-cli", "--no-rfc5780"]);
        command.args(["--realm=lab", "--pidfile=/dev/null", "--log-file=/dev/null"]);
        command.arg(format!("--userdb={}", folder.path().join("users").display()));
        command.arg(format!("--listening-port={port}"));
        for address in addresses {
            command.arg(format!("-L{address}")).arg(format!("-E{address}"));
        }
        command.args(options).stdin(Stdio::null());
        let said = std::fs::File::create(&log)?;
        command.stdout(said.try_clone()?).stderr(said);
        let child = command.spawn().context("turnserver")?;
        let mut coturn = Self { child, _folder: folder };
        let begin = Instant::now();
        while !addresses.iter().all(|address| answers(place, *address, port)) {
            if begin.elapsed() > PATIENCE || coturn.child.try_wait()?.is_some() {
                bail!("coturn did not start:\n{}", std::fs::read_to_string(&log)?);
            }
        }
        Ok(coturn)
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether somebody answers there over UDP and TCP.
fn answers(place: &dyn Fn(&str) -> Command, address: IpAddr, port: u16) -> bool {
    let (address, port) = (address.to_string(), port.to_string());
    let runs = |arguments: &[&str]| {
        // The STUN client waits for ever for an answer that was never sent.
        let mut probe = place("timeout");
        probe.arg("0.5").args(arguments);
        probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    };
    runs(&["turnutils_stunclient", "-p", &port, &address])
        && runs(&["bash", "-c", &format!("exec 3<>/dev/tcp/{address}/{port}")])
}
