//! One connection, as the runner drives it.

use std::time::{Duration, Instant};

use antiphon_crypto::{Fingerprint, HashAlgorithm};
use antiphon_dtls::{CloseReason, Connected, Connection, Data, Event, OVERHEAD, Role, Version};

use crate::flags::Flags;
use crate::framing::{Command, Runner};
use crate::{Failure, setup};

/// A timer this close counts as over: the runner allows for clocks that round.
const FUDGE: Duration = Duration::from_millis(15);

/// Room for a datagram of ours.
const BUFFER: usize = 65_536;

struct Session<'f> {
    flags: &'f Flags,
    runner: Runner,
    dtls: Connection,
    now: Instant,
    connected: bool,
    buf: Vec<u8>,
}

/// Plays one test.
pub(crate) fn run(flags: &Flags) -> Result<(), Failure> {
    if !flags.has("dtls") {
        return Err(Failure::Unimplemented("TLS".to_owned()));
    }
    let missing = |what: &str| Failure::Failed(format!("no -{what}"));
    let port = flags.number("port")?.and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| missing("port"))?;
    let id = flags.number("shim-id")?.ok_or_else(|| missing("shim-id"))?;
    let config = setup::config(flags)?;
    let mut seed = [0; 32];
    let filled = config.provider.fill_random(&mut seed);
    filled.map_err(|error| Failure::Failed(error.to_string()))?;
    let now = antiphon_testkit::start();
    let mut dtls = Connection::new(config, seed, now);
    if flags.has("verify-fail") {
        let nobody = Fingerprint::new(HashAlgorithm::Sha256, &[0; 32]);
        let nobody = nobody.map_err(|error| Failure::Failed(error.to_string()))?;
        dtls.set_remote_fingerprints(now, &[nobody]);
    }
    let runner = Runner::connect(port, flags.has("ipv6"), id).map_err(|error| io(&error))?;
    let role = if flags.has("server") { Role::Server } else { Role::Client };
    let started = dtls.start(now, role);
    started.map_err(|error| Failure::Failed(error.to_string()))?;
    let buf = vec![0; BUFFER];
    Session { flags, runner, dtls, now, connected: false, buf }.play()
}

fn io(error: &std::io::Error) -> Failure {
    Failure::Failed(format!("runner: {error}"))
}

