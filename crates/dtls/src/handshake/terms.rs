//! What both versions agree on by extensions: profiles for SRTP, application protocol, record
//! sizes, connection ids.

use crate::config::MAX_CONNECTION_ID;
use crate::handshake::dialogue::Dialogue;
use crate::handshake::failure::{Failure, illegal, malformed};
use crate::wire::extension::{
    Builder, Extensions, alpn, connection_id, kind, record_size_limit, use_srtp,
};
use crate::wire::handshake::HandshakeType;
use crate::wire::record::MAX_PLAINTEXT;
use crate::{Config, Incompatibility, SrtpProfile, Version};

/// What was agreed on besides keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) srtp_profile: Option<SrtpProfile>,
    pub(crate) protocol: Option<Vec<u8>>,
    /// The longest plaintext that the peer takes, as it counts.
    record_size_limit: Option<u16>,
    /// What the peer wants to see in our records.
    connection_id: Option<Vec<u8>>,
}

/// Appends a client's offers.
pub(crate) fn offer(config: &Config, builder: &mut Builder) {
    if !config.srtp_profiles.is_empty() {
        let profiles = config.srtp_profiles.iter().map(|profile| profile.to_wire());
        builder.push(kind::USE_SRTP, |data| use_srtp::write(profiles, data));
    }
    if !config.alpn_protocols.is_empty() {
        let protocols = config.alpn_protocols.iter().map(Vec::as_slice);
        builder.push(kind::ALPN, |data| alpn::write(protocols, data));
    }
    if let Some(limit) = config.record_size_limit {
        builder
            .push(kind::RECORD_SIZE_LIMIT, |data| record_size_limit::write(announced(limit), data));
    }
    if let Some(id) = &config.connection_id {
        builder.push(kind::CONNECTION_ID, |data| connection_id::write(own_id(id), data));
    }
}

fn own_id(id: &[u8]) -> &[u8] {
    id.get(..MAX_CONNECTION_ID).unwrap_or(id)
}

/// What we announce: DTLS 1.3 counts the type's byte, DTLS 1.2 does not; one byte less serves both.
fn announced(limit: u16) -> u16 {
    let most = u16::try_from(MAX_PLAINTEXT).unwrap_or(u16::MAX);
    limit.clamp(record_size_limit::LEAST, most)
}

/// Whether `kind` is one of the extensions here.
pub(crate) fn knows(kind: u16) -> bool {
    matches!(kind, kind::USE_SRTP | kind::ALPN | kind::RECORD_SIZE_LIMIT | kind::CONNECTION_ID)
}

impl Terms {
    /// What a server takes of a client's offers.
    pub(crate) fn choose(extensions: Extensions<'_>, config: &Config) -> Result<Self, Failure> {
        let message = HandshakeType::ClientHello;
        let bad = malformed(message);
        let mut terms = Self::default();
        if let Some(data) = extensions.find(kind::USE_SRTP) {
            let theirs: Vec<u16> =
                use_srtp::UseSrtp::parse(data).map_err(bad)?.profiles().collect();
            let mut ours = config.srtp_profiles.iter().copied();
            //= rfc5764#4.1.1
            // One profile of the client's list, or no answer.
            terms.srtp_profile = ours.find(|profile| theirs.contains(&profile.to_wire()));
        }
        if let Some(data) = extensions.find(kind::ALPN) {
            let theirs = alpn::parse(data).map_err(malformed(message))?;
            terms.protocol = choose_protocol(&theirs, config)?;
        }
        if let Some(data) = extensions.find(kind::RECORD_SIZE_LIMIT) {
            terms.record_size_limit = Some(peer_limit(data, message)?);
        }
        if let (Some(data), Some(_)) = (extensions.find(kind::CONNECTION_ID), &config.connection_id)
        {
            terms.connection_id = Some(peer_id(data, message)?);
        }
        Ok(terms)
    }

    /// Takes what a later message says.
    pub(crate) fn merge(&mut self, later: Self) {
        *self = Self { connection_id: self.connection_id.take(), ..later };
    }

