use std::ops::Range;
use std::sync::Arc;

use antiphon_crypto::CryptoProvider;

use crate::cipher::{Failed, Key};
use crate::store::Store;
use crate::{CipherSuite, Config, EncryptError, Header, KeyError, Ratchet};

/// Encrypts frames, under one or several keys.
///
/// For every key it counts its frames, so that no two are ever encrypted with the same counter.
#[derive(Debug)]
pub struct SframeSender {
    provider: Arc<dyn CryptoProvider>,
    suite: CipherSuite,
    keys: Store<SendKey>,
    /// Header and metadata side by side, for AEADs.
    aad: Vec<u8>,
    frames: u64,
}

struct SendKey {
    key: Key,
    /// `None` when all counters are used up.
    next_counter: Option<u64>,
}

impl SframeSender {
    /// A sender without keys.
    #[must_use]
    pub fn new(provider: Arc<dyn CryptoProvider>, suite: CipherSuite, config: &Config) -> Self {
        let keys = Store::new(config.max_keys);
        Self { provider, suite, keys, aad: Vec::new(), frames: 0 }
    }

    /// Adds a key, whose first frame has counter 0.
    ///
    /// No other sender may encrypt with this base key under this id, and it may never be added
    /// again: not after its removal, not after a restart. Receivers know it as one of those they
    /// decrypt with; here it only encrypts.
    ///
    /// # Errors
    ///
    /// [`KeyError::InUse`], [`KeyError::TooMany`], [`KeyError::Empty`], [`KeyError::Crypto`].
    pub fn add_key(&mut self, key_id: u64, base_key: &[u8]) -> Result<(), KeyError> {
        self.add_key_at(key_id, base_key, 0)
    }

    /// Adds a key that has encrypted frames before, and whose next one has counter `next_counter`.
    ///
    /// Write the counter down before the frames are encrypted, not afterwards: a crash in between
    /// must not let one be used twice ([RFC 9605] section 9.1).
    ///
    /// # Errors
    ///
    /// As [`add_key`](Self::add_key).
    ///
    /// [RFC 9605]: https://www.rfc-editor.org/rfc/rfc9605#section-9.1
    pub fn add_key_at(
        &mut self,
        key_id: u64,
        base_key: &[u8],
        next_counter: u64,
    ) -> Result<(), KeyError> {
        self.keys.check(key_id)?;
        let key = Key::derive(&*self.provider, self.suite, key_id, base_key)?;
        self.keys.insert(key_id, SendKey { key, next_counter: Some(next_counter) })
    }

    /// Adds the key of a ratchet's current step, and returns its id.
    ///
    /// # Errors
    ///
    /// As [`add_key`](Self::add_key).
    pub fn add_ratchet(&mut self, ratchet: &Ratchet) -> Result<u64, KeyError> {
        let key_id = ratchet.key_id();
        self.add_key(key_id, ratchet.base_key())?;
        Ok(key_id)
    }

    /// Moves `ratchet`, whose current key is one of ours, a step forward: the old key is forgotten,
    /// and the id of the new one returned. Receivers follow by themselves.
    ///
    /// # Errors
    ///
    /// [`KeyError::Unknown`] when its key was not added, and as [`add_key`](Self::add_key).
    /// Nothing has changed then.
    pub fn step(&mut self, ratchet: &mut Ratchet) -> Result<u64, KeyError> {
        let old = ratchet.key_id();
        if self.keys.get(old).is_none() {
            return Err(KeyError::Unknown { key_id: old });
        }
        let mut next = ratchet.clone();
        next.advance(&*self.provider)?;
        let key_id = next.key_id();
        if self.keys.get(key_id).is_some() {
            return Err(KeyError::InUse { key_id });
        }
        let key = Key::derive(&*self.provider, self.suite, key_id, next.base_key())?;
        self.keys.remove(old);
        self.keys.insert(key_id, SendKey { key, next_counter: Some(0) })?;
        *ratchet = next;
        Ok(key_id)
    }

    /// Forgets a key; says whether there was one.
    pub fn remove_key(&mut self, key_id: u64) -> bool {
        self.keys.remove(key_id)
    }

    /// Encrypts `buf[plaintext]` in place and returns where the encrypted frame is: from a few
    /// bytes before the plaintext, at most [`MAX_HEADER`](crate::MAX_HEADER), to a few behind it,
    /// [`tag_len`](CipherSuite::tag_len). Nothing is copied, and nothing allocated once metadata of
    /// this length has been seen.
    ///
    /// `metadata` is authenticated, not sent: whatever the receiver will know of the frame, such
    /// as fields of an RTP header extension.
    ///
    /// # Errors
    ///
    /// See [`EncryptError`]; no counter has been used up then.
    pub fn encrypt(
        &mut self,
        key_id: u64,
        metadata: &[u8],
        buf: &mut [u8],
        plaintext: Range<usize>,
    ) -> Result<Range<usize>, EncryptError> {
        let send = self.keys.get_mut(key_id).ok_or(EncryptError::UnknownKey { key_id })?;
        //= rfc9605#9.3
        // Requests to encrypt with a counter once more cannot be made.
        //= rfc9605#7.4
        // A counter is given out once, so no key and nonce ever come together twice.
        //= rfc9605#4.4.1
        // The key counts its frames, from zero on.
        let counter = send.next_counter.ok_or(EncryptError::CounterExhausted { key_id })?;
        let header = Header { key_id, counter };
        let frame = place(buf, &plaintext, &header, self.suite.tag_len())?;
        let no_room = no_room(buf.len(), &plaintext, &header, self.suite.tag_len());
        let whole = buf.get_mut(frame.clone()).ok_or(no_room)?;
        let (front, rest) = whole.split_at_mut_checked(header.len()).ok_or(no_room)?;
        let (text, tag) = rest.split_at_mut_checked(plaintext.len()).ok_or(no_room)?;
        header.write(front).map_err(|_| no_room)?;
        send.key
            .seal(counter, [front, metadata], text, tag, &mut self.aad)
            .map_err(|Failed| EncryptError::Cipher)?;
        send.next_counter = counter.checked_add(1);
        self.frames = self.frames.saturating_add(1);
        Ok(frame)
    }

    /// The counter of the key's next frame; `None` when there is no such key, or no counter left.
    #[must_use]
    pub fn next_counter(&self, key_id: u64) -> Option<u64> {
        self.keys.get(key_id)?.next_counter
    }

    /// The suite in use.
    #[must_use]
    pub fn suite(&self) -> CipherSuite {
        self.suite
    }

    /// How many frames were encrypted.
    #[must_use]
    pub fn frames(&self) -> u64 {
        self.frames
    }
}

/// Where the encrypted frame will be.
fn place(
    buf: &[u8],
    plaintext: &Range<usize>,
    header: &Header,
    tag: usize,
) -> Result<Range<usize>, EncryptError> {
    let Range { start, end } = *plaintext;
    if start > end || end > buf.len() {
        return Err(EncryptError::OutsideBuffer { start, end, len: buf.len() });
    }
    match (start.checked_sub(header.len()), end.checked_add(tag)) {
        (Some(first), Some(last)) if last <= buf.len() => Ok(first..last),
        _ => Err(no_room(buf.len(), plaintext, header, tag)),
    }
}

fn no_room(len: usize, plaintext: &Range<usize>, header: &Header, tag: usize) -> EncryptError {
    let behind = len.saturating_sub(plaintext.end);
    EncryptError::NoRoom { before: plaintext.start, behind, header: header.len(), tag }
}
