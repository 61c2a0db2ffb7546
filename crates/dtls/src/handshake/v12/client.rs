use antiphon_crypto::{NamedGroup, PublicKeyKind, SignatureScheme};

use crate::handshake::dialogue::Dialogue;
use crate::handshake::failure::{Failure, illegal, malformed};
use crate::handshake::reassembly::Message;
use crate::handshake::v12::common::{
    Chosen, accepted_schemes, check_finished, check_signature, choose_scheme, expect, finish,
    outcome, own_certificate, take_certificate,
};
use crate::handshake::v12::secrets::{Randoms, Secrets};
use crate::wire::extension::{
    Builder, Extensions, ec_point_formats, kind, renegotiation_info, signature_algorithms,
    supported_groups, use_srtp,
};
use crate::wire::handshake::HandshakeType;
use crate::wire::{
    CertificateRequest, CertificateVerify, ClientHello, ClientKeyExchange, DTLS_1_2,
    ECDHE_ECDSA_AES_128_GCM_SHA256, HelloVerifyRequest, NULL_COMPRESSION, RANDOM_LEN, ServerHello,
    ServerKeyExchange,
};
use crate::{Config, Incompatibility, Role, SrtpProfile, Violation};

/// How many cookies a client takes: servers that change their key may ask twice.
const MAX_COOKIES: u8 = 4;

/// The client's side. Each state is named after the message it waits for.
#[derive(Debug)]
pub(crate) enum Client {
    ServerHello(HelloSent),
    Certificate(Chosen),
    ServerKeyExchange(Chosen),
    CertificateRequest(Chosen, ServerShare),
    ServerHelloDone(Chosen, ServerShare, SignatureScheme),
    Finished(Chosen, NamedGroup, Secrets),
    Over,
}

/// Our hello is out.
#[derive(Clone, Debug)]
pub(crate) struct HelloSent {
    random: [u8; RANDOM_LEN],
    cookie: Vec<u8>,
    cookies: u8,
}

/// The server's half of the key agreement, its signature checked.
#[derive(Debug)]
pub(crate) struct ServerShare {
    group: NamedGroup,
    share: Vec<u8>,
}

impl Client {
    /// Says hello.
    pub(crate) fn start(
        config: &Config,
        random: [u8; RANDOM_LEN],
        dialogue: &mut Dialogue,
    ) -> Self {
        let hello = HelloSent { random, cookie: Vec::new(), cookies: 0 };
        hello.say(config, dialogue);
        Self::ServerHello(hello)
    }

    pub(crate) fn awaits_hello(&self) -> bool {
        matches!(self, Self::ServerHello(_))
    }

