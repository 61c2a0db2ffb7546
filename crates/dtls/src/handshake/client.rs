use crate::handshake::dialogue::Dialogue;
use crate::handshake::failure::{Failure, illegal, malformed};
use crate::handshake::identity::expect;
use crate::handshake::offer::Offer;
use crate::handshake::reassembly::Message;
use crate::handshake::v13::RETRY_RANDOM;
use crate::handshake::{v12, v13};
use crate::record::PLAIN;
use crate::wire::extension::{cookie, key_share, kind};
use crate::wire::handshake::HandshakeType;
use crate::wire::{DTLS_1_2, DTLS_1_3, HelloVerifyRequest, RANDOM_LEN, ServerHello};
use crate::{CipherSuite, Config, Incompatibility, Version, Violation};

/// How many cookies of the old kind a client takes: servers that change their key may ask twice.
const MAX_COOKIES: u8 = 4;

/// Ends the random of a server that speaks 1.3 and chose 1.2 (RFC 8446 section 4.1.3).
pub(crate) const DOWNGRADE: &[u8; 8] = b"DOWNGRD\x01";

/// The same of a server that speaks 1.2 and chose something older.
const DOWNGRADE_FURTHER: &[u8; 8] = b"DOWNGRD\x00";

/// The client's side.
#[derive(Debug)]
pub(crate) enum Client {
    Hello(Box<HelloSent>),
    V12(v12::Client),
    V13(v13::Client),
}

/// Our hello is out.
#[derive(Debug)]
pub(crate) struct HelloSent {
    offer: Offer,
    cookies: u8,
    /// The suite of a HelloRetryRequest.
    retried: Option<CipherSuite>,
}

impl Client {
    /// Says hello.
    pub(crate) fn start(
        config: &Config,
        random: [u8; RANDOM_LEN],
        dialogue: &mut Dialogue,
    ) -> Result<Self, Failure> {
        let offer = Offer::new(config, random)?;
        dialogue.say(HandshakeType::ClientHello, PLAIN, offer.write(config));
        Ok(Self::Hello(Box::new(HelloSent { offer, cookies: 0, retried: None })))
    }

    pub(crate) fn awaits_hello(&self) -> bool {
        matches!(self, Self::Hello(_))
    }

