use antiphon_crypto::{KeyExchange, NamedGroup, SignatureScheme};

use crate::handshake::dialogue::Dialogue;
use crate::handshake::failure::{Failure, illegal, malformed};
use crate::handshake::reassembly::Message;
use crate::handshake::v12::common::{
    Chosen, accepted_schemes, check_finished, check_signature, choose_scheme, expect, finish,
    outcome, own_certificate, take_certificate,
};
use crate::handshake::v12::secrets::{Randoms, Secrets};
use crate::wire::certificate_request::ECDSA_SIGN;
use crate::wire::extension::{
    Builder, Extensions, ec_point_formats, kind, renegotiation_info, signature_algorithms,
    supported_groups, supported_versions, use_srtp,
};
use crate::wire::handshake::HandshakeType;
use crate::wire::{
    CertificateRequest, CertificateVerify, ClientHello, ClientKeyExchange, DTLS_1_2,
    ECDHE_ECDSA_AES_128_GCM_SHA256, EMPTY_RENEGOTIATION_INFO_SCSV, NULL_COMPRESSION, RANDOM_LEN,
    ServerHello, ServerKeyExchange,
};
use crate::{Config, Incompatibility, Role, SrtpProfile, Violation};

/// The server's side. Each state is named after the message it waits for.
#[derive(Debug)]
pub(crate) enum Server {
    ClientHello { random: [u8; RANDOM_LEN] },
    Certificate(Chosen, Box<dyn KeyExchange>),
    ClientKeyExchange(Chosen, Box<dyn KeyExchange>),
    CertificateVerify(Chosen, NamedGroup, Secrets),
    Finished(Chosen, NamedGroup, Secrets),
    Over,
}

/// What we take from the client's offer.
struct Choice {
    group: NamedGroup,
    scheme: SignatureScheme,
    srtp_profile: Option<SrtpProfile>,
    /// Whether the client knows `renegotiation_info`.
    renegotiation_info: bool,
    /// Whether the client sent `ec_point_formats`.
    point_formats: bool,
}

impl Server {
    /// Waits for a hello, which will be answered with `random`.
    pub(crate) fn start(random: [u8; RANDOM_LEN]) -> Self {
        Self::ClientHello { random }
    }

    pub(crate) fn awaits_hello(&self) -> bool {
        matches!(self, Self::ClientHello { .. })
    }

