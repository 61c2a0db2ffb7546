use antiphon_crypto::{CertificateError, CertificateInfo, SignatureError, SignatureScheme};
use subtle::ConstantTimeEq as _;

use crate::handshake::dialogue::{Dialogue, Outcome};
use crate::handshake::failure::{Failure, malformed};
use crate::handshake::reassembly::Message;
use crate::handshake::v12::secrets::{Randoms, Secrets};
use crate::wire::CertificateChain;
use crate::wire::handshake::HandshakeType;
use crate::{
    CipherSuite, Config, Connected, Incompatibility, Role, SrtpProfile, Version, Violation,
};

/// What the hellos decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen {
    pub(super) randoms: Randoms,
    pub(super) srtp_profile: Option<SrtpProfile>,
}

/// Refuses a message of another kind than `expected`.
pub(super) fn expect(message: &Message, expected: HandshakeType) -> Result<(), Failure> {
    if message.kind == expected {
        Ok(())
    } else {
        Err(Violation::UnexpectedMessage(message.kind).into())
    }
}

/// Takes the peer's certificate out of its message. Whether it is the announced one is for the
/// connection to say.
pub(super) fn take_certificate(
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<CertificateInfo, Failure> {
    expect(message, HandshakeType::Certificate)?;
    let chain = CertificateChain::parse(&message.body).map_err(malformed(message.kind))?;
    // Leaving the certificate out is not a way around showing one.
    let leaf = chain.leaf().ok_or(Incompatibility::NoCertificate)?;
    let info = config.provider.inspect_certificate(leaf).map_err(certificate_failure)?;
    dialogue.peer_certificate = Some(leaf.to_vec());
    dialogue.hear(message);
    Ok(info)
}

fn certificate_failure(error: CertificateError) -> Failure {
    match error {
        CertificateError::UnsupportedKey => Incompatibility::CertificateKey.into(),
        CertificateError::Crypto(error) => error.into(),
        CertificateError::Malformed { .. } | CertificateError::Lifetime { .. } | _ => {
            Violation::Certificate.into()
        }
    }
}

/// Checks a signature of the peer, made with one of the schemes that we named.
pub(super) fn check_signature(
    config: &Config,
    dialogue: &Dialogue,
    kind: HandshakeType,
    scheme: u16,
    signed: &[u8],
    signature: &[u8],
) -> Result<(), Failure> {
    //= rfc5246#7.4.8
    // The scheme has to be one of those that we offered.
    let scheme = SignatureScheme::from_wire(scheme)
        .filter(|scheme| config.provider.signature_schemes().contains(scheme))
        .ok_or(Violation::IllegalParameter(kind))?;
    let certificate = dialogue.peer_certificate.as_deref().unwrap_or_default();
    config.provider.verify(scheme, certificate, signed, signature).map_err(|error| match error {
        SignatureError::SchemeMismatch => Violation::IllegalParameter(kind).into(),
        SignatureError::Certificate(error) => certificate_failure(error),
        SignatureError::Invalid | _ => Violation::Signature(kind).into(),
    })
}

/// The scheme for our signatures: the first of ours that the peer can check.
pub(super) fn choose_scheme(
    config: &Config,
    accepted: impl Iterator<Item = u16>,
) -> Result<SignatureScheme, Failure> {
    let accepted: Vec<u16> = accepted.collect();
    let ours = config.certificate.key().schemes().iter().copied();
    let mut common = ours.filter(|scheme| accepted.contains(&scheme.to_wire()));
    common.next().ok_or(Incompatibility::SignatureScheme.into())
}

/// The body of our Certificate message.
pub(super) fn own_certificate(config: &Config) -> Vec<u8> {
    let mut body = Vec::new();
    CertificateChain::write_single(config.certificate.der(), &mut body);
    body
}

/// The numbers of the signature schemes that we can check.
pub(super) fn accepted_schemes(config: &Config) -> impl Iterator<Item = u16> + '_ {
    config.provider.signature_schemes().iter().map(|scheme| scheme.to_wire())
}

/// Sends ChangeCipherSpec and Finished.
pub(super) fn finish(
    config: &Config,
    dialogue: &mut Dialogue,
    secrets: &Secrets,
    role: Role,
) -> Result<(), Failure> {
    let hash = dialogue.hash(&*config.provider)?;
    let proof = secrets.verify_data(&*config.provider, role, hash.as_bytes())?;
    dialogue.change_cipher_spec();
    dialogue.say(HandshakeType::Finished, proof.to_vec());
    Ok(())
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
    let hash = dialogue.hash(&*config.provider)?;
    let proof = secrets.verify_data(&*config.provider, sender, hash.as_bytes())?;
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
    group: antiphon_crypto::NamedGroup,
) -> Outcome {
    Outcome {
        secrets,
        connected: Connected {
            version: Version::Dtls12,
            cipher_suite: CipherSuite::EcdheEcdsaAes128GcmSha256,
            group,
            srtp_profile: chosen.srtp_profile,
        },
    }
}
