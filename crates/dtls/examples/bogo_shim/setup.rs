//! From flags to a configuration.

use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto::{
    Certificate, CertificateParams, CryptoProvider, NamedGroup, SignatureScheme,
};
use antiphon_crypto_rust::RustCrypto;
use antiphon_dtls::{CipherSuite, ClientCertificate, Config, PeerIdentity, SrtpProfile, Version};

use crate::flags::Flags;
use crate::{Failure, pem};

/// A year or so before today: certificates do not matter by their dates.
const SOME_DAY: Duration = Duration::from_secs(1_790_000_000);

/// The configuration that the flags ask for.
pub(crate) fn config(flags: &Flags) -> Result<Config, Failure> {
    let provider: Arc<dyn CryptoProvider> = Arc::new(RustCrypto::new());
    let mut config = match certificate(flags, &*provider)? {
        Some((certificate, chain)) => {
            let mut config = Config::new(provider, certificate);
            config.certificate_chain = chain;
            config
        }
        None => Config::without_certificate(provider),
    };
    config.versions = versions(flags)?;
    config.groups = groups(flags)?;
    if let Some(list) = flags.text("cipher") {
        config.cipher_suites = suites(list)?;
    }
    config.signing_schemes = schemes(flags, "signing-prefs")?;
    config.verify_schemes = schemes(flags, "verify-prefs")?;
    config.srtp_profiles = profiles(flags)?;
    config.alpn_protocols = protocols(flags);
    config.client_certificate = if flags.has("require-any-client-certificate") {
        ClientCertificate::Required
    } else if flags.has("verify-peer") || !flags.has("server") {
        ClientCertificate::Requested
    } else {
        ClientCertificate::NotRequested
    };
    config.peer_identity =
        if flags.has("verify-fail") { PeerIdentity::Fingerprint } else { PeerIdentity::Unverified };
    // A client that insists on being asked would be WebRTC's; the runner's need not.
    if !flags.has("server") {
        config.client_certificate = ClientCertificate::Requested;
    }
    config.require_extended_master_secret = flags.has("expect-extended-master-secret");
    if let Some(mtu) = flags.number("mtu")? {
        config.mtu = usize::try_from(mtu).unwrap_or(usize::MAX);
    }
    like_the_runner(flags, &mut config)?;
    Ok(config)
}

/// Timers as the runner expects them, and every sign of trouble at once.
fn like_the_runner(flags: &Flags, config: &mut Config) -> Result<(), Failure> {
    let millis = flags.number("initial-timeout-duration-ms")?.unwrap_or(400);
    config.initial_timeout = Some(Duration::from_millis(millis));
    config.handshake_timeout = Duration::MAX;
    config.max_timeout = Duration::from_secs(60);
    config.max_retransmissions = 12;
    config.refusal_grace = Duration::ZERO;
    config.retransmit_on_partial_ack = false;
    config.trust_plaintext_acks = true;
    config.max_burst_records = usize::MAX;
    // The runner expects data that comes too early to be dropped.
    config.max_early_bytes = 0;
    Ok(())
}

type Identity = (Certificate, Vec<Vec<u8>>);

fn certificate(flags: &Flags, provider: &dyn CryptoProvider) -> Result<Option<Identity>, Failure> {
    let (Some(certificates), Some(key)) = (flags.text("cert-file"), flags.text("key-file")) else {
        if !flags.has("server") {
            return Ok(None);
        }
        let made = provider.generate_certificate(&CertificateParams::new(SOME_DAY));
        let made = made.map_err(|error| Failure::Failed(error.to_string()))?;
        return Ok(Some((made, Vec::new())));
    };
    let mut chain = pem::read(certificates, "CERTIFICATE")?.into_iter();
    let keys = pem::read(key, "PRIVATE KEY")?;
    let (Some(leaf), Some(key)) = (chain.next(), keys.first()) else {
        return Err(Failure::Failed(format!("nothing in {certificates} or {key}")));
    };
    let imported = provider.import_certificate(&leaf, key);
    let imported = imported.map_err(|error| Failure::Unimplemented(error.to_string()))?;
    Ok(Some((imported, chain.collect())))
}

