//! The command line.

use crate::Failure;

/// Flags without a value: their names, and what they do here.
const SWITCHES: &[(&str, &str)] = &[
    ("ipv6", "connect to ::1"),
    ("server", "be the server"),
    ("dtls", "always so"),
    ("no-tls13", "do not speak DTLS 1.3"),
    ("no-tls12", "do not speak DTLS 1.2"),
    ("no-tls11", "always so"),
    ("no-tls1", "always so"),
    ("verify-peer", "ask the client for a certificate"),
    ("require-any-client-certificate", "insist on it"),
    ("verify-fail", "refuse the peer's certificate"),
    ("expect-verify-result", "ignored"),
    ("use-custom-verify-callback", "ignored"),
    ("async", "always so"),
    ("implicit-handshake", "always so"),
    ("shim-writes-first", "say hello first"),
    ("shim-shuts-down", "close at once"),
    ("check-close-notify", "expect the peer to close with an alert"),
    ("use-export-context", "export with a context"),
    ("expect-hrr", "expect a second hello"),
    ("expect-no-hrr", "expect no second hello"),
    ("key-update", "change keys once"),
    ("key-update-before-read", "change keys before each read"),
    ("no-ticket", "always so"),
    ("expect-no-session", "always so"),
    ("expect-session-miss", "always so"),
    ("decline-alpn", "ignore the offered protocols"),
    ("server-preference", "always so"),
    ("expect-extended-master-secret", "refuse a peer without it"),
    ("ignore-rsa-key-usage", "always so"),
    ("expect-secure-renegotiation", "ignored: no peer without it is served"),
];

/// Flags with a value.
const OPTIONS: &[(&str, &str)] = &[
    ("port", "where the runner listens"),
    ("shim-id", "what to tell it first"),
    ("key-file", "our key, PKCS#8 in PEM"),
    ("cert-file", "our certificates, PEM"),
    ("trust-cert", "ignored: certificates are known by fingerprint"),
    ("min-version", "oldest version"),
    ("max-version", "newest version"),
    ("mtu", "longest datagram"),
    ("initial-timeout-duration-ms", "first wait"),
    ("export-keying-material", "export so many bytes and send them"),
    ("export-label", "the label for that"),
    ("export-context", "the context for that"),
    ("srtp-profiles", "names, separated by colons"),
    ("curves", "a group, may repeat"),
    ("cipher", "suites of DTLS 1.2"),
    ("signing-prefs", "a signature that we make, may repeat"),
    ("verify-prefs", "a signature that we take, may repeat"),
    ("advertise-alpn", "protocols that a client offers"),
    ("select-alpn", "protocol that a server chooses"),
    ("expect-alpn", "protocol that is expected"),
    ("expect-curve-id", "group that is expected"),
    ("expect-version", "version that is expected"),
    ("expect-cipher", "suite that is expected"),
    ("expect-peer-signature-algorithm", "signature that is expected"),
    ("resume-count", "0 only: sessions are not resumed"),
    ("write-settings", "ignored"),
    ("handshaker-path", "ignored"),
];

/// What the flags ask for.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    switches: Vec<String>,
    options: Vec<(String, String)>,
}

/// The flags that are known.
pub(crate) fn usage() -> String {
    let switches = SWITCHES.iter().map(|(name, what)| format!("-{name}: {what}\n"));
    let options = OPTIONS.iter().map(|(name, what)| format!("-{name} VALUE: {what}\n"));
    switches.chain(options).collect()
}

impl Flags {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut flags = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            // Flags for resumptions mean nothing here: there are none.
            let later = ["-on-resume-", "-on-retry-", "-on-handshaker-"]
                .iter()
                .find_map(|prefix| argument.strip_prefix(prefix));
            let name = later.unwrap_or_else(|| {
                let ours = ["-on-shim-", "-on-initial-"];
                let found = ours.iter().find_map(|prefix| argument.strip_prefix(prefix));
                found.unwrap_or_else(|| argument.trim_start_matches('-'))
            });
            if SWITCHES.iter().any(|(known, _)| *known == name) {
                if later.is_none() {
                    flags.switches.push(name.to_owned());
                }
            } else if OPTIONS.iter().any(|(known, _)| *known == name) {
                let missing = || Failure::Failed(format!("{argument} needs a value"));
                let value = arguments.next().ok_or_else(missing)?;
                if later.is_none() {
                    flags.options.push((name.to_owned(), value.clone()));
                }
            } else {
                return Err(Failure::Unimplemented(argument.clone()));
            }
        }
        match flags.number("resume-count")? {
            None | Some(0) => Ok(flags),
            Some(_) => Err(Failure::Unimplemented("resumption".to_owned())),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.switches.iter().any(|known| known == name)
    }

    /// The last value of an option.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.all(name).last()
    }

    /// All values of an option that may repeat.
    pub(crate) fn all<'f>(&'f self, name: &str) -> impl Iterator<Item = &'f str> {
        let named = move |(known, _): &&(String, String)| known == name;
        self.options
            .iter()
            .filter(named)
            .map(|(_, value)| value.as_str())
            .collect::<Vec<_>>()
            .into_iter()
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Failure> {
        self.text(name).map(|value| number(name, value)).transpose()
    }

    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<u16>, Failure> {
        self.all(name)
            .map(|value| {
                u16::try_from(number(name, value)?)
                    .map_err(|_| Failure::Failed(format!("-{name} {value}")))
            })
            .collect()
    }
}

fn number(name: &str, value: &str) -> Result<u64, Failure> {
    value.parse().map_err(|_| Failure::Failed(format!("-{name} {value} is no number")))
}
