use antiphon_crypto::{KeyExchange, NamedGroup, SignatureScheme};

use crate::handshake::dialogue::Dialogue;
use crate::handshake::failure::{Failure, illegal, malformed};
use crate::handshake::identity::{
    self, Signed, accept_none, accepted_schemes, choose_scheme, expect,
};
use crate::handshake::reassembly::Message;
use crate::handshake::terms::Terms;
use crate::handshake::v12::client::is_curve;
use crate::handshake::v12::common::{
    Chosen, check_finished, derive_secrets, finish, outcome, own_certificate, say,
    take_certificate, use_keys,
};
use crate::handshake::v12::secrets::{Randoms, Secrets};
use crate::wire::certificate_request::ECDSA_SIGN;
use crate::wire::extension::{
    Builder, Extensions, ec_point_formats, kind, renegotiation_info, signature_algorithms,
    supported_groups,
};
use crate::wire::handshake::HandshakeType;
use crate::wire::{
    CertificateRequest, CertificateVerify, ClientHello, ClientKeyExchange, DTLS_1_2,
    EMPTY_RENEGOTIATION_INFO_SCSV, NULL_COMPRESSION, RANDOM_LEN, ServerHello, ServerKeyExchange,
};
use crate::{
    CipherSuite, ClientCertificate, Config, Incompatibility, ParseError, Role, Version, Violation,
};

/// The server's side, from its hello on. Each state is named after the message it waits for.
#[derive(Debug)]
pub(crate) enum Server {
    Certificate(Chosen, Box<dyn KeyExchange>),
    /// Whether the client showed a certificate.
    ClientKeyExchange(Chosen, Box<dyn KeyExchange>, bool),
    CertificateVerify(Chosen, NamedGroup, Secrets),
    Finished(Chosen, NamedGroup, Secrets, Option<SignatureScheme>),
    Over,
}

/// What we take from the client's offer.
struct Choice {
    suite: CipherSuite,
    group: NamedGroup,
    scheme: SignatureScheme,
    terms: Terms,
    extended_master_secret: bool,
    /// Whether the client knows `renegotiation_info`.
    renegotiation_info: bool,
    /// Whether the client sent `ec_point_formats`.
    point_formats: bool,
}