    /// Takes one extension of a server's answer. The caller knows that it [is one](knows).
    pub(crate) fn read_answer(
        &mut self,
        kind: u16,
        data: &[u8],
        message: HandshakeType,
        config: &Config,
    ) -> Result<(), Failure> {
        let unsolicited = Err(crate::Violation::UnsolicitedExtension(kind).into());
        match kind {
            kind::USE_SRTP if !config.srtp_profiles.is_empty() => {
                self.srtp_profile = Some(chosen_profile(data, message, config)?);
            }
            kind::ALPN if !config.alpn_protocols.is_empty() => {
                self.protocol = Some(chosen_protocol(data, message, config)?);
            }
            kind::RECORD_SIZE_LIMIT if config.record_size_limit.is_some() => {
                self.record_size_limit = Some(peer_limit(data, message)?);
            }
            kind::CONNECTION_ID if config.connection_id.is_some() => {
                self.connection_id = Some(peer_id(data, message)?);
            }
            _ => return unsolicited,
        }
        Ok(())
    }

    /// Appends a server's answers.
    pub(crate) fn answer(&self, config: &Config, builder: &mut Builder) {
        if let Some(profile) = self.srtp_profile {
            //= rfc5764#4.1.1
            // One profile of the client's list; the identifier stays empty whatever was offered.
            builder.push(kind::USE_SRTP, |data| use_srtp::write([profile.to_wire()], data));
        }
        if let Some(protocol) = &self.protocol {
            builder.push(kind::ALPN, |data| alpn::write([&protocol[..]], data));
        }
        if self.record_size_limit.is_some() {
            //= rfc8449#4
            // A server answers with a limit of its own.
            let limit = announced(config.record_size_limit.unwrap_or(u16::MAX));
            builder.push(kind::RECORD_SIZE_LIMIT, |data| record_size_limit::write(limit, data));
        }
    }

    /// Appends a server's connection id, which has a place of its own in DTLS 1.3: the ServerHello.
    pub(crate) fn answer_id(&self, config: &Config, builder: &mut Builder) {
        if let (Some(_), Some(id)) = (&self.connection_id, &config.connection_id) {
            builder.push(kind::CONNECTION_ID, |data| connection_id::write(own_id(id), data));
        }
    }

    /// Has the record layer keep to what was agreed on.
    pub(crate) fn apply(&self, config: &Config, version: Version, dialogue: &mut Dialogue) {
        if let Some(limit) = self.record_size_limit {
            //= rfc8449#4
            // With DTLS 1.3 the limit counts the type's byte, too.
            let hidden = usize::from(version == Version::Dtls13);
            let limit = usize::from(limit).saturating_sub(hidden);
            dialogue.step.send_limit = Some(limit.min(MAX_PLAINTEXT));
            let ours = config.record_size_limit.map(|limit| usize::from(announced(limit)));
            dialogue.step.receive_limit = ours.map(|limit| limit.saturating_sub(hidden));
        }
        if let (Some(peer), Some(own)) = (&self.connection_id, &config.connection_id) {
            dialogue.step.connection_ids = Some((own_id(own).to_vec(), peer.clone()));
        }
    }
}

fn choose_protocol(theirs: &[&[u8]], config: &Config) -> Result<Option<Vec<u8>>, Failure> {
    if config.alpn_protocols.is_empty() {
        return Ok(None);
    }
    let mut ours = config.alpn_protocols.iter();
    //= rfc7301#3.2
    // A server with protocols of which the client knows none ends the handshake.
    let chosen = ours.find(|protocol| theirs.contains(&&protocol[..]));
    chosen.cloned().map(Some).ok_or(Incompatibility::ApplicationProtocol.into())
}

fn chosen_protocol(
    data: &[u8],
    message: HandshakeType,
    config: &Config,
) -> Result<Vec<u8>, Failure> {
    let protocols = alpn::parse(data).map_err(malformed(message))?;
    let [protocol] = protocols[..] else { return Err(illegal(message)) };
    let offered = config.alpn_protocols.iter().any(|known| known == protocol);
    offered.then(|| protocol.to_vec()).ok_or(illegal(message))
}

fn chosen_profile(
    data: &[u8],
    message: HandshakeType,
    config: &Config,
) -> Result<SrtpProfile, Failure> {
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

fn peer_limit(data: &[u8], message: HandshakeType) -> Result<u16, Failure> {
    //= rfc8449#4
    // Less than 64 bytes is an error.
    record_size_limit::parse(data).map_err(malformed(message))?.ok_or(illegal(message))
}

fn peer_id(data: &[u8], message: HandshakeType) -> Result<Vec<u8>, Failure> {
    let id = connection_id::parse(data).map_err(malformed(message))?;
    if id.len() > MAX_CONNECTION_ID {
        return Err(illegal(message));
    }
    Ok(id.to_vec())
}
