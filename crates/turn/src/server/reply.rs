use std::collections::VecDeque;
use std::net::SocketAddr;

use antiphon_crypto::{CryptoProvider, HashAlgorithm, Secret};
use antiphon_stun::{
    BufferTooSmall, Class, ErrorCode, MessageView, MessageWriter, Method, TransactionId, WriteError,
};

use super::types::{FiveTuple, Transmit};

/// Room for a control message: less than the smallest MTU of IPv6.
const ROOM: usize = 1232;
/// Buffers that are kept for reuse.
const KEPT: usize = 64;

/// How the answers to one request are signed.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) method: Method,
    pub(crate) id: TransactionId,
    pub(crate) key: Secret,
    /// MESSAGE-INTEGRITY-SHA256 instead of MESSAGE-INTEGRITY.
    pub(crate) sha256: bool,
    pub(crate) fingerprint: bool,
}

impl Signer {
    pub(crate) fn new(view: &MessageView<'_>, key: Secret, sha256: bool) -> Self {
        Self {
            method: view.method(),
            id: view.transaction_id(),
            key,
            sha256,
            fingerprint: view.has_fingerprint(),
        }
    }

    /// Integrity and, if the request had one, fingerprint.
    fn sign(
        &self,
        writer: &mut MessageWriter<'_>,
        provider: &dyn CryptoProvider,
    ) -> Result<(), WriteError> {
        let algorithm = if self.sha256 { HashAlgorithm::Sha256 } else { HashAlgorithm::Sha1 };
        let key = provider.hmac(algorithm, self.key.expose());
        let tag = |parts: &[&[u8]]| key.as_ref().map(|key| key.sign(parts)).ok();
        //= rfc8489#9.2.4
        // The answer is signed as the request was, with SHA-256 where the client chose.
        if self.sha256 {
            writer.message_integrity_sha256(|parts| {
                tag(parts).and_then(|tag| tag.prefix()).unwrap_or([0; 32])
            })?;
        } else {
            writer.message_integrity(|parts| {
                tag(parts).and_then(|tag| tag.prefix()).unwrap_or([0; 20])
            })?;
        }
        if self.fingerprint {
            writer.fingerprint()?;
        }
        Ok(())
    }
}

/// An error response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: u16,
    extra: Extra,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extra {
    None,
    /// UNKNOWN-ATTRIBUTES, as many as are listed.
    Unknown([u16; 8], usize),
    /// ALTERNATE-SERVER.
    Alternate(SocketAddr),
}

impl Problem {
    pub(crate) const fn code(code: u16) -> Self {
        Self { code, extra: Extra::None }
    }

    /// 420 with at most eight of the attributes.
    pub(crate) fn unknown(kinds: impl Iterator<Item = u16>) -> Self {
        let mut list = [0; 8];
        let mut count = 0_usize;
        for (to, kind) in list.iter_mut().zip(kinds) {
            *to = kind;
            count = count.saturating_add(1);
        }
        Self { code: ErrorCode::UNKNOWN_ATTRIBUTE, extra: Extra::Unknown(list, count) }
    }

    pub(crate) const fn alternate(server: SocketAddr) -> Self {
        Self { code: ErrorCode::TRY_ALTERNATE, extra: Extra::Alternate(server) }
    }

    pub(crate) fn write(&self, writer: &mut MessageWriter<'_>) -> Result<(), WriteError> {
        writer.error_code(self.code, "")?;
        match self.extra {
            Extra::None => {}
            Extra::Unknown(list, count) => {
                writer.unknown_attributes(list.iter().copied().take(count))?;
            }
            Extra::Alternate(server) => {
                let (bytes, len) = plain_address(server);
                let kind = antiphon_stun::attribute::ALTERNATE_SERVER;
                writer.attribute(kind, bytes.get(..len).unwrap_or_default())?;
            }
        }
        Ok(())
    }
}

/// An address as MAPPED-ADDRESS has it (RFC 8489 section 14.1).
fn plain_address(address: SocketAddr) -> ([u8; 20], usize) {
    let mut bytes = [0; 20];
    let [p0, p1] = address.port().to_be_bytes();
    let mut put = |family: u8, ip: &[u8]| {
        let front = [0, family, p0, p1];
        for (to, from) in bytes.iter_mut().zip(front.iter().chain(ip)) {
            *to = *from;
        }
        ip.len().saturating_add(4)
    };
    let len = match address {
        SocketAddr::V4(v4) => put(1, &v4.ip().octets()),
        SocketAddr::V6(v6) => put(2, &v6.ip().octets()),
    };
    (bytes, len)
}

/// Messages that wait to be fetched.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: VecDeque<(FiveTuple, Vec<u8>)>,
    kept: Vec<Vec<u8>>,
    limit: usize,
}

impl Outbox {
    pub(crate) fn new(limit: usize) -> Self {
        Self { queue: VecDeque::new(), kept: Vec::new(), limit }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= self.limit
    }

    /// Writes one message; `false` when the box is full or the message does not fit.
    pub(crate) fn push(
        &mut self,
        to: FiveTuple,
        class: Class,
        method: Method,
        id: TransactionId,
        write: impl FnOnce(&mut MessageWriter<'_>) -> Result<(), WriteError>,
    ) -> bool {
        if self.is_full() {
            return false;
        }
        let mut buf = self.kept.pop().unwrap_or_default();
        buf.resize(ROOM, 0);
        let written = MessageWriter::new(&mut buf, class, method, id)
            .map_err(WriteError::from)
            .and_then(|mut writer| write(&mut writer).map(|()| writer.finish()));
        match written {
            Ok(len) => {
                buf.truncate(len);
                self.queue.push_back((to, buf));
                true
            }
            Err(_) => {
                self.keep(buf);
                false
            }
        }
    }

    /// Adds a message that is written already; `false` when the box is full.
    pub(crate) fn push_written(&mut self, to: FiveTuple, message: &[u8]) -> bool {
        if self.is_full() {
            return false;
        }
        let mut buf = self.kept.pop().unwrap_or_default();
        buf.clear();
        buf.extend_from_slice(message);
        self.queue.push_back((to, buf));
        true
    }

    pub(crate) fn signed(
        &mut self,
        to: FiveTuple,
        class: Class,
        signer: &Signer,
        provider: &dyn CryptoProvider,
        write: impl FnOnce(&mut MessageWriter<'_>) -> Result<(), WriteError>,
    ) -> bool {
        self.push(to, class, signer.method, signer.id, |writer| {
            write(writer)?;
            signer.sign(writer, provider)
        })
    }

    pub(crate) fn poll(&mut self, buf: &mut [u8]) -> Result<Option<Transmit>, BufferTooSmall> {
        let Some((to, message)) = self.queue.front() else { return Ok(None) };
        let len = message.len();
        let room = buf.get_mut(..len).ok_or(BufferTooSmall { need: len })?;
        room.copy_from_slice(message);
        let to = *to;
        if let Some((_, message)) = self.queue.pop_front() {
            self.keep(message);
        }
        Ok(Some(Transmit { to, len }))
    }

    fn keep(&mut self, buf: Vec<u8>) {
        if self.kept.len() < KEPT {
            self.kept.push(buf);
        }
    }
}
