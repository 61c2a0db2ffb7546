use antiphon_crypto::SignatureScheme;

use crate::handshake::dialogue::Dialogue;
use crate::handshake::failure::{Failure, illegal, malformed};
use crate::handshake::identity::{choose_scheme, expect};
use crate::handshake::offer::Offer;
use crate::handshake::reassembly::Message;
use crate::handshake::terms::{self, Terms};
use crate::handshake::v13::common::{
    Chosen, application_secrets, check_certificate_verify, check_finished, outcome,
    read_application, say_certificate, say_finished, take_certificate, use_handshake_keys,
    write_application,
};
use crate::handshake::v13::schedule::HandshakeSecrets;
use crate::record::HANDSHAKE;
use crate::wire::ServerHello;
use crate::wire::certificate_request13::CertificateRequest13;
use crate::wire::certificate13::Certificate13;
use crate::wire::extension::key_share::KeyShare;
use crate::wire::extension::{Extensions, kind, signature_algorithms, supported_groups};
use crate::wire::handshake::HandshakeType;
use crate::{CipherSuite, ClientCertificate, Config, Incompatibility, Role, Version, Violation};

/// The client's side, from the ServerHello on. Each state is named after what it waits for.
#[derive(Debug)]
pub(crate) enum Client {
    EncryptedExtensions(Chosen, HandshakeSecrets),
    CertificateRequest(Chosen, HandshakeSecrets),
    Certificate(Chosen, HandshakeSecrets, Request),
    CertificateVerify(Chosen, HandshakeSecrets, Request),
    Finished(Chosen, HandshakeSecrets, Request, SignatureScheme),
    Over,
}

/// Whether and how we are to show a certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Request {
    /// The server did not ask.
    None,
    /// It asked, and we have none.
    Empty,
    /// It asked, and takes this signature.
    Sign(SignatureScheme),
}