    /// Takes the next message in turn. After an error only a state that
    /// [awaits the hello](Self::awaits_hello) is the same as before.
    pub(crate) fn handle(
        &mut self,
        message: &Message,
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> Result<(), Failure> {
        if let Self::ServerHello(hello) = self {
            if message.kind == HandshakeType::HelloVerifyRequest {
                return hello.handle_cookie(&message.body, config, dialogue);
            }
            let chosen = hello.handle_server_hello(message, config)?;
            dialogue.hear(message);
            *self = Self::Certificate(chosen);
            return Ok(());
        }
        *self = match std::mem::replace(self, Self::Over) {
            Self::ServerHello(_) | Self::Over => {
                return Err(Violation::UnexpectedMessage(message.kind).into());
            }
            Self::Certificate(chosen) => handle_certificate(chosen, message, config, dialogue)?,
            Self::ServerKeyExchange(chosen) => {
                handle_key_exchange(chosen, message, config, dialogue)?
            }
            Self::CertificateRequest(chosen, share) => {
                handle_certificate_request(chosen, share, message, config, dialogue)?
            }
            Self::ServerHelloDone(chosen, share, scheme) => {
                handle_hello_done(chosen, &share, scheme, message, config, dialogue)?
            }
            Self::Finished(chosen, group, secrets) => {
                check_finished(message, config, dialogue, &secrets, Role::Server)?;
                dialogue.outcome = Some(outcome(secrets, chosen, group));
                Self::Over
            }
        };
        Ok(())
    }

    /// Takes a HelloVerifyRequest whose turn is over: a server without memory numbers each of
    /// them alike. Says whether its cookie was news.
    pub(crate) fn handle_late_cookie(
        &mut self,
        body: &[u8],
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> bool {
        let Self::ServerHello(hello) = self else { return false };
        let known = HelloVerifyRequest::parse(body).map(|request| request.cookie == hello.cookie);
        known == Ok(false) && hello.handle_cookie(body, config, dialogue).is_ok()
    }
}

impl HelloSent {
    fn say(&self, config: &Config, dialogue: &mut Dialogue) {
        let suite = ECDHE_ECDSA_AES_128_GCM_SHA256.to_be_bytes();
        let offer = offer(config);
        let hello =
            ClientHello::offering(DTLS_1_2, self.random, &suite, &self.cookie, offer.extensions());
        let mut body = Vec::new();
        hello.write(&mut body);
        dialogue.say(HandshakeType::ClientHello, body);
    }

    //= rfc6347#4.2.1
    // The same hello again, with the cookie; neither the first hello nor the request for the
    // cookie count in the transcript, and the request's version means nothing.
    fn handle_cookie(
        &mut self,
        body: &[u8],
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> Result<(), Failure> {
        let kind = HandshakeType::HelloVerifyRequest;
        let request = HelloVerifyRequest::parse(body).map_err(malformed(kind))?;
        if self.cookies >= MAX_COOKIES {
            return Err(Violation::UnexpectedMessage(kind).into());
        }
        self.cookies = self.cookies.saturating_add(1);
        self.cookie = request.cookie.to_vec();
        dialogue.forget_transcript();
        self.say(config, dialogue);
        Ok(())
    }

    fn handle_server_hello(&self, message: &Message, config: &Config) -> Result<Chosen, Failure> {
        expect(message, HandshakeType::ServerHello)?;
        let hello = ServerHello::parse(&message.body).map_err(malformed(message.kind))?;
        if hello.version != DTLS_1_2 {
            return Err(Incompatibility::Version(hello.version).into());
        }
        //= rfc5246#7.4.1.3
        // The server chooses from what was offered: one suite, no compression.
        if hello.cipher_suite != ECDHE_ECDSA_AES_128_GCM_SHA256
            || hello.compression_method != NULL_COMPRESSION
        {
            return Err(illegal(message.kind));
        }
        let srtp_profile = read_answer(hello.extensions, config)?;
        let randoms = Randoms { client: self.random, server: hello.random };
        Ok(Chosen { randoms, srtp_profile })
    }
}

/// The extensions of our hello.
fn offer(config: &Config) -> Builder {
    let mut offer = Builder::default();
    //= rfc7627#5.2
    // The client always offers it.
    offer.push(kind::EXTENDED_MASTER_SECRET, |_| {});
    //= rfc5746#3.4
    // An empty renegotiation_info says that we know the attack.
    offer.push(kind::RENEGOTIATION_INFO, renegotiation_info::write);
    let groups = config.provider.groups().iter().map(|group| group.to_wire());
    offer.push(kind::SUPPORTED_GROUPS, |data| supported_groups::write(groups, data));
    offer.push(kind::EC_POINT_FORMATS, ec_point_formats::write);
    let schemes = accepted_schemes(config);
    offer.push(kind::SIGNATURE_ALGORITHMS, |data| signature_algorithms::write(schemes, data));
    if !config.srtp_profiles.is_empty() {
        let profiles = config.srtp_profiles.iter().map(|profile| profile.to_wire());
        offer.push(kind::USE_SRTP, |data| use_srtp::write(profiles, data));
    }
    offer
}

/// Checks the extensions of the server's hello and returns the profile for SRTP.
fn read_answer(
    extensions: Extensions<'_>,
    config: &Config,
) -> Result<Option<SrtpProfile>, Failure> {
    let message = HandshakeType::ServerHello;
    let mut profile = None;
    let mut extended_master_secret = false;
    for (kind, data) in extensions.iter() {
        match kind {
            kind::EXTENDED_MASTER_SECRET if data.is_empty() => extended_master_secret = true,
            kind::EXTENDED_MASTER_SECRET => return Err(illegal(message)),
            kind::RENEGOTIATION_INFO => {
                //= rfc5746#3.4
                // A first handshake has no earlier one to speak of.
                if !renegotiation_info::parse(data).map_err(malformed(message))? {
                    return Err(Violation::Renegotiation.into());
                }
            }
            kind::EC_POINT_FORMATS => {
                if !ec_point_formats::parse(data).map_err(malformed(message))? {
                    return Err(illegal(message));
                }
            }
            kind::USE_SRTP if !config.srtp_profiles.is_empty() => {
                profile = Some(chosen_profile(data, config)?);
            }
            // Some servers tell their groups, though RFC 8422 section 4 reserves that to clients.
            kind::SUPPORTED_GROUPS => {}
            //= rfc5246#7.4.1.4
            // An extension that was not offered ends the handshake.
            other => return Err(Violation::UnsolicitedExtension(other).into()),
        }
    }
    if !extended_master_secret {
        return Err(Incompatibility::ExtendedMasterSecret.into());
    }
    Ok(profile)
}

fn chosen_profile(data: &[u8], config: &Config) -> Result<SrtpProfile, Failure> {
    let message = HandshakeType::ServerHello;
    let answer = use_srtp::UseSrtp::parse(data).map_err(malformed(message))?;
    let chosen: Vec<_> = answer.profiles().collect();
    //= rfc5764#4.1.1
    // Exactly one profile, and one of those that we offered.
    let [profile] = chosen[..] else { return Err(illegal(message)) };
    //= rfc5764#4.1.3
    // We offered no master key identifier, so the server may not name one.
    if !answer.mki.is_empty() {
        return Err(illegal(message));
    }
    SrtpProfile::from_wire(profile)
        .filter(|profile| config.srtp_profiles.contains(profile))
        .ok_or(illegal(message))
}

fn handle_certificate(
    chosen: Chosen,
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Client, Failure> {
    let info = take_certificate(message, config, dialogue)?;
    //= rfc8422#2.2
    // The suite wants a key that signs with ECDSA or EdDSA.
    match info.kind {
        PublicKeyKind::EcdsaP256 | PublicKeyKind::EcdsaP384 | PublicKeyKind::Ed25519 => {
            Ok(Client::ServerKeyExchange(chosen))
        }
        PublicKeyKind::Rsa { .. } | _ => Err(Incompatibility::CertificateKey.into()),
    }
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
        .filter(|group| config.provider.groups().contains(group))
        .ok_or(illegal(message.kind))?;
    let Randoms { client, server } = chosen.randoms;
    let signed = ServerKeyExchange::signed(&client, &server, exchange.group, exchange.share);
    check_signature(config, dialogue, message.kind, exchange.scheme, &signed, exchange.signature)?;
    let share = ServerShare { group, share: exchange.share.to_vec() };
    dialogue.hear(message);
    Ok(Client::CertificateRequest(chosen, share))
}

fn handle_certificate_request(
    chosen: Chosen,
    share: ServerShare,
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Client, Failure> {
    if message.kind == HandshakeType::ServerHelloDone {
        return Err(Incompatibility::NoCertificateRequest.into());
    }
    expect(message, HandshakeType::CertificateRequest)?;
    let request = CertificateRequest::parse(&message.body).map_err(malformed(message.kind))?;
    let scheme = choose_scheme(config, request.schemes())?;
    dialogue.hear(message);
    Ok(Client::ServerHelloDone(chosen, share, scheme))
}

/// The server's flight is complete: agree, and prove who we are.
fn handle_hello_done(
    chosen: Chosen,
    server: &ServerShare,
    scheme: SignatureScheme,
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Client, Failure> {
    expect(message, HandshakeType::ServerHelloDone)?;
    if !message.body.is_empty() {
        return Err(illegal(message.kind));
    }
    dialogue.hear(message);
    dialogue.say(HandshakeType::Certificate, own_certificate(config));

    let exchange = config.provider.key_exchange(server.group)?;
    let mut body = Vec::new();
    ClientKeyExchange { share: exchange.public_share() }.write(&mut body);
    dialogue.say(HandshakeType::ClientKeyExchange, body);
    let agreed = exchange.agree(&server.share).map_err(|_| Violation::KeyShare)?;
    let session_hash = dialogue.hash(&*config.provider)?;
    let secrets =
        Secrets::derive(&*config.provider, &agreed, session_hash.as_bytes(), chosen.randoms)?;

    let signature = config.certificate.key().sign(scheme, dialogue.transcript())?;
    let mut body = Vec::new();
    CertificateVerify { scheme: scheme.to_wire(), signature: &signature }.write(&mut body);
    dialogue.say(HandshakeType::CertificateVerify, body);

    dialogue.keys = Some(secrets.keys(&*config.provider)?);
    finish(config, dialogue, &secrets, Role::Client)?;
    Ok(Client::Finished(chosen, server.group, secrets))
}
