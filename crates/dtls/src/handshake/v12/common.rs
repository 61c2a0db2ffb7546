use antiphon_crypto::{CertificateInfo, NamedGroup, SignatureScheme};
use subtle::ConstantTimeEq as _;

use crate::handshake::dialogue::{Dialogue, Outcome};
use crate::handshake::failure::{Failure, malformed};
use crate::handshake::identity::{self, expect};
use crate::handshake::reassembly::Message;
use crate::handshake::secrets::SessionSecrets;
use crate::handshake::terms::Terms;
use crate::handshake::v12::secrets::{Randoms, Secrets};
use crate::record::PLAIN;
use crate::wire::CertificateChain;
use crate::wire::handshake::HandshakeType;
use crate::{CipherSuite, Config, Connected, Role, Version, Violation};

/// The epoch after a ChangeCipherSpec.
pub(super) const PROTECTED: u64 = 1;

/// What the hellos decided.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(super) randoms: Randoms,
    pub(super) suite: CipherSuite,
    pub(super) terms: Terms,
    /// Whether both know extended_master_secret.
    pub(super) extended_master_secret: bool,
    /// Whether the server wanted a cookie.
    pub(super) retried: bool,
}

/// Takes the peer's certificate; `None` when it has none.
pub(super) fn take_certificate(
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Option<CertificateInfo>, Failure> {
    expect(message, HandshakeType::Certificate)?;
    let chain = CertificateChain::parse(&message.body).map_err(malformed(message.kind))?;
    let info = match chain.leaf() {
        Some(leaf) => Some(identity::take_leaf(leaf, config, dialogue)?),
        None => None,
    };
    dialogue.hear(message);
    Ok(info)
}

/// The body of our Certificate message.
pub(super) fn own_certificate(config: &Config) -> Vec<u8> {
    let mut body = Vec::new();
    CertificateChain::write(config.chain(), &mut body);
    body
}

/// Derives the secrets after the ClientKeyExchange, has the record layer use the keys, and tells
/// the key log.
pub(super) fn derive_secrets(
    config: &Config,
    dialogue: &mut Dialogue,
    chosen: &Chosen,
    agreed: &antiphon_crypto::Secret,
) -> Result<Secrets, Failure> {
    let provider = &*config.provider;
    let hash = dialogue.hash();
    let session_hash = chosen.extended_master_secret.then(|| hash.as_bytes());
    let secrets = Secrets::derive(provider, chosen.suite, agreed, session_hash, chosen.randoms)?;
    if let Some(log) = &config.key_log {
        log.log("CLIENT_RANDOM", &chosen.randoms.client, secrets.master());
    }
    Ok(secrets)
}

/// Has the record layer use the keys.
pub(super) fn use_keys(
    config: &Config,
    dialogue: &mut Dialogue,
    secrets: &Secrets,
    role: Role,
) -> Result<(), Failure> {
    let keys = secrets.keys(&*config.provider)?;
    let (write, read) = match role {
        Role::Client => (keys.client, keys.server),
        Role::Server => (keys.server, keys.client),
    };
    dialogue.step.write.push((PROTECTED, write));
    dialogue.step.read.push((PROTECTED, read));
    Ok(())
}

/// Sends ChangeCipherSpec and Finished.
pub(super) fn finish(
    config: &Config,
    dialogue: &mut Dialogue,
    secrets: &Secrets,
    role: Role,
) -> Result<(), Failure> {
    let proof = secrets.verify_data(&*config.provider, role, dialogue.hash().as_bytes())?;
    dialogue.change_cipher_spec();
    dialogue.say(HandshakeType::Finished, PROTECTED, proof.to_vec());
    dialogue.step.write_epoch = Some(PROTECTED);
    Ok(())
}

/// Says a message that is not protected.
pub(super) fn say(dialogue: &mut Dialogue, kind: HandshakeType, body: Vec<u8>) {
    dialogue.say(kind, PLAIN, body);
}

/// Checks the peer's Finished message.
pub(super) fn check_finished(
    message: &Message,
    config: &Config,
    dialogue: &Dialogue,
    secrets: &Secrets,
    sender: Role,
) -> Result<(), Failure> {
    expect(message, HandshakeType::Finished)?;
    let proof = secrets.verify_data(&*config.provider, sender, dialogue.hash().as_bytes())?;
    if bool::from(proof[..].ct_eq(&message.body)) {
        Ok(())
    } else {
        Err(Violation::Finished.into())
    }
}

/// What a complete handshake leaves behind.
pub(super) fn outcome(
    secrets: Secrets,
    chosen: Chosen,
    group: NamedGroup,
    peer_signature: Option<SignatureScheme>,
) -> Outcome {
    Outcome {
        secrets: SessionSecrets::V12(secrets),
        connected: Connected {
            version: Version::Dtls12,
            cipher_suite: chosen.suite,
            group,
            srtp_profile: chosen.terms.srtp_profile,
            peer_signature,
            hello_retried: chosen.retried,
        },
        protocol: chosen.terms.protocol,
    }
}
