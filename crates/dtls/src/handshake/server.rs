use crate::handshake::client::DOWNGRADE;
use crate::handshake::cookie;
use crate::handshake::dialogue::Dialogue;
use crate::handshake::failure::{Failure, illegal, malformed};
use crate::handshake::identity::expect;
use crate::handshake::reassembly::Message;
use crate::handshake::v13::{Response, Retry};
use crate::handshake::{v12, v13};
use crate::record::PLAIN;
use crate::wire::extension::{cookie as cookie_extension, kind, supported_versions};
use crate::wire::handshake::HandshakeType;
use crate::wire::{ClientHello, DTLS_1_0, DTLS_1_2, HelloVerifyRequest, RANDOM_LEN};
use crate::{Config, Incompatibility, Version};

/// The server's side.
#[derive(Debug)]
pub(crate) enum Server {
    /// Waits for a hello, which will be answered with this random.
    Hello {
        random: [u8; RANDOM_LEN],
    },
    /// Waits for the hello that a HelloRetryRequest wants.
    Retried(Box<Retried>),
    V12(v12::Server),
    V13(v13::Server),
}

/// A second hello is wanted.
#[derive(Debug)]
pub(crate) struct Retried {
    random: [u8; RANDOM_LEN],
    client_random: [u8; RANDOM_LEN],
    retry: Retry,
}

impl Server {
    pub(crate) fn start(random: [u8; RANDOM_LEN]) -> Self {
        Self::Hello { random }
    }

    pub(crate) fn awaits_hello(&self) -> bool {
        matches!(self, Self::Hello { .. } | Self::Retried(_))
    }

    /// Takes the next message in turn. After an error only a state that
    /// [awaits the hello](Self::awaits_hello) is the same as before.
    pub(crate) fn handle(
        &mut self,
        message: &Message,
        config: &Config,
        dialogue: &mut Dialogue,
    ) -> Result<(), Failure> {
        let next = match self {
            Self::Hello { random } => handle_hello(*random, message, config, dialogue)?,
            Self::Retried(retried) => Some(handle_second(retried, message, config, dialogue)?),
            Self::V12(server) => {
                server.handle(message, config, dialogue)?;
                None
            }
            Self::V13(server) => {
                server.handle(message, config, dialogue)?;
                None
            }
        };
        if let Some(next) = next {
            *self = next;
        }
        Ok(())
    }
}

/// The best version that both speak.
pub(crate) fn choose_version(hello: &ClientHello<'_>, config: &Config) -> Result<Version, Failure> {
    let none = Incompatibility::Version(hello.version);
    // Newer versions have lower numbers.
    if hello.version > DTLS_1_2 || hello.version >> 8 != DTLS_1_2 >> 8 {
        return Err(none.into());
    }
    let offers: Vec<u16> = match hello.extensions.find(kind::SUPPORTED_VERSIONS) {
        //= rfc8446#4.2.1
        // The extension alone counts where it is.
        Some(data) => supported_versions::parse(data)
            .map_err(malformed(HandshakeType::ClientHello))?
            .collect(),
        None => vec![DTLS_1_2],
    };
    [Version::Dtls13, Version::Dtls12]
        .into_iter()
        .find(|version| config.speaks(*version) && offers.contains(&version.to_wire()))
        .ok_or(none.into())
}

