use std::ops::Range;
use std::time::Duration;

use antiphon_crypto::{CryptoError, CryptoProvider};

use crate::record::epochs::{PLAIN, ReadEpoch, WriteEpoch};
use crate::record::frame::{Framed, Incoming, frame};
use crate::record::keys::DirectionKeys;
use crate::record::open::{Authentic, Opener};
use crate::record::seal::Sealer;
use crate::wire::record::{ContentType, HEADER_LEN, MAX_PLAINTEXT, MAX_SEQUENCE, RecordHeader};
use crate::{InputError, Overhead, ProtectError, Version, Violation};

/// Sequence numbers that application data leaves for alerts and messages of the handshake.
const RESERVED: u64 = 64;

/// A record whose content is authentic, or as good as it gets in epoch 0.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) kind: ContentType,
    pub(crate) epoch: u64,
    pub(crate) sequence: u64,
    /// Where the content lies in the record.
    pub(crate) content: Range<usize>,
}

/// Why a record is not opened.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OpenError {
    /// It is dropped.
    Dropped(InputError),
    /// It is authentic, and the peer is wrong.
    Violation(Violation),
    /// There are no keys for it, but they may come.
    NoKeys,
}

impl From<InputError> for OpenError {
    fn from(error: InputError) -> Self {
        Self::Dropped(error)
    }
}

/// Numbers and protects what goes out, finds and opens what comes in.
#[derive(Debug)]
pub(crate) struct RecordLayer {
    /// Oldest first. The newest carries application data.
    write: Vec<WriteEpoch>,
    /// Oldest first.
    read: Vec<ReadEpoch>,
    version: Option<Version>,
    /// The epoch in which alerts and acknowledgements go out.
    pub(crate) write_epoch: u64,
    /// What the peer puts into its records, once that is agreed on. Empty: nothing.
    own_cid: Vec<u8>,
    /// What we put into our records. Empty: nothing.
    peer_cid: Vec<u8>,
    /// The longest plaintext that the peer takes.
    pub(crate) send_limit: usize,
    /// The longest plaintext that we take.
    pub(crate) receive_limit: usize,
}

impl RecordLayer {
    pub(crate) fn new() -> Self {
        Self {
            write: vec![WriteEpoch::new(PLAIN, None)],
            read: Vec::new(),
            version: None,
            write_epoch: PLAIN,
            own_cid: Vec::new(),
            peer_cid: Vec::new(),
            send_limit: MAX_PLAINTEXT,
            receive_limit: MAX_PLAINTEXT,
        }
    }

    pub(crate) fn version(&self) -> Option<Version> {
        self.version
    }

    pub(crate) fn set_version(&mut self, version: Version) {
        self.version = Some(version);
    }

    /// From the next protected record on these ids are used, ours by the peer and the peer's by us.
    pub(crate) fn set_connection_ids(&mut self, own: Vec<u8>, peer: Vec<u8>) {
        (self.own_cid, self.peer_cid) = (own, peer);
    }

    /// The peer wants to see another id from now on.
    pub(crate) fn set_peer_connection_id(&mut self, peer: &[u8]) {
        self.peer_cid = peer.to_vec();
    }

    /// What the peer puts into its records.
    pub(crate) fn own_connection_id(&self) -> &[u8] {
        &self.own_cid
    }

    /// What we put into our records.
    pub(crate) fn peer_connection_id(&self) -> &[u8] {
        &self.peer_cid
    }

    pub(crate) fn install_write(
        &mut self,
        provider: &dyn CryptoProvider,
        epoch: u64,
        keys: &DirectionKeys,
    ) -> Result<(), CryptoError> {
        let sealer = Sealer::new(provider, keys)?;
        self.write.push(WriteEpoch::new(epoch, Some(sealer)));
        Ok(())
    }

    pub(crate) fn install_read(
        &mut self,
        provider: &dyn CryptoProvider,
        epoch: u64,
        keys: &DirectionKeys,
    ) -> Result<(), CryptoError> {
        let opener = Opener::new(provider, keys)?;
        // A header tells only two bits of the epoch: no two epochs may have the same.
        self.read.retain(|known| known.epoch % 4 != epoch % 4);
        self.read.push(ReadEpoch { epoch, opener, expires: None });
        Ok(())
    }

    /// Forgets the keys.
    pub(crate) fn forget(&mut self) {
        self.write.retain(|epoch| epoch.sealer.is_none());
        self.read.clear();
    }

    /// Forgets what is written in before `epoch`: everything there was acknowledged.
    pub(crate) fn forget_writing_before(&mut self, epoch: u64) {
        self.write.retain(|known| known.epoch >= epoch);
    }