impl Session<'_> {
    fn play(&mut self) -> Result<(), Failure> {
        loop {
            if let Some(end) = self.settle()? {
                return end;
            }
            match self.runner.receive().map_err(|error| io(&error))? {
                Command::Datagram(mut datagram) => {
                    // What is wrong with it is for the runner to find out.
                    let _ = self.dtls.handle_input(self.now, &mut datagram);
                    self.dtls.handle_timeout(self.now);
                    if let Some(end) = self.settle()? {
                        return end;
                    }
                    self.echo(&datagram)?;
                }
                Command::Advance(time) => self.advance(time),
                Command::Mtu(mtu) => self.dtls.set_mtu(mtu),
                Command::ExpectTimeout(expected) => self.check_timeout(expected)?,
                Command::InitialTimeout(wait) => self.dtls.set_initial_timeout(wait),
                Command::End if self.connected && !self.flags.has("check-close-notify") => {
                    return Ok(());
                }
                Command::End => return Err(Failure::Failed("the runner hung up".to_owned())),
            }
        }
    }

    /// Sends what there is to send and looks at what happened; the result of the test when it is
    /// over.
    fn settle(&mut self) -> Result<Option<Result<(), Failure>>, Failure> {
        self.dtls.handle_timeout(self.now);
        self.flush()?;
        while let Some(event) = self.dtls.poll_event() {
            match event {
                Event::Connected(connected) => {
                    self.connected = true;
                    self.check(&connected)?;
                    self.begin()?;
                }
                Event::Closed(reason) => {
                    self.flush()?;
                    return Ok(Some(self.end(reason)));
                }
                _ => {}
            }
        }
        self.flush()?;
        Ok(None)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        loop {
            let sent = self.dtls.poll_output(self.now, &mut self.buf);
            let sent = sent.map_err(|error| Failure::Failed(error.to_string()))?;
            let Some(sent) = sent else { return Ok(()) };
            let datagram = self.buf.get(..sent.len).unwrap_or_default();
            // A runner that has heard enough hangs up; its last word is still to be read.
            let _ = self.runner.send(datagram);
        }
    }

    /// What a connection begins with.
    fn begin(&mut self) -> Result<(), Failure> {
        if let Some(len) = self.flags.number("export-keying-material")? {
            let mut material = vec![0; usize::try_from(len).unwrap_or(0)];
            let label = self.flags.text("export-label").unwrap_or_default().as_bytes();
            let context = self.flags.text("export-context").unwrap_or_default().as_bytes();
            let context = self.flags.has("use-export-context").then_some(context);
            let exported = self.dtls.export_keying_material(label, context, &mut material);
            exported.map_err(|error| Failure::Failed(error.to_string()))?;
            self.write(&material)?;
        }
        if self.flags.has("shim-writes-first") {
            self.write(b"hello")?;
        }
        if self.flags.has("shim-shuts-down") {
            self.dtls.close(self.now);
            return Ok(());
        }
        if self.flags.has("key-update") {
            self.update_keys()?;
        }
        self.before_read()
    }

    fn before_read(&mut self) -> Result<(), Failure> {
        if self.flags.has("key-update-before-read") { self.update_keys() } else { Ok(()) }
    }

    fn update_keys(&mut self) -> Result<(), Failure> {
        let updated = self.dtls.update_keys(self.now, false);
        updated.map_err(|error| Failure::Failed(format!("{error:?}")))
    }

    /// Sends every message back, its bits flipped.
    fn echo(&mut self, datagram: &[u8]) -> Result<(), Failure> {
        while let Some(data) = self.dtls.poll_data() {
            let bytes = match data {
                Data::InPlace(range) => datagram.get(range).unwrap_or_default().to_vec(),
                Data::Held(bytes) => bytes.to_vec(),
            };
            if bytes.is_empty() {
                continue;
            }
            let flipped: Vec<u8> = bytes.iter().map(|byte| byte ^ 0xff).collect();
            self.write(&flipped)?;
            self.before_read()?;
            self.flush()?;
        }
        Ok(())
    }

    fn write(&mut self, payload: &[u8]) -> Result<(), Failure> {
        // What the handshake layer has to say goes first.
        self.flush()?;
        let end = OVERHEAD.before.saturating_add(payload.len());
        let mut buf = vec![0; end.saturating_add(OVERHEAD.after)];
        if let Some(room) = buf.get_mut(OVERHEAD.before..end) {
            room.copy_from_slice(payload);
        }
        let record = self.dtls.protect(&mut buf, OVERHEAD.before..end);
        let record = record.map_err(|error| Failure::Failed(format!("{error:?}")))?;
        let datagram = buf.get(record).unwrap_or_default();
        let _ = self.runner.send(datagram);
        Ok(())
    }

    /// Lets time pass.
    fn advance(&mut self, time: Duration) {
        self.now += time;
        if let Some(next) = self.dtls.retransmission_timeout()
            && next > self.now
            && next.duration_since(self.now) <= FUDGE
        {
            self.now = next;
        }
        self.dtls.handle_timeout(self.now);
    }

    fn check_timeout(&self, expected: Option<Duration>) -> Result<(), Failure> {
        let next = self.dtls.retransmission_timeout();
        let found = next.map(|next| next.saturating_duration_since(self.now));
        if found == expected {
            return Ok(());
        }
        Err(Failure::Failed(format!("the next timeout is in {found:?}, expected in {expected:?}")))
    }

    /// Compares what was agreed on with what was expected.
    fn check(&self, connected: &Connected) -> Result<(), Failure> {
        let expect = |name: &str, found: u64| match self.flags.number(name)? {
            Some(expected) if expected != found => {
                Err(Failure::Failed(format!("-{name} {expected}, but it is {found}")))
            }
            _ => Ok(()),
        };
        expect("expect-curve-id", u64::from(connected.group.to_wire()))?;
        expect("expect-cipher", u64::from(connected.cipher_suite.to_wire()))?;
        let signature = connected.peer_signature.map_or(0, |scheme| scheme.to_wire());
        expect("expect-peer-signature-algorithm", u64::from(signature))?;
        if let Some(version) = self.flags.number("expect-version")? {
            let numbers = match connected.version {
                Version::Dtls12 => [0x0303, 0xfefd],
                Version::Dtls13 | _ => [0x0304, 0xfefc],
            };
            if !numbers.contains(&version) {
                let found = connected.version;
                return Err(Failure::Failed(format!("version {version:#06x}, not {found:?}")));
            }
        }
        let retried = connected.hello_retried;
        if self.flags.has("expect-hrr") && !retried || self.flags.has("expect-no-hrr") && retried {
            return Err(Failure::Failed(format!("a second hello: {retried}")));
        }
        let protocol = self.dtls.alpn_protocol().unwrap_or_default();
        match self.flags.text("expect-alpn") {
            Some(expected) if expected.as_bytes() != protocol => {
                Err(Failure::Failed(format!("protocol {protocol:?}, not {expected}")))
            }
            _ => Ok(()),
        }
    }

    /// How the test ends when the connection does.
    fn end(&mut self, reason: CloseReason) -> Result<(), Failure> {
        match reason {
            CloseReason::PeerClosed if self.connected => Ok(()),
            CloseReason::Local if self.flags.has("check-close-notify") => {
                // The peer answers, and what it says is no longer looked at.
                loop {
                    match self.runner.receive().map_err(|error| io(&error))? {
                        Command::Datagram(_) => return Ok(()),
                        Command::End => {
                            return Err(Failure::Failed("no close_notify".to_owned()));
                        }
                        Command::Advance(_)
                        | Command::Mtu(_)
                        | Command::ExpectTimeout(_)
                        | Command::InitialTimeout(_) => {}
                    }
                }
            }
            CloseReason::Local => Ok(()),
            CloseReason::PeerClosed
            | CloseReason::PeerAlert(_)
            | CloseReason::PeerMisbehaved(_)
            | CloseReason::PeerIncompatible(_)
            | CloseReason::FingerprintMismatch
            | CloseReason::TimedOut
            | CloseReason::KeysExhausted
            | CloseReason::Crypto(_)
            | _ => Err(Failure::Failed(format!("{reason:?}"))),
        }
    }
}
