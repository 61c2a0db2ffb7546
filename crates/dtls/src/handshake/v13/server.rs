use antiphon_crypto::{CryptoError, NamedGroup, SignatureScheme};

use crate::handshake::dialogue::Dialogue;
use crate::handshake::failure::{Failure, illegal, malformed};
use crate::handshake::identity::{accept_none, accepted_schemes, choose_scheme};
use crate::handshake::reassembly::Message;
use crate::handshake::terms::Terms;
use crate::handshake::v13::common::{
    Chosen, Retry, application_secrets, check_certificate_verify, check_finished, outcome,
    read_application, say_certificate, say_finished, server_hello, take_certificate,
    use_handshake_keys, write_application,
};
use crate::handshake::v13::schedule::{HandshakeSecrets, Secrets};
use crate::record::{HANDSHAKE, PLAIN};
use crate::wire::certificate_request13::CertificateRequest13;
use crate::wire::extension::key_share::{self, KeyShare};
use crate::wire::extension::{
    Builder, Extensions, cookie, kind, signature_algorithms, supported_groups,
};
use crate::wire::handshake::HandshakeType;
use crate::wire::{ClientHello, DTLS_1_3, NULL_COMPRESSION, RANDOM_LEN};
use crate::{CipherSuite, ClientCertificate, Config, Incompatibility, Role, Version, Violation};

/// The server's side, from its hello on. Each state is named after what it waits for.
#[derive(Debug)]
pub(crate) enum Server {
    Certificate(Box<Waiting>),
    CertificateVerify(Box<Waiting>),
    Finished(Box<Waiting>, Option<SignatureScheme>),
    Over,
}

/// What we remember until the client's flight is there.
#[derive(Debug)]
pub(crate) struct Waiting {
    chosen: Chosen,
    secrets: HandshakeSecrets,
    application: Secrets,
}

/// What a hello leads to.
#[derive(Debug)]
pub(crate) enum Response {
    /// Another hello is wanted.
    Retry(Retry),
    /// Our flight was said.
    Proceed(Server),
}

/// What we take from the client's offer.
struct Choice<'h> {
    suite: CipherSuite,
    scheme: SignatureScheme,
    group: NamedGroup,
    /// The client's share in the group, if it sent one.
    share: Option<&'h [u8]>,
    terms: Terms,
}

/// Answers a hello that offers DTLS 1.3. `retry` is what was asked for before. Nothing has changed
/// after an error, unless the provider failed.
pub(crate) fn respond(
    random: [u8; RANDOM_LEN],
    hello: &ClientHello<'_>,
    message: &Message,
    retry: Option<&Retry>,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Response, Failure> {
    let choice = choose(hello, retry, config)?;
    let Some(share) = choice.share else {
        let Choice { suite, group, .. } = choice;
        return Ok(Response::Retry(Retry { suite, group: Some(group), cookie: Vec::new() }));
    };
    let provider = &*config.provider;
    let (our_share, agreed) = provider.encapsulate(choice.group, share).map_err(|error| {
        if matches!(error, CryptoError::InvalidShare { .. }) {
            Failure::from(Violation::KeyShare)
        } else {
            error.into()
        }
    })?;
    dialogue.choose(provider, Version::Dtls13, choice.suite.hash())?;
    dialogue.hear(message);
    let mut builder = Builder::default();
    builder.push(kind::SUPPORTED_VERSIONS, |data| data.extend(DTLS_1_3.to_be_bytes()));
    let (group, share) = (choice.group.to_wire(), &our_share[..]);
    builder.push(kind::KEY_SHARE, |data| key_share::write_chosen(KeyShare { group, share }, data));
    //= rfc9147#9
    // The id is known before the first record that carries it.
    choice.terms.answer_id(config, &mut builder);
    let body = server_hello(random, choice.suite, &builder);
    dialogue.say(HandshakeType::ServerHello, PLAIN, body);
    let secrets = HandshakeSecrets::derive(provider, choice.suite, &agreed, &dialogue.hash())?;
    let chosen = Chosen {
        client_random: hello.random,
        suite: choice.suite,
        group: choice.group,
        terms: choice.terms,
        retried: retry.is_some(),
    };
    say_flight(chosen, secrets, choice.scheme, config, dialogue).map(Response::Proceed)
}

/// What a first hello would have to be followed by, at least: the suite, and the group if there is
/// no share in it.
pub(crate) fn needed_retry(hello: &ClientHello<'_>, config: &Config) -> Result<Retry, Failure> {
    let choice = choose(hello, None, config)?;
    let group = choice.share.is_none().then_some(choice.group);
    Ok(Retry { suite: choice.suite, group, cookie: Vec::new() })
}

/// Everything that follows the hello.
fn say_flight(
    chosen: Chosen,
    secrets: HandshakeSecrets,
    scheme: SignatureScheme,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Server, Failure> {
    use_handshake_keys(config, dialogue, &secrets, Role::Server, &chosen.client_random)?;
    let mut builder = Builder::default();
    chosen.terms.answer(config, &mut builder);
    let mut body = Vec::new();
    builder.extensions().write(&mut body);
    dialogue.say(HandshakeType::EncryptedExtensions, HANDSHAKE, body);
    let asks = config.client_certificate != ClientCertificate::NotRequested;
    if asks {
        dialogue.say(HandshakeType::CertificateRequest, HANDSHAKE, certificate_request(config));
    }
    say_certificate(config, dialogue, scheme, Role::Server)?;
    say_finished(config, dialogue, &secrets, Role::Server)?;
    let application = application_secrets(config, dialogue, &secrets, &chosen.client_random)?;
    write_application(config, dialogue, &application, Role::Server)?;
    chosen.terms.apply(config, Version::Dtls13, dialogue);
    let waiting = Box::new(Waiting { chosen, secrets, application });
    Ok(if asks { Server::Certificate(waiting) } else { Server::Finished(waiting, None) })
}

/// Asks for a certificate, with any signature that we can check.
fn certificate_request(config: &Config) -> Vec<u8> {
    let mut builder = Builder::default();
    let schemes = accepted_schemes(config);
    builder.push(kind::SIGNATURE_ALGORITHMS, |data| signature_algorithms::write(schemes, data));
    let mut body = Vec::new();
    CertificateRequest13 { context: &[], extensions: builder.extensions() }.write(&mut body);
    body
}

fn choose<'h>(
    hello: &ClientHello<'h>,
    retry: Option<&Retry>,
    config: &Config,
) -> Result<Choice<'h>, Failure> {
    let kind = HandshakeType::ClientHello;
    //= rfc9147#5.3
    // No cookie of the old kind, no compression: anything else is an error.
    if !hello.cookie.is_empty() || hello.compression_methods != [NULL_COMPRESSION] {
        return Err(illegal(kind));
    }
    let mut suites = config.cipher_suites.iter().copied();
    let suite = suites
        .find(|suite| {
            suite.version() == Version::Dtls13
                && hello.offers_suite(suite.to_wire())
                && suite.is_available(&*config.provider)
        })
        .ok_or(Incompatibility::CipherSuite)?;
    if retry.is_some_and(|retry| retry.suite != suite) {
        return Err(illegal(kind));
    }
    let extensions = hello.extensions;
    let (group, share) = choose_group(extensions, config)?;
    if let Some(retry) = retry {
        check_retry(extensions, group, share, retry)?;
    }
    let data = required(extensions, kind::SIGNATURE_ALGORITHMS)?;
    let schemes = signature_algorithms::parse(data).map_err(malformed(kind))?;
    if config.certificate.is_none() {
        return Err(Incompatibility::NoOwnCertificate.into());
    }
    let scheme = choose_scheme(config, Version::Dtls13, schemes)?;
    let terms = Terms::choose(extensions, config)?;
    Ok(Choice { suite, scheme, group, share, terms })
}