    /// Every epoch but the newest is read until `expires` at most.
    pub(crate) fn expire_old_epochs(&mut self, expires: Duration) {
        let newest = self.newest_read();
        for epoch in &mut self.read {
            if epoch.epoch < newest {
                epoch.expires.get_or_insert(expires);
            }
        }
    }

    /// A record of `epoch` was authentic: if that is the newest, the others are read until
    /// `expires` at most.
    pub(crate) fn note_reading(&mut self, epoch: u64, expires: Duration) {
        if let [.., before, newest] = &self.read[..]
            && newest.epoch == epoch
            && before.expires.is_none()
        {
            self.expire_old_epochs(expires);
        }
    }

    /// Forgets epochs whose time is over.
    pub(crate) fn handle_timeout(&mut self, now: Duration) {
        if self.next_expiry().is_some_and(|expires| expires <= now) {
            self.read.retain(|epoch| epoch.expires.is_none_or(|expires| expires > now));
        }
    }

    pub(crate) fn next_expiry(&self) -> Option<Duration> {
        self.read.iter().filter_map(|epoch| epoch.expires).min()
    }

    /// The newest epoch that can be read; 0 without keys.
    pub(crate) fn newest_read(&self) -> u64 {
        self.read.iter().map(|epoch| epoch.epoch).max().unwrap_or(PLAIN)
    }

    /// The newest epoch that can be written.
    pub(crate) fn newest_write(&self) -> u64 {
        self.write.last().map_or(PLAIN, |epoch| epoch.epoch)
    }

    pub(crate) fn is_read_exhausted(&self) -> bool {
        self.read.iter().any(|epoch| epoch.opener.is_exhausted())
    }

    /// Whether the key of application data has done half of what it may.
    pub(crate) fn wants_new_keys(&self) -> bool {
        self.write.last().is_some_and(|epoch| epoch.next > epoch.limit() / 2)
    }

    /// Finds the record at the front of `bytes`.
    pub(crate) fn frame(&self, bytes: &[u8]) -> Framed {
        frame(bytes, self.version, &self.own_cid)
    }

    /// Opens a whole record in place.
    pub(crate) fn open(
        &mut self,
        incoming: Incoming,
        record: &mut [u8],
    ) -> Result<Opened, OpenError> {
        match incoming {
            Incoming::Classic { header, kind } if header.epoch == 0 => Ok(Opened {
                kind,
                epoch: PLAIN,
                sequence: header.sequence,
                content: HEADER_LEN..record.len(),
            }),
            Incoming::Classic { header, kind } => self.open_12(header, kind, record),
            Incoming::Unified(header) => {
                let bits = u64::from(header.epoch_bits);
                let found = self.read.iter_mut().find(|epoch| epoch.epoch % 4 == bits);
                let Some(found) = found else { return Err(OpenError::NoKeys) };
                let authentic = found.opener.open_13(header, record)?;
                let epoch = found.epoch;
                self.inner(epoch, authentic, record)
            }
        }
    }

    fn open_12(
        &mut self,
        header: RecordHeader,
        kind: ContentType,
        record: &mut [u8],
    ) -> Result<Opened, OpenError> {
        if self.version == Some(Version::Dtls13) {
            return Err(InputError::Epoch(u64::from(header.epoch)).into());
        }
        let Some(found) = self.read.first_mut() else { return Err(OpenError::NoKeys) };
        let named = kind == ContentType::Tls12Cid;
        //= rfc9146#3
        // Once ids are agreed on, a record without one is dropped.
        if named == self.own_cid.is_empty() {
            return Err(InputError::ConnectionId.into());
        }
        let cid = if named { &self.own_cid[..] } else { &[] };
        let authentic = found.opener.open_12(header, cid, record)?;
        let epoch = found.epoch;
        if named {
            return self.inner(epoch, authentic, record);
        }
        let Authentic { sequence, plaintext: content } = authentic;
        self.check_length(content.len())?;
        Ok(Opened { kind, epoch, sequence, content })
    }

    fn check_length(&self, len: usize) -> Result<(), OpenError> {
        let limit = self.receive_limit;
        if len > limit {
            return Err(OpenError::Violation(Violation::RecordOverflow { len, limit }));
        }
        Ok(())
    }