impl Client {
    /// Takes a ServerHello of DTLS 1.3. The caller has checked that version and its random.
    /// Nothing has changed after an error.
    pub(crate) fn start(
        hello: &ServerHello<'_>,
        message: &Message,
        offer: &mut Offer,
        retried: Option<CipherSuite>,
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> Result<Self, Failure> {
        let kind = HandshakeType::ServerHello;
        let suite = chosen_suite(hello, offer, retried)?;
        let known = [kind::SUPPORTED_VERSIONS, kind::KEY_SHARE, kind::CONNECTION_ID];
        check_known(hello.extensions, &known)?;
        let mut terms = Terms::default();
        if let Some(data) = hello.extensions.find(kind::CONNECTION_ID) {
            terms.read_answer(kind::CONNECTION_ID, data, kind, config)?;
        }
        let data = hello
            .extensions
            .find(kind::KEY_SHARE)
            .ok_or(Violation::MissingExtension { message: kind, extension: kind::KEY_SHARE })?;
        let share = KeyShare::parse(data).map_err(malformed(kind))?;
        //= rfc8446#4.2.8
        // The server answers one of our shares.
        let exchange = offer.take_share(share.group).ok_or(illegal(kind))?;
        let group = exchange.group();
        let agreed = exchange.agree(share.share).map_err(|_| Violation::KeyShare)?;
        dialogue.choose(&*config.provider, Version::Dtls13, suite.hash())?;
        dialogue.hear(message);
        let secrets =
            HandshakeSecrets::derive(&*config.provider, suite, &agreed, &dialogue.hash())?;
        let chosen =
            Chosen { client_random: offer.random, suite, group, terms, retried: retried.is_some() };
        chosen.terms.apply(config, Version::Dtls13, dialogue);
        use_handshake_keys(config, dialogue, &secrets, Role::Client, &offer.random)?;
        Ok(Self::EncryptedExtensions(chosen, secrets))
    }

    /// Takes the next message in turn.
    pub(crate) fn handle(
        &mut self,
        message: &Message,
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> Result<(), Failure> {
        *self = match std::mem::replace(self, Self::Over) {
            Self::EncryptedExtensions(mut chosen, secrets) => {
                chosen.terms.merge(read_extensions(message, config)?);
                dialogue.hear(message);
                chosen.terms.apply(config, Version::Dtls13, dialogue);
                Self::CertificateRequest(chosen, secrets)
            }
            Self::CertificateRequest(chosen, secrets) => {
                if message.kind == HandshakeType::CertificateRequest {
                    let request = read_request(message, config)?;
                    dialogue.hear(message);
                    Self::Certificate(chosen, secrets, request)
                } else if config.client_certificate == ClientCertificate::Required {
                    expect(message, HandshakeType::Certificate)?;
                    return Err(Incompatibility::NoCertificateRequest.into());
                } else {
                    handle_certificate(chosen, secrets, Request::None, message, config, dialogue)?
                }
            }
            Self::Certificate(chosen, secrets, request) => {
                handle_certificate(chosen, secrets, request, message, config, dialogue)?
            }
            Self::CertificateVerify(chosen, secrets, request) => {
                let scheme = check_certificate_verify(message, config, dialogue, Role::Server)?;
                Self::Finished(chosen, secrets, request, scheme)
            }
            Self::Finished(chosen, secrets, request, scheme) => {
                check_finished(message, config, dialogue, &secrets, Role::Server)?;
                answer(chosen, &secrets, request, scheme, config, dialogue)?;
                Self::Over
            }
            Self::Over => return Err(Violation::UnexpectedMessage(message.kind).into()),
        };
        Ok(())
    }
}

/// The server's flight is complete: prove who we are, and go on to application data.
fn answer(
    chosen: Chosen,
    secrets: &HandshakeSecrets,
    request: Request,
    peer_signature: SignatureScheme,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<(), Failure> {
    let application = application_secrets(config, dialogue, secrets, &chosen.client_random)?;
    match request {
        Request::None => {}
        Request::Empty => {
            let mut body = Vec::new();
            Certificate13::write(std::iter::empty(), &mut body);
            dialogue.say(HandshakeType::Certificate, HANDSHAKE, body);
        }
        Request::Sign(scheme) => say_certificate(config, dialogue, scheme, Role::Client)?,
    }
    say_finished(config, dialogue, secrets, Role::Client)?;
    write_application(config, dialogue, &application, Role::Client)?;
    read_application(config, dialogue, &application, Role::Client)?;
    dialogue.step.outcome = Some(outcome(application, chosen, Some(peer_signature)));
    Ok(())
}

fn handle_certificate(
    chosen: Chosen,
    secrets: HandshakeSecrets,
    request: Request,
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Client, Failure> {
    //= rfc8446#4.4.2.4
    // A server has to show a certificate.
    take_certificate(message, config, dialogue)?.ok_or(Violation::Malformed {
        message: message.kind,
        error: crate::ParseError::VectorLength { len: 0 },
    })?;
    Ok(Client::CertificateVerify(chosen, secrets, request))
}

/// Checks the suite of a hello against our offer and against an earlier request.
pub(crate) fn chosen_suite(
    hello: &ServerHello<'_>,
    offer: &Offer,
    retried: Option<CipherSuite>,
) -> Result<CipherSuite, Failure> {
    let kind = HandshakeType::ServerHello;
    //= rfc8446#4.1.3
    // The server chooses from what was offered, and as it did when it asked for a second hello.
    let suite = CipherSuite::from_wire(hello.cipher_suite)
        .filter(|suite| suite.version() == Version::Dtls13 && offer.suites.contains(suite))
        .filter(|suite| retried.is_none_or(|earlier| earlier == *suite));
    let plain = hello.compression_method == 0 && hello.session_id.is_empty();
    suite.filter(|_| plain).ok_or(illegal(kind))
}

/// Refuses extensions that do not belong into this message.
pub(crate) fn check_known(extensions: Extensions<'_>, known: &[u16]) -> Result<(), Failure> {
    //= rfc8446#4.2
    // An answer that was not asked for ends the handshake.
    match extensions.iter().find(|(kind, _)| !known.contains(kind)) {
        Some((kind, _)) => Err(Violation::UnsolicitedExtension(kind).into()),
        None => Ok(()),
    }
}

fn read_extensions(message: &Message, config: &Config) -> Result<Terms, Failure> {
    expect(message, HandshakeType::EncryptedExtensions)?;
    let mut reader = crate::wire::cursor::Reader::new(&message.body);
    let bad = malformed(message.kind);
    let block = reader.vector16().map_err(&bad)?;
    reader.finish().map_err(&bad)?;
    let extensions = Extensions::parse(block).map_err(&bad)?;
    let mut terms = Terms::default();
    for (kind, data) in extensions.iter() {
        if terms::knows(kind) && kind != kind::CONNECTION_ID {
            terms.read_answer(kind, data, message.kind, config)?;
        } else if kind == kind::SUPPORTED_GROUPS {
            // What the server would rather have had; nothing to do about it now.
            supported_groups::parse(data).map_err(&bad)?.for_each(drop);
        } else {
            return Err(Violation::UnsolicitedExtension(kind).into());
        }
    }
    Ok(terms)
}

fn read_request(message: &Message, config: &Config) -> Result<Request, Failure> {
    let bad = malformed(message.kind);
    let request = CertificateRequest13::parse(&message.body).map_err(&bad)?;
    //= rfc8446#4.3.2
    // In a handshake the context is empty; the signatures have to be named.
    if !request.context.is_empty() {
        return Err(illegal(message.kind));
    }
    let data = request.extensions.find(kind::SIGNATURE_ALGORITHMS);
    let data = data.ok_or(Violation::MissingExtension {
        message: message.kind,
        extension: kind::SIGNATURE_ALGORITHMS,
    })?;
    let schemes = signature_algorithms::parse(data).map_err(&bad)?;
    if config.certificate.is_none() {
        return Ok(Request::Empty);
    }
    choose_scheme(config, Version::Dtls13, schemes).map(Request::Sign)
}