fn required<'h>(extensions: Extensions<'h>, extension: u16) -> Result<&'h [u8], Failure> {
    //= rfc8446#9.2
    // What key agreement and signatures need has to be there.
    let message = HandshakeType::ClientHello;
    extensions.find(extension).ok_or(Violation::MissingExtension { message, extension }.into())
}

/// The group, and the client's share in it, if it sent one.
fn choose_group<'h>(
    extensions: Extensions<'h>,
    config: &Config,
) -> Result<(NamedGroup, Option<&'h [u8]>), Failure> {
    let bad = malformed(HandshakeType::ClientHello);
    let groups = required(extensions, kind::SUPPORTED_GROUPS)?;
    let theirs: Vec<u16> = supported_groups::parse(groups).map_err(&bad)?.collect();
    let shares = key_share::parse_all(required(extensions, kind::KEY_SHARE)?).map_err(&bad)?;
    //= rfc8446#4.2.8
    // Shares are for groups that the client named.
    if shares.iter().any(|share| !theirs.contains(&share.group)) {
        return Err(illegal(HandshakeType::ClientHello));
    }
    let common: Vec<NamedGroup> = config
        .usable_groups()
        .into_iter()
        .filter(|group| theirs.contains(&group.to_wire()))
        .collect();
    // A group with a share saves a round trip.
    for group in &common {
        if let Some(found) = shares.iter().find(|share| share.group == group.to_wire()) {
            return Ok((*group, Some(found.share)));
        }
    }
    let first = common.first().copied().ok_or(Incompatibility::Group)?;
    Ok((first, None))
}

/// A second hello has to do what it was asked for.
fn check_retry(
    extensions: Extensions<'_>,
    group: NamedGroup,
    share: Option<&[u8]>,
    retry: &Retry,
) -> Result<(), Failure> {
    let kind = HandshakeType::ClientHello;
    let shares = extensions.find(kind::KEY_SHARE).map(key_share::parse_all);
    let count = shares.and_then(Result::ok).map_or(0, |shares| shares.len());
    //= rfc8446#4.1.2
    // One share of the group that was asked for, and the cookie.
    let wrong_share =
        share.is_none() || retry.group.is_some_and(|wanted| wanted != group || count != 1);
    let cookie = match extensions.find(kind::COOKIE) {
        Some(data) => cookie::parse(data).map_err(malformed(kind))?,
        None => &[],
    };
    if wrong_share || cookie != retry.cookie || extensions.find(kind::EARLY_DATA).is_some() {
        return Err(illegal(kind));
    }
    Ok(())
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
            Self::Certificate(waiting) => match take_certificate(message, config, dialogue)? {
                Some(()) => Self::CertificateVerify(waiting),
                None => {
                    accept_none(config, Version::Dtls13)?;
                    Self::Finished(waiting, None)
                }
            },
            Self::CertificateVerify(waiting) => {
                let scheme = check_certificate_verify(message, config, dialogue, Role::Client)?;
                Self::Finished(waiting, Some(scheme))
            }
            Self::Finished(waiting, scheme) => {
                let Waiting { chosen, secrets, application } = *waiting;
                check_finished(message, config, dialogue, &secrets, Role::Client)?;
                read_application(config, dialogue, &application, Role::Server)?;
                //= rfc9147#7.1
                // Nothing answers the client's last flight but an acknowledgement.
                dialogue.step.acknowledge = true;
                dialogue.step.outcome = Some(outcome(application, chosen, scheme));
                Self::Over
            }
            Self::Over => return Err(Violation::UnexpectedMessage(message.kind).into()),
        };
        Ok(())
    }
}
