//! Certificates and signatures, as both versions use them.

use antiphon_crypto::{CertificateError, CertificateInfo, SignatureError, SignatureScheme};

use crate::handshake::dialogue::Dialogue;
use crate::handshake::failure::Failure;
use crate::handshake::reassembly::Message;
use crate::wire::handshake::HandshakeType;
use crate::{ClientCertificate, Config, Incompatibility, Version, Violation};

/// Refuses a message of another kind than `expected`.
pub(crate) fn expect(message: &Message, expected: HandshakeType) -> Result<(), Failure> {
    if message.kind == expected {
        Ok(())
    } else {
        Err(Violation::UnexpectedMessage(message.kind).into())
    }
}

/// Takes the peer's own certificate. Whether it is the announced one is for the connection to say.
pub(crate) fn take_leaf(
    leaf: &[u8],
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<CertificateInfo, Failure> {
    let info = config.provider.inspect_certificate(leaf).map_err(certificate_failure)?;
    dialogue.peer_certificate = Some(leaf.to_vec());
    Ok(info)
}

/// A client without a certificate: whether that is all right.
pub(crate) fn accept_none(config: &Config, version: Version) -> Result<(), Failure> {
    match config.client_certificate {
        // Leaving the certificate out is not a way around showing one.
        ClientCertificate::Required => Err(Incompatibility::NoCertificate(version).into()),
        ClientCertificate::Requested | ClientCertificate::NotRequested => Ok(()),
    }
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

/// A signature of the peer's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed<'s> {
    /// The message that carries it.
    pub(crate) message: HandshakeType,
    pub(crate) version: Version,
    /// The scheme's number.
    pub(crate) scheme: u16,
    /// What it covers.
    pub(crate) content: &'s [u8],
    pub(crate) signature: &'s [u8],
}

/// Checks a signature of the peer, made with one of the schemes that we named, and returns the
/// scheme.
pub(crate) fn check_signature(
    config: &Config,
    dialogue: &Dialogue,
    signed: Signed<'_>,
) -> Result<SignatureScheme, Failure> {
    let illegal = Violation::IllegalParameter(signed.message);
    let is_13 = signed.version == Version::Dtls13;
    //= rfc5246#7.4.8
    //= rfc8446#4.4.3
    // The scheme has to be one of those that we offered.
    let scheme = SignatureScheme::from_wire(signed.scheme)
        .filter(|scheme| config.usable_verify_schemes().contains(scheme))
        .filter(|scheme| !is_13 || scheme.signs_tls13())
        .ok_or(illegal)?;
    let certificate = dialogue.peer_certificate.as_deref().unwrap_or_default();
    let provider = &*config.provider;
    let checked = if is_13 {
        provider.verify(scheme, certificate, signed.content, signed.signature)
    } else {
        provider.verify_tls12(scheme, certificate, signed.content, signed.signature)
    };
    checked.map_err(|error| match error {
        SignatureError::SchemeMismatch => illegal.into(),
        SignatureError::Certificate(error) => certificate_failure(error),
        SignatureError::Invalid | _ => Failure::from(Violation::Signature(signed.message)),
    })?;
    Ok(scheme)
}

/// The scheme for our signatures: the first of ours that the peer can check.
pub(crate) fn choose_scheme(
    config: &Config,
    version: Version,
    accepted: impl Iterator<Item = u16>,
) -> Result<SignatureScheme, Failure> {
    let accepted: Vec<u16> = accepted.collect();
    let ours = config.usable_signing_schemes().into_iter();
    let mut common = ours
        .filter(|scheme| version == Version::Dtls12 || scheme.signs_tls13())
        .filter(|scheme| accepted.contains(&scheme.to_wire()));
    common.next().ok_or(Incompatibility::SignatureScheme.into())
}

/// Signs with our key.
pub(crate) fn sign(
    config: &Config,
    scheme: SignatureScheme,
    content: &[u8],
) -> Result<Vec<u8>, Failure> {
    let certificate = config.certificate.as_ref().ok_or(Incompatibility::NoOwnCertificate)?;
    Ok(certificate.key().sign(scheme, content)?)
}

/// The numbers of the signature schemes that we can check.
pub(crate) fn accepted_schemes(config: &Config) -> Vec<u16> {
    config.usable_verify_schemes().into_iter().map(SignatureScheme::to_wire).collect()
}
