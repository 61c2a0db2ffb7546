use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, ensure};
use tempfile::NamedTempFile;

use super::{Host, Lab, SERVER, SERVER_V6};
use crate::coturn::{Coturn, Identity};

/// A STUN and TURN server on the public network, in both families: UDP and TCP on port 3478, TLS on
/// 443, username `u`, password `p`. It ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    _program: Program,
}

#[derive(Debug)]
enum Program {
    Coturn { _running: Coturn },
    Antiphon { child: Child, _file: NamedTempFile },
}

impl Server {
    /// coturn.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn coturn(lab: &Lab, identity: &Identity) -> Result<Self> {
        let options = [
            "--lt-cred-mech".to_owned(),
            "--user=u:p".to_owned(),
            "--fingerprint".to_owned(),
            "--tls-listening-port=443".to_owned(),
            format!("--cert={}", identity.certificate().display()),
            format!("--pkey={}", identity.key().display()),
        ];
        let addresses = [SERVER.parse()?, SERVER_V6.parse()?];
        let place = |program: &str| lab.command(Host::Server, program);
        let running = Coturn::start(&place, &addresses, 3478, &options)?;
        Ok(Self { _program: Program::Coturn { _running: running } })
    }

    /// antiphon's own; `program` is `lab-turn`.
    ///
    /// # Errors
    ///
    /// When it does not start.
    pub fn antiphon(lab: &Lab, program: &str, identity: &Identity) -> Result<Self> {
        let mut file = NamedTempFile::new()?;
        file.write_all(configuration(identity).as_bytes())?;
        let mut command = lab.command(Host::Server, program);
        command.arg(file.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command.spawn()?;
        let mut started = Self { _program: Program::Antiphon { child, _file: file } };
        let Program::Antiphon { child, .. } = &mut started._program else { return Ok(started) };
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("an output")?).read_line(&mut line)?;
        ensure!(line == "ready\n", "the server did not start");
        Ok(started)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        match self {
            // It sees to itself.
            Self::Coturn { .. } => {}
            Self::Antiphon { child, .. } => {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

/// What a public server would have, except that the networks of the lab, which are meant for
/// documentation, are open.
fn configuration(identity: &Identity) -> String {
    let mut text = "realm = \"lab\"\nshards = 1\n".to_owned();
    for host in [SERVER.to_owned(), format!("[{SERVER_V6}]")] {
        for (transport, port) in [("udp", 3478), ("tcp", 3478), ("tls", 443)] {
            text.push_str(&format!(
                "[[listen]]\ntransport = \"{transport}\"\naddress = \"{host}:{port}\"\n"
            ));
        }
    }
    text.push_str(&format!(
        "[relay]\naddresses = [\"{SERVER}\", \"{SERVER_V6}\"]\n\
         [peers]\nallow = [\"203.0.113.0/24\", \"198.51.100.0/24\", \"2001:db8::/32\"]\n\
         relay_to_relay = true\n\
         [tls]\ncertificate = \"{}\"\nkey = \"{}\"\n\
         [auth]\nusers = [{{ name = \"u\", password = \"p\" }}]\n\
         [log]\nlevel = \"warn\"\n",
        identity.certificate().display(),
        identity.key().display(),
    ));
    text
}
