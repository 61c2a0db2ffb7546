//! The messages that ICE sends, written with the STUN codec.

use std::net::SocketAddr;

use antiphon_stun::{
    Class, ErrorCode, MessageView, MessageWriter, Method, TransactionId, WriteError, attribute,
};

use crate::config::{Renomination, Role};
use crate::credentials::Key;

/// A buffer of this many bytes holds every datagram that an agent sends.
///
/// The longest is a check with the longest ufrag: 20 bytes of header, 272 of USERNAME (ours has
/// 8 characters), 8 of PRIORITY, 12 of the role, 4 of USE-CANDIDATE, 8 of NOMINATION, 24 and 8 of
/// protection.
pub const MAX_OUTPUT: usize = 400;

/// How many unknown attributes a 420 names.
pub(crate) const MAX_UNKNOWN: usize = 8;

/// The attributes that a Binding request of ICE may have and that must be understood.
pub(crate) const KNOWN: [u16; 4] =
    [attribute::USERNAME, attribute::PRIORITY, attribute::USE_CANDIDATE, NOMINATION];
/// The number of a nomination, of draft-thatcher-tsvwg-renomination.
const NOMINATION: u16 = 0x0030;
/// The same as Chromium has it.
const NOMINATION_LEGACY: u16 = 0xc001;

/// What a response may have. Old servers add addresses in the clear: the mapped one, their own
/// (4) and their other one (5).
pub(crate) const KNOWN_IN_RESPONSES: [u16; 6] = [
    attribute::MAPPED_ADDRESS,
    attribute::XOR_MAPPED_ADDRESS,
    attribute::ERROR_CODE,
    attribute::UNKNOWN_ATTRIBUTES,
    0x0004,
    0x0005,
];

/// What a connectivity check says, the same in all its retransmissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// What this candidate would be worth as peer-reflexive candidate.
    pub(crate) priority: u32,
    /// Our role when the transaction began.
    pub(crate) role: Role,
    pub(crate) tie_breaker: u64,
    pub(crate) use_candidate: bool,
    /// The number of the nomination, where renomination was agreed on.
    pub(crate) nomination: Option<(Renomination, u32)>,
}

/// The number of the nomination in a request. One of another length counts as absent.
// attack: malformed NOMINATION
pub(crate) fn nomination(request: &MessageView<'_>) -> Option<u32> {
    let value = request.find(NOMINATION).or_else(|| request.find(NOMINATION_LEGACY))?;
    value.try_into().ok().map(u32::from_be_bytes)
}

impl Check {
    /// Writes the Binding request.
    //= rfc8445#7.1
    // A check is a Binding request with USERNAME, MESSAGE-INTEGRITY under the peer's password and
    // FINGERPRINT.
    pub(crate) fn write(
        &self,
        id: TransactionId,
        username: &[u8],
        key: &Key,
        buf: &mut [u8],
    ) -> Result<usize, WriteError> {
        let mut writer = MessageWriter::new(buf, Class::Request, Method::BINDING, id)?;
        writer.username(username)?;
        //= rfc8445#7.1.1
        // PRIORITY is what the candidate would have if the peer discovered it by this check.
        writer.priority(self.priority)?;
        //= rfc8445#7.1.3
        // Each check names the role and the tiebreaker of its sender.
        match self.role {
            Role::Controlling => writer.ice_controlling(self.tie_breaker)?,
            Role::Controlled => writer.ice_controlled(self.tie_breaker)?,
        };
        //= rfc8445#7.1.2
        // Only the controlling agent nominates.
        if self.use_candidate && self.role == Role::Controlling {
            writer.use_candidate()?;
            if let Some((kind, number)) = self.nomination {
                let kind = match kind {
                    Renomination::Legacy => NOMINATION_LEGACY,
                    Renomination::Draft => NOMINATION,
                };
                writer.attribute(kind, &number.to_be_bytes())?;
            }
        }
        writer.message_integrity(|parts| key.tag(parts))?.fingerprint()?;
        Ok(writer.finish())
    }
}

/// A Binding request to a STUN server: nothing but the header.
pub(crate) fn write_query(id: TransactionId, buf: &mut [u8]) -> Result<usize, WriteError> {
    Ok(MessageWriter::new(buf, Class::Request, Method::BINDING, id)?.finish())
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The check is fine; it came from here.
    Success(SocketAddr),
    /// 487: one of us has to change its role.
    RoleConflict,
    /// 420, with the first few attributes that we do not understand.
    Unknown([u16; MAX_UNKNOWN], usize),
    /// 400, authentic or not.
    BadRequest,
    /// 401: not authentic.
    Unauthenticated,
}

impl Answer {
    /// The attributes of `request` that must be understood and are not.
    ///
    /// The number of a nomination is understood where renomination is `offered`.
    pub(crate) fn unknown(request: &MessageView<'_>, offered: bool) -> Option<Self> {
        let mut kinds = [0; MAX_UNKNOWN];
        let mut len = 0;
        let known = KNOWN.get(..if offered { 4 } else { 3 }).unwrap_or(&KNOWN);
        for (slot, kind) in kinds.iter_mut().zip(request.unknown_comprehension_required(known)) {
            *slot = kind;
            len += 1;
        }
        (len > 0).then_some(Self::Unknown(kinds, len))
    }

    /// Writes the answer; with `key` it is authentic.
    //= rfc8445#7.3
    // Answers carry MESSAGE-INTEGRITY with the password that the request had, and FINGERPRINT.
    pub(crate) fn write(
        &self,
        id: TransactionId,
        key: Option<&Key>,
        buf: &mut [u8],
    ) -> Result<usize, WriteError> {
        let class = match self {
            Self::Success(_) => Class::Success,
            Self::RoleConflict | Self::Unknown(..) | Self::BadRequest | Self::Unauthenticated => {
                Class::Error
            }
        };
        let mut writer = MessageWriter::new(buf, class, Method::BINDING, id)?;
        // Without reason phrases an error is shorter than the request that caused it.
        match self {
            Self::Success(mapped) => writer.xor_mapped_address(*mapped)?,
            Self::RoleConflict => writer.error_code(ErrorCode::ROLE_CONFLICT, "")?,
            Self::Unknown(kinds, len) => writer
                .error_code(ErrorCode::UNKNOWN_ATTRIBUTE, "")?
                .unknown_attributes(kinds.iter().copied().take(*len))?,
            Self::BadRequest => writer.error_code(ErrorCode::BAD_REQUEST, "")?,
            Self::Unauthenticated => writer.error_code(ErrorCode::UNAUTHENTICATED, "")?,
        };
        if let Some(key) = key {
            writer.message_integrity(|parts| key.tag(parts))?;
        }
        writer.fingerprint()?;
        Ok(writer.finish())
    }
}
