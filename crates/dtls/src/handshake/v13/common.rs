use antiphon_crypto::{NamedGroup, SignatureScheme};
use subtle::ConstantTimeEq as _;

use crate::handshake::dialogue::{Dialogue, Outcome};
use crate::handshake::failure::{Failure, malformed};
use crate::handshake::identity::{self, Signed, expect};
use crate::handshake::reassembly::Message;
use crate::handshake::secrets::SessionSecrets;
use crate::handshake::terms::Terms;
use crate::handshake::v13::schedule::{HandshakeSecrets, Secrets};
use crate::record::{APPLICATION, HANDSHAKE};
use crate::wire::certificate13::Certificate13;
use crate::wire::extension::{Builder, cookie, kind, supported_versions};
use crate::wire::handshake::HandshakeType;
use crate::wire::{
    CertificateVerify, DTLS_1_2, DTLS_1_3, NULL_COMPRESSION, RANDOM_LEN, ServerHello,
};
use crate::{CipherSuite, Config, Connected, Role, Version, Violation};

/// The random by which a HelloRetryRequest is told from a ServerHello (RFC 8446 section 4.1.3).
pub(crate) const RETRY_RANDOM: [u8; RANDOM_LEN] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What a HelloRetryRequest says.
#[derive(Clone, Debug)]
pub(crate) struct Retry {
    pub(crate) suite: CipherSuite,
    /// The group in which a share is wanted; `None` when the share is all right.
    pub(crate) group: Option<NamedGroup>,
    /// What is to come back; empty: nothing.
    pub(crate) cookie: Vec<u8>,
}

/// The body of a HelloRetryRequest. A function of what it says: a server without memory writes it
/// again for the transcript.
pub(crate) fn retry_request(retry: &Retry) -> Vec<u8> {
    let mut builder = Builder::default();
    builder.push(kind::SUPPORTED_VERSIONS, |data| data.extend(DTLS_1_3.to_be_bytes()));
    if let Some(group) = retry.group {
        builder.push(kind::KEY_SHARE, |data| data.extend(group.to_wire().to_be_bytes()));
    }
    if !retry.cookie.is_empty() {
        builder.push(kind::COOKIE, |data| cookie::write(&retry.cookie, data));
    }
    server_hello(RETRY_RANDOM, retry.suite, &builder)
}

/// The body of a ServerHello with these extensions.
pub(super) fn server_hello(
    random: [u8; RANDOM_LEN],
    suite: CipherSuite,
    builder: &Builder,
) -> Vec<u8> {
    let hello = ServerHello {
        version: DTLS_1_2,
        random,
        //= rfc9147#5
        // The session id is never repeated.
        session_id: &[],
        cipher_suite: suite.to_wire(),
        compression_method: NULL_COMPRESSION,
        extensions: builder.extensions(),
    };
    let mut body = Vec::new();
    hello.write(&mut body);
    body
}

/// The version that a server's hello chose, if it says so.
pub(crate) fn chosen_version(hello: &ServerHello<'_>) -> Result<Option<u16>, Failure> {
    let Some(data) = hello.extensions.find(kind::SUPPORTED_VERSIONS) else { return Ok(None) };
    let chosen = supported_versions::parse_chosen(data);
    Ok(Some(chosen.map_err(malformed(HandshakeType::ServerHello))?))
}

/// What a signature of `sender` covers (RFC 8446 section 4.4.3).
fn signed_content(sender: Role, transcript: &[u8]) -> Vec<u8> {
    let context: &[u8] = match sender {
        Role::Client => b"TLS 1.3, client CertificateVerify",
        Role::Server => b"TLS 1.3, server CertificateVerify",
    };
    [&[0x20; 64], context, &[0], transcript].concat()
}