    /// Takes the next message in turn. After an error only a state that
    /// [awaits the hello](Self::awaits_hello) is the same as before.
    pub(crate) fn handle(
        &mut self,
        message: &Message,
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> Result<(), Failure> {
        if let Self::ClientHello { random } = *self {
            *self = handle_client_hello(random, message, config, dialogue)?;
            return Ok(());
        }
        *self = match std::mem::replace(self, Self::Over) {
            Self::ClientHello { .. } | Self::Over => {
                return Err(Violation::UnexpectedMessage(message.kind).into());
            }
            Self::Certificate(chosen, exchange) => {
                take_certificate(message, config, dialogue)?;
                Self::ClientKeyExchange(chosen, exchange)
            }
            Self::ClientKeyExchange(chosen, exchange) => {
                handle_key_exchange(chosen, exchange, message, config, dialogue)?
            }
            Self::CertificateVerify(chosen, group, secrets) => {
                handle_certificate_verify(message, config, dialogue)?;
                Self::Finished(chosen, group, secrets)
            }
            Self::Finished(chosen, group, secrets) => {
                check_finished(message, config, dialogue, &secrets, Role::Client)?;
                dialogue.hear(message);
                finish(config, dialogue, &secrets, Role::Server)?;
                dialogue.outcome = Some(outcome(secrets, chosen, group));
                Self::Over
            }
        };
        Ok(())
    }
}

fn handle_client_hello(
    random: [u8; RANDOM_LEN],
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Server, Failure> {
    expect(message, HandshakeType::ClientHello)?;
    let hello = ClientHello::parse(&message.body).map_err(malformed(message.kind))?;
    let choice = choose(&hello, config)?;
    let exchange = config.provider.key_exchange(choice.group)?;
    let randoms = Randoms { client: hello.random, server: random };
    // The signature may fail, and the hello may then be refused: nothing is said before.
    let key_exchange = sign_share(config, &choice, randoms, &*exchange)?;

    dialogue.hear(message);
    dialogue.say(HandshakeType::ServerHello, server_hello(random, &choice));
    dialogue.say(HandshakeType::Certificate, own_certificate(config));
    dialogue.say(HandshakeType::ServerKeyExchange, key_exchange);
    dialogue.say(HandshakeType::CertificateRequest, certificate_request(config));
    dialogue.say(HandshakeType::ServerHelloDone, Vec::new());
    let chosen = Chosen { randoms, srtp_profile: choice.srtp_profile };
    Ok(Server::Certificate(chosen, exchange))
}

fn choose(hello: &ClientHello<'_>, config: &Config) -> Result<Choice, Failure> {
    check_version(hello)?;
    if !hello.offers_suite(ECDHE_ECDSA_AES_128_GCM_SHA256) {
        return Err(Incompatibility::CipherSuite.into());
    }
    if !hello.compression_methods.contains(&NULL_COMPRESSION) {
        return Err(Incompatibility::Compression.into());
    }
    let extensions = hello.extensions;
    match extensions.find(kind::EXTENDED_MASTER_SECRET) {
        Some([]) => {}
        Some(_) => return Err(illegal(HandshakeType::ClientHello)),
        None => return Err(Incompatibility::ExtendedMasterSecret.into()),
    }
    let point_formats = check_point_formats(extensions)?;
    Ok(Choice {
        group: choose_group(extensions, config)?,
        scheme: choose_signature(extensions, config)?,
        srtp_profile: choose_profile(extensions, config)?,
        renegotiation_info: check_renegotiation(hello)?,
        point_formats,
    })
}

/// DTLS 1.2 has to be among the client's versions. A server that knows nothing newer takes 1.2
/// from a client that offers 1.3 too, and leaves its random as it is: the mark against downgrades
/// is for servers that could have done better (RFC 8446 section 4.1.3).
fn check_version(hello: &ClientHello<'_>) -> Result<(), Failure> {
    // Newer versions have lower numbers.
    if hello.version > DTLS_1_2 || hello.version >> 8 != DTLS_1_2 >> 8 {
        return Err(Incompatibility::Version(hello.version).into());
    }
    let Some(data) = hello.extensions.find(kind::SUPPORTED_VERSIONS) else { return Ok(()) };
    let versions = supported_versions::parse(data).map_err(malformed(HandshakeType::ClientHello));
    if versions?.any(|version| version == DTLS_1_2) {
        Ok(())
    } else {
        Err(Incompatibility::Version(hello.version).into())
    }
}

/// Says whether the client sent the extension; if so, it has to name the uncompressed format.
fn check_point_formats(extensions: Extensions<'_>) -> Result<bool, Failure> {
    let message = HandshakeType::ClientHello;
    let Some(data) = extensions.find(kind::EC_POINT_FORMATS) else { return Ok(false) };
    if ec_point_formats::parse(data).map_err(malformed(message))? {
        Ok(true)
    } else {
        Err(illegal(message))
    }
}

fn choose_group(extensions: Extensions<'_>, config: &Config) -> Result<NamedGroup, Failure> {
    let mut ours = config.provider.groups().iter().copied();
    let chosen = match extensions.find(kind::SUPPORTED_GROUPS) {
        // A client that names none takes any (RFC 8422 section 4).
        None => ours.next(),
        Some(data) => {
            let theirs: Vec<u16> = supported_groups::parse(data)
                .map_err(malformed(HandshakeType::ClientHello))?
                .collect();
            ours.find(|group| theirs.contains(&group.to_wire()))
        }
    };
    chosen.ok_or(Incompatibility::Group.into())
}

fn choose_signature(
    extensions: Extensions<'_>,
    config: &Config,
) -> Result<SignatureScheme, Failure> {
    // Without the extension only SHA-1 would be left (RFC 5246 section 7.4.1.4.1).
    let data =
        extensions.find(kind::SIGNATURE_ALGORITHMS).ok_or(Incompatibility::SignatureScheme)?;
    let theirs =
        signature_algorithms::parse(data).map_err(malformed(HandshakeType::ClientHello))?;
    choose_scheme(config, theirs)
}

fn choose_profile(
    extensions: Extensions<'_>,
    config: &Config,
) -> Result<Option<SrtpProfile>, Failure> {
    let Some(data) = extensions.find(kind::USE_SRTP) else { return Ok(None) };
    let offer = use_srtp::UseSrtp::parse(data).map_err(malformed(HandshakeType::ClientHello))?;
    let theirs: Vec<u16> = offer.profiles().collect();
    let mut ours = config.srtp_profiles.iter().copied();
    Ok(ours.find(|profile| theirs.contains(&profile.to_wire())))
}

/// Says whether the client knows `renegotiation_info`. One that does not is served all the same:
/// neither side of WebRTC ever renegotiates (RFC 8827 section 6.5).
fn check_renegotiation(hello: &ClientHello<'_>) -> Result<bool, Failure> {
    let Some(data) = hello.extensions.find(kind::RENEGOTIATION_INFO) else {
        return Ok(hello.offers_suite(EMPTY_RENEGOTIATION_INFO_SCSV));
    };
    //= rfc5746#3.6
    // A first handshake has no earlier one to speak of.
    if renegotiation_info::parse(data).map_err(malformed(HandshakeType::ClientHello))? {
        Ok(true)
    } else {
        Err(Violation::Renegotiation.into())
    }
}

fn server_hello(random: [u8; RANDOM_LEN], choice: &Choice) -> Vec<u8> {
    let mut answer = Builder::default();
    answer.push(kind::EXTENDED_MASTER_SECRET, |_| {});
    if choice.renegotiation_info {
        answer.push(kind::RENEGOTIATION_INFO, renegotiation_info::write);
    }
    if choice.point_formats {
        answer.push(kind::EC_POINT_FORMATS, ec_point_formats::write);
    }
    if let Some(profile) = choice.srtp_profile {
        //= rfc5764#4.1.1
        // One profile of the client's list; the identifier stays empty whatever was offered.
        answer.push(kind::USE_SRTP, |data| use_srtp::write([profile.to_wire()], data));
    }
    let hello = ServerHello {
        version: DTLS_1_2,
        random,
        session_id: &[],
        cipher_suite: ECDHE_ECDSA_AES_128_GCM_SHA256,
        compression_method: NULL_COMPRESSION,
        extensions: answer.extensions(),
    };
    let mut body = Vec::new();
    hello.write(&mut body);
    body
}

fn sign_share(
    config: &Config,
    choice: &Choice,
    randoms: Randoms,
    exchange: &dyn KeyExchange,
) -> Result<Vec<u8>, Failure> {
    let (group, share) = (choice.group.to_wire(), exchange.public_share());
    let signed = ServerKeyExchange::signed(&randoms.client, &randoms.server, group, share);
    let signature = config.certificate.key().sign(choice.scheme, &signed)?;
    let scheme = choice.scheme.to_wire();
    let mut body = Vec::new();
    ServerKeyExchange { group, share, scheme, signature: &signature }.write(&mut body);
    Ok(body)
}

/// Asks for a certificate, as WebRTC does always, with any signature that we can check.
fn certificate_request(config: &Config) -> Vec<u8> {
    /// The certificate type of RSA keys (RFC 5246 section 7.4.4).
    const RSA_SIGN: u8 = 1;
    let schemes: Vec<u8> = accepted_schemes(config).flat_map(u16::to_be_bytes).collect();
    let mut body = Vec::new();
    CertificateRequest::asking(&[ECDSA_SIGN, RSA_SIGN], &schemes).write(&mut body);
    body
}

fn handle_key_exchange(
    chosen: Chosen,
    exchange: Box<dyn KeyExchange>,
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Server, Failure> {
    expect(message, HandshakeType::ClientKeyExchange)?;
    let theirs = ClientKeyExchange::parse(&message.body).map_err(malformed(message.kind))?;
    let group = exchange.group();
    let agreed = exchange.agree(theirs.share).map_err(|_| Violation::KeyShare)?;
    dialogue.hear(message);
    let session_hash = dialogue.hash(&*config.provider)?;
    let secrets =
        Secrets::derive(&*config.provider, &agreed, session_hash.as_bytes(), chosen.randoms)?;
    dialogue.keys = Some(secrets.keys(&*config.provider)?);
    Ok(Server::CertificateVerify(chosen, group, secrets))
}

/// The proof that the client's certificate is its own.
fn handle_certificate_verify(
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<(), Failure> {
    expect(message, HandshakeType::CertificateVerify)?;
    let proof = CertificateVerify::parse(&message.body).map_err(malformed(message.kind))?;
    let signed = dialogue.transcript();
    check_signature(config, dialogue, message.kind, proof.scheme, signed, proof.signature)?;
    dialogue.hear(message);
    Ok(())
}