    /// Takes padding and type off.
    fn inner(&self, epoch: u64, authentic: Authentic, record: &[u8]) -> Result<Opened, OpenError> {
        let Authentic { sequence, plaintext } = authentic;
        let inner = record.get(plaintext.clone()).unwrap_or_default();
        // The limit counts the type.
        self.check_length(inner.len().saturating_sub(1))?;
        let padding = inner.iter().rev().take_while(|byte| **byte == 0).count();
        let len = inner.len().saturating_sub(padding).checked_sub(1);
        let found = len.and_then(|len| Some((len, *inner.get(len)?)));
        //= rfc8446#5.4
        // A record of nothing but padding is an error.
        let Some((len, number)) = found else {
            return Err(OpenError::Violation(Violation::UnexpectedRecord(0)));
        };
        let unexpected = OpenError::Violation(Violation::UnexpectedRecord(number));
        let kind = ContentType::from_wire(number)
            .filter(|kind| *kind != ContentType::Tls12Cid)
            .ok_or(unexpected)?;
        let content = plaintext.start..plaintext.start.saturating_add(len);
        Ok(Opened { kind, epoch, sequence, content })
    }

    fn writing(&self, epoch: u64) -> Option<&WriteEpoch> {
        self.write.iter().find(|known| known.epoch == epoch)
    }

    /// What a record of `epoch` takes around its payload, in bytes.
    pub(crate) fn room(&self, epoch: u64) -> Overhead {
        let sealer = self.writing(epoch).and_then(|known| known.sealer.as_ref());
        sealer.map_or(Overhead { before: HEADER_LEN, after: 0 }, |sealer| Overhead {
            before: sealer.before(&self.peer_cid),
            after: sealer.after(&self.peer_cid),
        })
    }

    /// Writes a record of `epoch` around the payload that lies in the middle of `record`, with
    /// the next sequence number, which it returns. `None` when there are no keys or no numbers
    /// left. `version` is what a header in epoch 0 says.
    pub(crate) fn write(
        &mut self,
        kind: ContentType,
        version: u16,
        epoch: u64,
        record: &mut [u8],
    ) -> Option<u64> {
        let writing = self.write.iter_mut().find(|known| known.epoch == epoch)?;
        seal_next(writing, kind, version, &self.peer_cid, record)
    }

    /// Protects application data in place.
    pub(crate) fn protect(
        &mut self,
        buf: &mut [u8],
        payload: Range<usize>,
    ) -> Result<Range<usize>, ProtectError> {
        let writing = self.write.last_mut().ok_or(ProtectError::NotConnected)?;
        let sealer = writing.sealer.as_ref().ok_or(ProtectError::NotConnected)?;
        let (before, after) = (sealer.before(&self.peer_cid), sealer.after(&self.peer_cid));
        let no_room = ProtectError::NoRoom { before, after };
        let len = payload.end.checked_sub(payload.start).ok_or(no_room)?;
        if len > self.send_limit {
            return Err(ProtectError::TooLong { len, limit: self.send_limit });
        }
        let start = payload.start.checked_sub(before).ok_or(no_room)?;
        let end = payload.end.checked_add(after).ok_or(no_room)?;
        let record = buf.get_mut(start..end).ok_or(no_room)?;
        if writing.next > writing.limit().saturating_sub(RESERVED) {
            return Err(ProtectError::Exhausted);
        }
        seal_next(writing, ContentType::ApplicationData, 0, &self.peer_cid, record)
            .ok_or(ProtectError::NotConnected)?;
        Ok(start..end)
    }

    /// Moves the next sequence number of the newest epoch.
    #[cfg(test)]
    pub(crate) fn skip_to(&mut self, sequence: u64) {
        self.write.last_mut().unwrap().next = sequence;
    }

    /// Counts that many refused records.
    #[cfg(test)]
    pub(crate) fn set_forgeries(&mut self, forgeries: u64) {
        for epoch in &mut self.read {
            epoch.opener.set_forgeries(forgeries);
        }
    }
}

fn seal_next(
    writing: &mut WriteEpoch,
    kind: ContentType,
    version: u16,
    cid: &[u8],
    record: &mut [u8],
) -> Option<u64> {
    let sequence = writing.next;
    if sequence > MAX_SEQUENCE {
        return None;
    }
    //= rfc6347#4.2.2
    // A retransmission is a new record with a number of its own.
    writing.next = sequence.saturating_add(1);
    if let Some(sealer) = &writing.sealer {
        sealer.seal(kind, writing.epoch, sequence, cid, record)?;
        return Some(sequence);
    }
    let len = record.len().checked_sub(HEADER_LEN)?;
    let epoch = u16::try_from(writing.epoch).ok()?;
    let header = RecordHeader { kind: kind.to_wire(), version, epoch, sequence, len };
    *record.first_chunk_mut::<HEADER_LEN>()? = header.to_bytes();
    Some(sequence)
}