/// The age of a version: the newer, the higher. The runner numbers them as TLS or as DTLS does.
fn age(number: u64) -> u8 {
    match number {
        0x0304 | 0xfefc => 3,
        0x0303 | 0xfefd => 2,
        _ => 1,
    }
}

fn versions(flags: &Flags) -> Result<Vec<Version>, Failure> {
    let oldest = flags.number("min-version")?.map_or(0, age);
    let newest = flags.number("max-version")?.map_or(u8::MAX, age);
    let spoken: Vec<Version> = [(Version::Dtls13, 3, "no-tls13"), (Version::Dtls12, 2, "no-tls12")]
        .into_iter()
        .filter(|(_, age, no)| (oldest..=newest).contains(age) && !flags.has(no))
        .map(|(version, ..)| version)
        .collect();
    match (spoken.is_empty(), newest) {
        (false, _) => Ok(spoken),
        (true, 0 | 1) => Err(Failure::Unimplemented("DTLS 1.0".to_owned())),
        (true, _) => Err(Failure::Failed("NoVersion".to_owned())),
    }
}

fn groups(flags: &Flags) -> Result<Vec<NamedGroup>, Failure> {
    let asked = flags.numbers("curves")?;
    if asked.is_empty() {
        return Ok(vec![NamedGroup::X25519, NamedGroup::Secp256r1, NamedGroup::Secp384r1]);
    }
    let known = |number| {
        NamedGroup::from_wire(number)
            .ok_or_else(|| Failure::Unimplemented(format!("group {number}")))
    };
    asked.into_iter().map(known).collect()
}

fn schemes(flags: &Flags, name: &str) -> Result<Vec<SignatureScheme>, Failure> {
    let known = |number| {
        SignatureScheme::from_wire(number)
            .ok_or_else(|| Failure::Unimplemented(format!("signature {number:#06x}")))
    };
    flags.numbers(name)?.into_iter().map(known).collect()
}

/// Suites by their names, those of the registry or those of OpenSSL; DTLS 1.3's are always on.
fn suites(list: &str) -> Result<Vec<CipherSuite>, Failure> {
    let mut chosen: Vec<CipherSuite> =
        CipherSuite::ALL.into_iter().filter(|suite| suite.version() == Version::Dtls13).collect();
    for name in list.split(':') {
        let plain = name.replace('_', "-");
        let mut all = CipherSuite::ALL.into_iter();
        let suite = all.find(|suite| {
            let full = suite.name().replace('_', "-");
            let short = full.replace("TLS-", "").replace("-WITH", "").replace("AES-", "AES");
            plain == full || plain == short || format!("{plain}-SHA256") == short
        });
        chosen.push(suite.ok_or_else(|| Failure::Unimplemented(format!("suite {name}")))?);
    }
    Ok(chosen)
}

fn profiles(flags: &Flags) -> Result<Vec<SrtpProfile>, Failure> {
    let names = flags.text("srtp-profiles").into_iter().flat_map(|list| list.split(':'));
    names
        .map(|name| match name {
            "SRTP_AES128_CM_SHA1_80" => Ok(SrtpProfile::Aes128CmSha1_80),
            "SRTP_AES128_CM_SHA1_32" => Ok(SrtpProfile::Aes128CmSha1_32),
            "SRTP_AEAD_AES_128_GCM" => Ok(SrtpProfile::AeadAes128Gcm),
            "SRTP_AEAD_AES_256_GCM" => Ok(SrtpProfile::AeadAes256Gcm),
            other => Err(Failure::Unimplemented(format!("profile {other}"))),
        })
        .collect()
}

fn protocols(flags: &Flags) -> Vec<Vec<u8>> {
    if flags.has("decline-alpn") {
        return Vec::new();
    }
    if let Some(selected) = flags.text("select-alpn") {
        return vec![selected.as_bytes().to_vec()];
    }
    let mut rest = flags.text("advertise-alpn").unwrap_or_default().as_bytes();
    let mut protocols = Vec::new();
    while let Some((len, behind)) = rest.split_first() {
        let Some((protocol, behind)) = behind.split_at_checked(usize::from(*len)) else { break };
        protocols.push(protocol.to_vec());
        rest = behind;
    }
    protocols
}
