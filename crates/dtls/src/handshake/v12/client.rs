use antiphon_crypto::{NamedGroup, SignatureScheme};

use crate::handshake::dialogue::Dialogue;
use crate::handshake::failure::{Failure, illegal, malformed};
use crate::handshake::identity::{self, Signed, choose_scheme, expect};
use crate::handshake::offer::Offer;
use crate::handshake::reassembly::Message;
use crate::handshake::terms::{self, Terms};
use crate::handshake::v12::common::{
    Chosen, check_finished, derive_secrets, finish, outcome, own_certificate, say,
    take_certificate, use_keys,
};
use crate::handshake::v12::secrets::{Randoms, Secrets};
use crate::wire::extension::{Extensions, ec_point_formats, kind, renegotiation_info};
use crate::wire::handshake::HandshakeType;
use crate::wire::{
    CertificateRequest, CertificateVerify, ClientKeyExchange, NULL_COMPRESSION, ServerHello,
    ServerKeyExchange,
};
use crate::{
    CipherSuite, ClientCertificate, Config, Incompatibility, ParseError, Role, Version, Violation,
};

/// The client's side, from the ServerHello on. Each state is named after the message it waits for.
#[derive(Debug)]
pub(crate) enum Client {
    Certificate(Chosen),
    ServerKeyExchange(Chosen),
    CertificateRequest(Chosen, ServerShare),
    ServerHelloDone(Chosen, ServerShare, Request),
    Finished(Chosen, ServerShare, Secrets),
    Over,
}