impl Server {
    /// Takes the next message in turn.
    pub(crate) fn handle(
        &mut self,
        message: &Message,
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> Result<(), Failure> {
        *self = match std::mem::replace(self, Self::Over) {
            Self::Certificate(chosen, exchange) => {
                let shown = take_certificate(message, config, dialogue)?.is_some();
                if !shown {
                    accept_none(config, Version::Dtls12)?;
                }
                Self::ClientKeyExchange(chosen, exchange, shown)
            }
            Self::ClientKeyExchange(chosen, exchange, shown) => {
                handle_key_exchange(chosen, exchange, shown, message, config, dialogue)?
            }
            Self::CertificateVerify(chosen, group, secrets) => {
                let scheme = handle_certificate_verify(message, config, dialogue)?;
                Self::Finished(chosen, group, secrets, Some(scheme))
            }
            Self::Finished(chosen, group, secrets, scheme) => {
                check_finished(message, config, dialogue, &secrets, Role::Client)?;
                dialogue.hear(message);
                finish(config, dialogue, &secrets, Role::Server)?;
                dialogue.step.outcome = Some(outcome(secrets, chosen, group, scheme));
                Self::Over
            }
            Self::Over => return Err(Violation::UnexpectedMessage(message.kind).into()),
        };
        Ok(())
    }
}

/// Answers a hello. Nothing has changed after an error, unless the provider failed.
pub(crate) fn respond(
    random: [u8; RANDOM_LEN],
    hello: &ClientHello<'_>,
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Server, Failure> {
    let choice = choose(hello, config)?;
    let exchange = config.provider.key_exchange(choice.group)?;
    let randoms = Randoms { client: hello.random, server: random };
    // The signature may fail, and the hello may then be refused: nothing is said before.
    let key_exchange = sign_share(config, &choice, randoms, &*exchange)?;

    dialogue.choose(&*config.provider, Version::Dtls12, choice.suite.hash())?;
    dialogue.hear(message);
    say(dialogue, HandshakeType::ServerHello, server_hello(random, &choice, config));
    say(dialogue, HandshakeType::Certificate, own_certificate(config));
    say(dialogue, HandshakeType::ServerKeyExchange, key_exchange);
    let asks = config.client_certificate != ClientCertificate::NotRequested;
    if asks {
        say(dialogue, HandshakeType::CertificateRequest, certificate_request(config));
    }
    say(dialogue, HandshakeType::ServerHelloDone, Vec::new());
    choice.terms.apply(config, Version::Dtls12, dialogue);
    let Choice { suite, terms, extended_master_secret, .. } = choice;
    // Without its own a server has asked for none, whatever the client sends.
    let retried = config.cookie.is_some() && !hello.cookie.is_empty();
    let chosen = Chosen { randoms, suite, terms, extended_master_secret, retried };
    Ok(if asks {
        Server::Certificate(chosen, exchange)
    } else {
        Server::ClientKeyExchange(chosen, exchange, false)
    })
}

fn choose(hello: &ClientHello<'_>, config: &Config) -> Result<Choice, Failure> {
    let certificate = config.certificate.as_ref().ok_or(Incompatibility::NoOwnCertificate)?;
    let own = config.provider.inspect_certificate(certificate.der());
    let own = own.map_err(|_| Incompatibility::NoOwnCertificate)?;
    let mut suites = config.cipher_suites.iter().copied();
    let suite = suites
        .find(|suite| {
            suite.version() == Version::Dtls12
                && hello.offers_suite(suite.to_wire())
                && suite.suits(own.kind)
                && suite.is_available(&*config.provider)
        })
        .ok_or(Incompatibility::CipherSuite)?;
    if !hello.compression_methods.contains(&NULL_COMPRESSION) {
        return Err(Incompatibility::Compression.into());
    }
    let extensions = hello.extensions;
    let point_formats = check_point_formats(extensions)?;
    Ok(Choice {
        suite,
        extended_master_secret: check_extended_master_secret(extensions, config)?,
        group: choose_group(extensions, config)?,
        scheme: choose_signature(extensions, config)?,
        terms: Terms::choose(extensions, config)?,
        renegotiation_info: check_renegotiation(hello)?,
        point_formats,
    })
}

fn check_extended_master_secret(
    extensions: Extensions<'_>,
    config: &Config,
) -> Result<bool, Failure> {
    let message = HandshakeType::ClientHello;
    match extensions.find(kind::EXTENDED_MASTER_SECRET) {
        Some([]) => Ok(true),
        Some(data) => {
            let error = ParseError::Trailing(data.len());
            Err(Violation::Malformed { message, error }.into())
        }
        None if config.require_extended_master_secret => {
            Err(Incompatibility::ExtendedMasterSecret.into())
        }
        None => Ok(false),
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
    let mut ours = config.usable_groups().into_iter().filter(|group| is_curve(*group));
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
    choose_scheme(config, Version::Dtls12, theirs)
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

fn server_hello(random: [u8; RANDOM_LEN], choice: &Choice, config: &Config) -> Vec<u8> {
    let mut answer = Builder::default();
    if choice.extended_master_secret {
        answer.push(kind::EXTENDED_MASTER_SECRET, |_| {});
    }
    if choice.renegotiation_info {
        answer.push(kind::RENEGOTIATION_INFO, renegotiation_info::write);
    }
    if choice.point_formats {
        answer.push(kind::EC_POINT_FORMATS, ec_point_formats::write);
    }
    choice.terms.answer(config, &mut answer);
    choice.terms.answer_id(config, &mut answer);
    let hello = ServerHello {
        version: DTLS_1_2,
        random,
        session_id: &[],
        cipher_suite: choice.suite.to_wire(),
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
    let signature = identity::sign(config, choice.scheme, &signed)?;
    let scheme = choice.scheme.to_wire();
    let mut body = Vec::new();
    ServerKeyExchange { group, share, scheme, signature: &signature }.write(&mut body);
    Ok(body)
}

/// Asks for a certificate, as WebRTC does always, with any signature that we can check.
fn certificate_request(config: &Config) -> Vec<u8> {
    /// The certificate type of RSA keys (RFC 5246 section 7.4.4).
    const RSA_SIGN: u8 = 1;
    let schemes: Vec<u8> =
        accepted_schemes(config).into_iter().flat_map(u16::to_be_bytes).collect();
    let mut body = Vec::new();
    CertificateRequest::asking(&[ECDSA_SIGN, RSA_SIGN], &schemes).write(&mut body);
    body
}

fn handle_key_exchange(
    chosen: Chosen,
    exchange: Box<dyn KeyExchange>,
    shown: bool,
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Server, Failure> {
    expect(message, HandshakeType::ClientKeyExchange)?;
    let theirs = ClientKeyExchange::parse(&message.body).map_err(malformed(message.kind))?;
    let group = exchange.group();
    let agreed = exchange.agree(theirs.share).map_err(|_| Violation::KeyShare)?;
    dialogue.hear(message);
    let secrets = derive_secrets(config, dialogue, &chosen, &agreed)?;
    use_keys(config, dialogue, &secrets, Role::Server)?;
    if shown {
        return Ok(Server::CertificateVerify(chosen, group, secrets));
    }
    Ok(Server::Finished(chosen, group, secrets, None))
}

/// The proof that the client's certificate is its own.
fn handle_certificate_verify(
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<SignatureScheme, Failure> {
    expect(message, HandshakeType::CertificateVerify)?;
    let proof = CertificateVerify::parse(&message.body).map_err(malformed(message.kind))?;
    let signed = Signed {
        message: message.kind,
        version: Version::Dtls12,
        scheme: proof.scheme,
        content: dialogue.transcript(),
        signature: proof.signature,
    };
    let scheme = identity::check_signature(config, dialogue, signed)?;
    dialogue.hear(message);
    Ok(scheme)
}