fn handle_hello(
    random: [u8; RANDOM_LEN],
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Option<Server>, Failure> {
    expect(message, HandshakeType::ClientHello)?;
    let hello = ClientHello::parse(&message.body).map_err(malformed(message.kind))?;
    match choose_version(&hello, config)? {
        Version::Dtls13 => handle_13(random, &hello, message, config, dialogue).map(Some),
        Version::Dtls12 => handle_12(random, &hello, message, config, dialogue),
    }
}

fn handle_12(
    mut random: [u8; RANDOM_LEN],
    hello: &ClientHello<'_>,
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Option<Server>, Failure> {
    if let Some(cookies) = &config.cookie {
        let provider = &*config.provider;
        if !cookie::check_old(provider, cookies, &hello.random, hello.cookie)? {
            let cookie = cookie::make_old(provider, cookies, &hello.random)?;
            let mut body = Vec::new();
            HelloVerifyRequest { version: DTLS_1_0, cookie: &cookie }.write(&mut body);
            dialogue.say(HandshakeType::HelloVerifyRequest, PLAIN, body);
            //= rfc6347#4.2.1
            // Neither the request nor the hello before it count in the transcript.
            dialogue.forget_transcript();
            return Ok(None);
        }
    }
    if config.speaks(Version::Dtls13) {
        //= rfc8446#4.1.3
        // A server that speaks 1.3 and chooses 1.2 says so where nobody can change it.
        if let Some(end) = random.last_chunk_mut::<8>() {
            *end = *DOWNGRADE;
        }
    }
    dialogue.skip_to(dialogue.next_seq().max(u32::from(message.seq)));
    v12::respond(random, hello, message, config, dialogue).map(Server::V12).map(Some)
}

fn handle_13(
    random: [u8; RANDOM_LEN],
    hello: &ClientHello<'_>,
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Server, Failure> {
    let Some(cookies) = &config.cookie else {
        return match v13::respond(random, hello, message, None, config, dialogue)? {
            Response::Proceed(server) => Ok(Server::V13(server)),
            Response::Retry(retry) => retry_with(random, hello, message, retry, config, dialogue),
        };
    };
    let provider = &*config.provider;
    let Some(data) = hello.extensions.find(kind::COOKIE) else {
        let mut retry = v13::needed_retry(hello, config)?;
        let first = first_hello_hash(&retry, message, config)?;
        retry.cookie = cookie::make(provider, cookies, &hello.random, &retry, &first)?;
        return retry_with(random, hello, message, retry, config, dialogue);
    };
    let found = cookie_extension::parse(data).map_err(malformed(message.kind))?;
    let opened = cookie::open(provider, cookies, &hello.random, found)?;
    let (retry, first) = opened.ok_or(illegal(message.kind))?;
    //= rfc9147#5.1
    // The cookie remembers what a server without memory has forgotten.
    dialogue.begin_with_hash(provider, retry.suite.hash(), first.as_bytes())?;
    dialogue.recall(HandshakeType::ServerHello, &v13::retry_request(&retry));
    dialogue.skip_to(u32::from(message.seq));
    let response = v13::respond(random, hello, message, Some(&retry), config, dialogue);
    match response {
        Ok(Response::Proceed(server)) => Ok(Server::V13(server)),
        Ok(Response::Retry(_)) => {
            dialogue.forget_transcript();
            Err(illegal(message.kind))
        }
        Err(failure) => {
            dialogue.forget_transcript();
            Err(failure)
        }
    }
}

/// The hash of a first hello as the transcript will have it.
pub(crate) fn first_hello_hash(
    retry: &Retry,
    message: &Message,
    config: &Config,
) -> Result<antiphon_crypto::Digest, Failure> {
    let mut transcript = Dialogue::default();
    transcript.hear(message);
    transcript.choose(&*config.provider, Version::Dtls13, retry.suite.hash())?;
    Ok(transcript.hash())
}

/// Asks for a second hello.
fn retry_with(
    random: [u8; RANDOM_LEN],
    hello: &ClientHello<'_>,
    message: &Message,
    retry: Retry,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Server, Failure> {
    let (provider, hash) = (&*config.provider, retry.suite.hash());
    let first = first_hello_hash(&retry, message, config)?;
    dialogue.choose(provider, Version::Dtls13, hash)?;
    dialogue.begin_with_hash(provider, hash, first.as_bytes())?;
    dialogue.say(HandshakeType::ServerHello, PLAIN, v13::retry_request(&retry));
    let client_random = hello.random;
    Ok(Server::Retried(Box::new(Retried { random, client_random, retry })))
}

fn handle_second(
    retried: &Retried,
    message: &Message,
    config: &Config,
    dialogue: &mut Dialogue,
) -> Result<Server, Failure> {
    expect(message, HandshakeType::ClientHello)?;
    let hello = ClientHello::parse(&message.body).map_err(malformed(message.kind))?;
    //= rfc8446#4.1.2
    // The second hello is the first but for what was asked.
    if choose_version(&hello, config)? != Version::Dtls13 || hello.random != retried.client_random {
        return Err(illegal(message.kind));
    }
    let (random, retry) = (retried.random, Some(&retried.retry));
    match v13::respond(random, &hello, message, retry, config, dialogue)? {
        Response::Proceed(server) => Ok(Server::V13(server)),
        Response::Retry(_) => Err(illegal(message.kind)),
    }
}