    /// Takes the next message in turn. After an error only a state that
    /// [awaits the hello](Self::awaits_hello) is the same as before.
    pub(crate) fn handle(
        &mut self,
        message: &Message,
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> Result<(), Failure> {
        match self {
            Self::Hello(hello) => {
                if let Some(next) = hello.handle(message, config, dialogue)? {
                    *self = next;
                }
                Ok(())
            }
            Self::V12(client) => client.handle(message, config, dialogue),
            Self::V13(client) => client.handle(message, config, dialogue),
        }
    }

    /// Takes a HelloVerifyRequest whose turn is over: a server without memory numbers each of
    /// them alike. Says whether its cookie was news.
    pub(crate) fn handle_late_cookie(
        &mut self,
        body: &[u8],
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> bool {
        let Self::Hello(hello) = self else { return false };
        let known =
            HelloVerifyRequest::parse(body).map(|request| request.cookie == hello.offer.old_cookie);
        known == Ok(false) && hello.handle_cookie(body, config, dialogue).is_ok()
    }
}

impl HelloSent {
    fn handle(
        &mut self,
        message: &Message,
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> Result<Option<Client>, Failure> {
        if message.kind == HandshakeType::HelloVerifyRequest {
            return self.handle_cookie(&message.body, config, dialogue).map(|()| None);
        }
        expect(message, HandshakeType::ServerHello)?;
        let hello = ServerHello::parse(&message.body).map_err(malformed(message.kind))?;
        if hello.version != DTLS_1_2 {
            return Err(Incompatibility::Version(hello.version).into());
        }
        match v13::chosen_version(&hello)? {
            Some(DTLS_1_3) if config.speaks(Version::Dtls13) => {
                self.handle_13(&hello, message, config, dialogue)
            }
            //= rfc8446#4.2.1
            // In that extension a server may only choose what was offered there, and nothing old.
            Some(_) if config.speaks(Version::Dtls13) => Err(illegal(message.kind)),
            Some(_) => Err(Violation::UnsolicitedExtension(kind::SUPPORTED_VERSIONS).into()),
            None => self.handle_12(&hello, message, config, dialogue).map(Some),
        }
    }

    fn handle_12(
        &mut self,
        hello: &ServerHello<'_>,
        message: &Message,
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> Result<Client, Failure> {
        if !config.speaks(Version::Dtls12) || self.retried.is_some() {
            return Err(Incompatibility::Version(hello.version).into());
        }
        //= rfc8446#4.1.3
        // A server that could do better says so in its random: then somebody made our offer worse.
        let downgraded = config.speaks(Version::Dtls13) && hello.random.ends_with(DOWNGRADE);
        if downgraded || hello.random.ends_with(DOWNGRADE_FURTHER) {
            return Err(Violation::Downgrade.into());
        }
        v12::Client::start(hello, message, &self.offer, config, dialogue).map(Client::V12)
    }

    fn handle_13(
        &mut self,
        hello: &ServerHello<'_>,
        message: &Message,
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> Result<Option<Client>, Failure> {
        //= rfc9147#5.1
        // A cookie of the old kind belongs to the old version.
        if self.cookies > 0 {
            return Err(illegal(message.kind));
        }
        if hello.random == RETRY_RANDOM {
            return self.handle_retry(hello, message, config, dialogue).map(|()| None);
        }
        let (offer, retried) = (&mut self.offer, self.retried);
        let client = v13::Client::start(hello, message, offer, retried, config, dialogue)?;
        Ok(Some(Client::V13(client)))
    }

    /// Says hello again, with what a HelloRetryRequest wants.
    fn handle_retry(
        &mut self,
        hello: &ServerHello<'_>,
        message: &Message,
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> Result<(), Failure> {
        //= rfc8446#4.1.4
        // Once; and it has to change something.
        if self.retried.is_some() {
            return Err(Violation::UnexpectedMessage(message.kind).into());
        }
        let suite = v13::chosen_suite(hello, &self.offer, None)?;
        let known = [kind::SUPPORTED_VERSIONS, kind::KEY_SHARE, kind::COOKIE];
        v13::check_known(hello.extensions, &known)?;
        let bad = malformed(message.kind);
        let group = hello.extensions.find(kind::KEY_SHARE).map(key_share::parse_wanted);
        let group = group.transpose().map_err(&bad)?;
        let cookie = hello.extensions.find(kind::COOKIE).map(cookie::parse);
        let cookie = cookie.transpose().map_err(&bad)?;
        if group.is_none() && cookie.is_none() {
            return Err(illegal(message.kind));
        }
        if let Some(number) = group {
            let mut offered = self.offer.groups.iter().copied();
            let group = offered.find(|group| group.to_wire() == number);
            let group = group.filter(|group| !self.offer.has_share(*group));
            self.offer.share_only(config, group.ok_or(illegal(message.kind))?)?;
        }
        self.offer.cookie = cookie.unwrap_or_default().to_vec();
        self.retried = Some(suite);
        let provider = &*config.provider;
        dialogue.choose(provider, Version::Dtls13, suite.hash())?;
        let first = dialogue.hash();
        dialogue.begin_with_hash(provider, suite.hash(), first.as_bytes())?;
        dialogue.hear(message);
        dialogue.say(HandshakeType::ClientHello, PLAIN, self.offer.write(config));
        Ok(())
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
        let old_enough = config.speaks(Version::Dtls12) && self.retried.is_none();
        if self.cookies >= MAX_COOKIES || !old_enough {
            return Err(Violation::UnexpectedMessage(kind).into());
        }
        self.cookies = self.cookies.saturating_add(1);
        self.offer.old_cookie = request.cookie.to_vec();
        dialogue.forget_transcript();
        dialogue.say(HandshakeType::ClientHello, PLAIN, self.offer.write(config));
        Ok(())
    }
}