/// The server's half of the key agreement, its signature checked.
#[derive(Debug)]
pub(crate) struct ServerShare {
    group: NamedGroup,
    share: Vec<u8>,
    scheme: SignatureScheme,
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
    /// Takes a ServerHello of DTLS 1.2; the caller has checked that. Nothing has changed after an
    /// error.
    pub(crate) fn start(
        hello: &ServerHello<'_>,
        message: &Message,
        offer: &Offer,
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> Result<Self, Failure> {
        //= rfc5246#7.4.1.3
        // The server chooses from what was offered: a suite, no compression.
        let suite = CipherSuite::from_wire(hello.cipher_suite)
            .filter(|suite| suite.version() == Version::Dtls12 && offer.suites.contains(suite))
            .filter(|_| hello.compression_method == NULL_COMPRESSION)
            .ok_or(illegal(message.kind))?;
        let (terms, extended_master_secret) = read_answer(hello.extensions, config)?;
        let randoms = Randoms { client: offer.random, server: hello.random };
        dialogue.choose(&*config.provider, Version::Dtls12, suite.hash())?;
        dialogue.hear(message);
        terms.apply(config, Version::Dtls12, dialogue);
        let retried = !offer.old_cookie.is_empty();
        Ok(Self::Certificate(Chosen { randoms, suite, terms, extended_master_secret, retried }))
    }

    /// Takes the next message in turn.
    pub(crate) fn handle(
        &mut self,
        message: &Message,
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> Result<(), Failure> {
        *self = match std::mem::replace(self, Self::Over) {
            Self::Certificate(chosen) => handle_certificate(chosen, message, config, dialogue)?,
            Self::ServerKeyExchange(chosen) => {
                handle_key_exchange(chosen, message, config, dialogue)?
            }
            Self::CertificateRequest(chosen, share) => {
                handle_certificate_request(chosen, share, message, config, dialogue)?
            }
            Self::ServerHelloDone(chosen, share, request) => {
                handle_hello_done(chosen, share, request, message, config, dialogue)?
            }
            Self::Finished(chosen, share, secrets) => {
                check_finished(message, config, dialogue, &secrets, Role::Server)?;
                let end = outcome(secrets, chosen, share.group, Some(share.scheme));
                dialogue.step.outcome = Some(end);
                Self::Over
            }
            Self::Over => return Err(Violation::UnexpectedMessage(message.kind).into()),
        };
        Ok(())
    }
}

/// Checks the extensions of the server's hello; says what was agreed on, and whether that includes
/// extended_master_secret.
fn read_answer(extensions: Extensions<'_>, config: &Config) -> Result<(Terms, bool), Failure> {
    let message = HandshakeType::ServerHello;
    let bad = malformed(message);
    let (mut terms, mut extended_master_secret) = (Terms::default(), false);
    for (kind, data) in extensions.iter() {
        match kind {
            kind::EXTENDED_MASTER_SECRET if data.is_empty() => extended_master_secret = true,
            kind::EXTENDED_MASTER_SECRET => {
                let error = ParseError::Trailing(data.len());
                return Err(Violation::Malformed { message, error }.into());
            }
            kind::RENEGOTIATION_INFO => {
                //= rfc5746#3.4
                // A first handshake has no earlier one to speak of.
                if !renegotiation_info::parse(data).map_err(&bad)? {
                    return Err(Violation::Renegotiation.into());
                }
            }
            kind::EC_POINT_FORMATS => {
                if !ec_point_formats::parse(data).map_err(&bad)? {
                    return Err(illegal(message));
                }
            }
            // Some servers tell their groups, though RFC 8422 section 4 reserves that to clients.
            kind::SUPPORTED_GROUPS => {}
            known if terms::knows(known) => terms.read_answer(known, data, message, config)?,
            //= rfc5246#7.4.1.4
            // An extension that was not offered ends the handshake.
            other => return Err(Violation::UnsolicitedExtension(other).into()),
        }
    }
    if !extended_master_secret && config.require_extended_master_secret {
        return Err(Incompatibility::ExtendedMasterSecret.into());
    }
    Ok((terms, extended_master_secret))
}

fn handle_certificate(
    chosen: Chosen,
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Client, Failure> {
    let info = take_certificate(message, config, dialogue)?;
    let error = ParseError::VectorLength { len: 0 };
    let info = info.ok_or(Violation::Malformed { message: message.kind, error })?;
    //= rfc8422#2.2
    // The suite says with what kind of key the server signs.
    if !chosen.suite.suits(info.kind) {
        return Err(Violation::CertificateForSuite.into());
    }
    Ok(Client::ServerKeyExchange(chosen))
}

fn handle_key_exchange(
    chosen: Chosen,
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Client, Failure> {
    expect(message, HandshakeType::ServerKeyExchange)?;
    let exchange = ServerKeyExchange::parse(&message.body).map_err(malformed(message.kind))?;
    let group = NamedGroup::from_wire(exchange.group)
        .filter(|group| is_curve(*group) && config.usable_groups().contains(group))
        .ok_or(illegal(message.kind))?;
    let Randoms { client, server } = chosen.randoms;
    let content = ServerKeyExchange::signed(&client, &server, exchange.group, exchange.share);
    let signed = Signed {
        message: message.kind,
        version: Version::Dtls12,
        scheme: exchange.scheme,
        content: &content,
        signature: exchange.signature,
    };
    let scheme = identity::check_signature(config, dialogue, signed)?;
    let share = ServerShare { group, share: exchange.share.to_vec(), scheme };
    dialogue.hear(message);
    Ok(Client::CertificateRequest(chosen, share))
}

/// Whether a group goes with DTLS 1.2: hybrids do not.
pub(super) fn is_curve(group: NamedGroup) -> bool {
    group != NamedGroup::X25519MlKem768
}

fn handle_certificate_request(
    chosen: Chosen,
    share: ServerShare,
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Client, Failure> {
    if message.kind == HandshakeType::ServerHelloDone {
        if config.client_certificate == ClientCertificate::Required {
            return Err(Incompatibility::NoCertificateRequest.into());
        }
        return handle_hello_done(chosen, share, Request::None, message, config, dialogue);
    }
    expect(message, HandshakeType::CertificateRequest)?;
    let request = CertificateRequest::parse(&message.body).map_err(malformed(message.kind))?;
    let request = if config.certificate.is_none() {
        Request::Empty
    } else {
        Request::Sign(choose_scheme(config, Version::Dtls12, request.schemes())?)
    };
    dialogue.hear(message);
    Ok(Client::ServerHelloDone(chosen, share, request))
}

/// The server's flight is complete: agree, and prove who we are.
fn handle_hello_done(
    chosen: Chosen,
    server: ServerShare,
    request: Request,
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Client, Failure> {
    expect(message, HandshakeType::ServerHelloDone)?;
    if !message.body.is_empty() {
        let error = ParseError::Trailing(message.body.len());
        return Err(Violation::Malformed { message: message.kind, error }.into());
    }
    dialogue.hear(message);
    match request {
        Request::None => {}
        Request::Empty => say(dialogue, HandshakeType::Certificate, vec![0, 0, 0]),
        Request::Sign(_) => say(dialogue, HandshakeType::Certificate, own_certificate(config)),
    }
    let exchange = config.provider.key_exchange(server.group)?;
    let mut body = Vec::new();
    ClientKeyExchange { share: exchange.public_share() }.write(&mut body);
    say(dialogue, HandshakeType::ClientKeyExchange, body);
    let agreed = exchange.agree(&server.share).map_err(|_| Violation::KeyShare)?;
    let secrets = derive_secrets(config, dialogue, &chosen, &agreed)?;
    if let Request::Sign(scheme) = request {
        let signature = identity::sign(config, scheme, dialogue.transcript())?;
        let mut body = Vec::new();
        CertificateVerify { scheme: scheme.to_wire(), signature: &signature }.write(&mut body);
        say(dialogue, HandshakeType::CertificateVerify, body);
    }
    use_keys(config, dialogue, &secrets, Role::Client)?;
    finish(config, dialogue, &secrets, Role::Client)?;
    Ok(Client::Finished(chosen, server, secrets))
}