/// Takes the peer's certificate; `None` when it has none.
pub(super) fn take_certificate(
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Option<()>, Failure> {
    expect(message, HandshakeType::Certificate)?;
    let certificate = Certificate13::parse(&message.body).map_err(malformed(message.kind))?;
    if !certificate.context.is_empty() {
        return Err(Violation::IllegalParameter(message.kind).into());
    }
    //= rfc8446#4.4.2
    // A certificate answers extensions that were asked for, and we ask for none.
    if let Some(kind) = certificate.extension() {
        return Err(Violation::UnsolicitedExtension(kind).into());
    }
    let leaf = certificate.leaf();
    if let Some(leaf) = leaf {
        identity::take_leaf(leaf, config, dialogue)?;
    }
    dialogue.hear(message);
    Ok(leaf.map(|_| ()))
}

/// Checks the peer's proof that its certificate is its own.
pub(super) fn check_certificate_verify(
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
    sender: Role,
) -> Result<SignatureScheme, Failure> {
    expect(message, HandshakeType::CertificateVerify)?;
    let proof = CertificateVerify::parse(&message.body).map_err(malformed(message.kind))?;
    let content = signed_content(sender, dialogue.hash().as_bytes());
    let signed = Signed {
        message: message.kind,
        version: Version::Dtls13,
        scheme: proof.scheme,
        content: &content,
        signature: proof.signature,
    };
    let scheme = identity::check_signature(config, dialogue, signed)?;
    dialogue.hear(message);
    Ok(scheme)
}

/// Checks the peer's Finished message and takes it into the transcript.
pub(super) fn check_finished(
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
    secrets: &HandshakeSecrets,
    sender: Role,
) -> Result<(), Failure> {
    expect(message, HandshakeType::Finished)?;
    let proof = secrets.verify_data(&*config.provider, sender, &dialogue.hash())?;
    if bool::from(proof.as_bytes().ct_eq(&message.body)) {
        dialogue.hear(message);
        return Ok(());
    }
    let (len, need) = (message.body.len(), proof.as_bytes().len());
    if len != need {
        let error = crate::ParseError::VectorLength { len };
        return Err(Violation::Malformed { message: message.kind, error }.into());
    }
    Err(Violation::Finished.into())
}

/// Shows our certificates and proves that they are ours.
pub(super) fn say_certificate(
    config: &Config,
    dialogue: &mut Dialogue,
    scheme: SignatureScheme,
    sender: Role,
) -> Result<(), Failure> {
    let mut body = Vec::new();
    Certificate13::write(config.chain(), &mut body);
    dialogue.say(HandshakeType::Certificate, HANDSHAKE, body);
    let content = signed_content(sender, dialogue.hash().as_bytes());
    let signature = identity::sign(config, scheme, &content)?;
    let mut body = Vec::new();
    CertificateVerify { scheme: scheme.to_wire(), signature: &signature }.write(&mut body);
    dialogue.say(HandshakeType::CertificateVerify, HANDSHAKE, body);
    Ok(())
}

/// Proves that we saw the same handshake.
pub(super) fn say_finished(
    config: &Config,
    dialogue: &mut Dialogue,
    secrets: &HandshakeSecrets,
    sender: Role,
) -> Result<(), Failure> {
    let proof = secrets.verify_data(&*config.provider, sender, &dialogue.hash())?;
    dialogue.say(HandshakeType::Finished, HANDSHAKE, proof.as_bytes().to_vec());
    Ok(())
}

/// Has the record layer use the keys of the handshake, and tells the key log.
pub(super) fn use_handshake_keys(
    config: &Config,
    dialogue: &mut Dialogue,
    secrets: &HandshakeSecrets,
    role: Role,
    client_random: &[u8; RANDOM_LEN],
) -> Result<(), Failure> {
    let provider = &*config.provider;
    dialogue.step.read.push((HANDSHAKE, secrets.keys(provider, role.opposite())?));
    dialogue.step.write.push((HANDSHAKE, secrets.keys(provider, role)?));
    dialogue.step.write_epoch = Some(HANDSHAKE);
    if let Some(log) = &config.key_log {
        let (client, server) = (secrets.of(Role::Client), secrets.of(Role::Server));
        log.log("CLIENT_HANDSHAKE_TRAFFIC_SECRET", client_random, client.expose());
        log.log("SERVER_HANDSHAKE_TRAFFIC_SECRET", client_random, server.expose());
    }
    Ok(())
}

/// Derives the secrets of application data, and tells the key log.
pub(super) fn application_secrets(
    config: &Config,
    dialogue: &Dialogue,
    secrets: &HandshakeSecrets,
    client_random: &[u8; RANDOM_LEN],
) -> Result<Secrets, Failure> {
    let application = secrets.application(&*config.provider, &dialogue.hash())?;
    if let Some(log) = &config.key_log {
        let (client, server) = (application.of(Role::Client), application.of(Role::Server));
        log.log("CLIENT_TRAFFIC_SECRET_0", client_random, client.expose());
        log.log("SERVER_TRAFFIC_SECRET_0", client_random, server.expose());
        log.log("EXPORTER_SECRET", client_random, application.exporter.expose());
    }
    Ok(application)
}

/// Has the record layer write application data.
pub(super) fn write_application(
    config: &Config,
    dialogue: &mut Dialogue,
    secrets: &Secrets,
    role: Role,
) -> Result<(), Failure> {
    dialogue.step.write.push((APPLICATION, secrets.keys(&*config.provider, role)?));
    dialogue.step.write_epoch = Some(APPLICATION);
    Ok(())
}

/// Has the record layer read application data.
pub(super) fn read_application(
    config: &Config,
    dialogue: &mut Dialogue,
    secrets: &Secrets,
    role: Role,
) -> Result<(), Failure> {
    dialogue.step.read.push((APPLICATION, secrets.keys(&*config.provider, role.opposite())?));
    Ok(())
}

/// What the hellos decided.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(super) client_random: [u8; RANDOM_LEN],
    pub(super) suite: CipherSuite,
    pub(super) group: NamedGroup,
    pub(super) terms: Terms,
    pub(super) retried: bool,
}

/// What a complete handshake leaves behind.
pub(super) fn outcome(
    secrets: Secrets,
    chosen: Chosen,
    peer_signature: Option<SignatureScheme>,
) -> Outcome {
    Outcome {
        secrets: SessionSecrets::V13(secrets),
        connected: Connected {
            version: Version::Dtls13,
            cipher_suite: chosen.suite,
            group: chosen.group,
            srtp_profile: chosen.terms.srtp_profile,
            peer_signature,
            hello_retried: chosen.retried,
        },
        protocol: chosen.terms.protocol,
    }
}
