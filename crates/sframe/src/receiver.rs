use std::ops::Range;
use std::sync::Arc;

use antiphon_crypto::{CryptoProvider, Secret};

use crate::cipher::{Failed, Key};
use crate::store::Store;
use crate::window::{ReplayWindow, Verdict, WindowSize};
use crate::{
    CipherSuite, Config, DecryptError, Header, KeyError, MlsKeyIds, Ratchet, ReceiverStats,
};

/// Checks and decrypts frames.
///
/// Keys come in three ways: one by one, as a [`Ratchet`] that is followed when its sender steps
/// forward, or as the epoch of an MLS group, whose members' keys are made when their first frame
/// comes. Such keys are kept once a frame was authentic, not before.
///
/// With ratchets, and with keys whose ids only their sender is known by, take one receiver for
/// each sender: ids of different senders may be the same.
#[derive(Debug)]
pub struct SframeReceiver {
    provider: Arc<dyn CryptoProvider>,
    suite: CipherSuite,
    window: WindowSize,
    max_ratchet_steps: u64,
    keys: Store<ReceiveKey>,
    ratchets: Vec<Ratchet>,
    epochs: Option<Epochs>,
    /// Header and metadata side by side, for AEADs.
    aad: Vec<u8>,
    stats: ReceiverStats,
}

struct ReceiveKey {
    key: Key,
    window: ReplayWindow,
}

/// The epochs of a group, each in the slot of its low bits.
#[derive(Debug)]
struct Epochs {
    ids: MlsKeyIds,
    slots: Vec<(u64, Secret)>,
}

/// A frame taken apart.
struct Parts<'a> {
    header: Header,
    front: &'a [u8],
    text: &'a mut [u8],
    tag: &'a [u8],
}

/// A decrypted frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decrypted {
    /// Where the plaintext is in the frame.
    pub plaintext: Range<usize>,
    /// The key that it was encrypted with, and so the sender: authenticated, as far as all who have
    /// the key are trusted.
    pub key_id: u64,
    /// The frame's number under that key.
    pub counter: u64,
}

/// How a key came to be that no frame used before.
enum Origin {
    Ratchet(Ratchet),
    Epoch,
}

impl SframeReceiver {
    /// A receiver without keys.
    ///
    /// # Errors
    ///
    /// [`KeyError::Size`] for the replay window.
    pub fn new(
        provider: Arc<dyn CryptoProvider>,
        suite: CipherSuite,
        config: &Config,
    ) -> Result<Self, KeyError> {
        Ok(Self {
            provider,
            suite,
            window: WindowSize::new(config.replay_window)?,
            max_ratchet_steps: config.max_ratchet_steps,
            keys: Store::new(config.max_keys),
            ratchets: Vec::new(),
            epochs: None,
            aad: Vec::new(),
            stats: ReceiverStats::default(),
        })
    }

    /// Adds a key of a sender. Here it only decrypts.
    ///
    /// # Errors
    ///
    /// [`KeyError::InUse`], [`KeyError::TooMany`], [`KeyError::Empty`], [`KeyError::Crypto`].
    pub fn add_key(&mut self, key_id: u64, base_key: &[u8]) -> Result<(), KeyError> {
        self.keys.check(key_id)?;
        let key = Key::derive(&*self.provider, self.suite, key_id, base_key)?;
        let window = ReplayWindow::new(self.window);
        self.keys.insert(key_id, ReceiveKey { key, window })
    }

    /// Adds a sender's ratchet at its current step, and follows it from there.
    ///
    /// # Errors
    ///
    /// As [`add_key`](Self::add_key); [`KeyError::InUse`] when there is a ratchet of this
    /// generation.
    pub fn add_ratchet(&mut self, ratchet: Ratchet) -> Result<(), KeyError> {
        let key_id = ratchet.key_id();
        if self.ratchets.iter().any(|known| known.owns(key_id)) {
            return Err(KeyError::InUse { key_id });
        }
        let limit = self.keys.limit();
        if self.ratchets.len() >= limit {
            return Err(KeyError::TooMany { limit });
        }
        self.add_key(key_id, ratchet.base_key())?;
        self.ratchets.push(ratchet);
        Ok(())
    }

    /// Adds an epoch of an MLS group, in place of the one with the same low bits, whose keys are
    /// forgotten.
    ///
    /// # Errors
    ///
    /// [`KeyError::Empty`], and [`KeyError::TooMany`] as long as there are
    /// [`max_keys`](Config::max_keys) epochs.
    pub fn add_epoch(
        &mut self,
        ids: MlsKeyIds,
        epoch: u64,
        base_key: &[u8],
    ) -> Result<(), KeyError> {
        if base_key.is_empty() {
            return Err(KeyError::Empty);
        }
        let (slot, limit) = (ids.slot(epoch), self.keys.limit());
        self.remove_slot(ids, slot);
        let epochs = self.epochs.get_or_insert_with(|| Epochs { ids, slots: Vec::new() });
        if epochs.slots.len() >= limit {
            return Err(KeyError::TooMany { limit });
        }
        epochs.slots.push((slot, base_key.into()));
        Ok(())
    }

    /// Forgets an epoch and all keys made from it.
    pub fn remove_epoch(&mut self, epoch: u64) {
        if let Some(ids) = self.epochs.as_ref().map(|epochs| epochs.ids) {
            self.remove_slot(ids, ids.slot(epoch));
        }
    }

    //= rfc9605#5.2
    // An epoch leaves when another one with the same low bits comes.
    fn remove_slot(&mut self, ids: MlsKeyIds, slot: u64) {
        match &mut self.epochs {
            // Another layout of key ids is another group.
            Some(epochs) if epochs.ids != ids => {
                self.epochs = None;
                self.keys.retain(|_| false);
            }
            Some(epochs) => {
                epochs.slots.retain(|(known, _)| *known != slot);
                self.keys.retain(|key_id| ids.slot(key_id) != slot);
            }
            None => {}
        }
    }

    /// Forgets a key, and the ratchet whose current key it is; says whether there was one.
    pub fn remove_key(&mut self, key_id: u64) -> bool {
        self.ratchets.retain(|ratchet| ratchet.key_id() != key_id);
        self.keys.remove(key_id)
    }

    /// Checks and decrypts `frame` in place. `metadata` is what the sender gave.
    ///
    /// # Errors
    ///
    /// See [`DecryptError`]. After [`DecryptError::UnknownKey`] the frame is as it was and may be
    /// tried again; otherwise it is to be dropped.
    pub fn decrypt(
        &mut self,
        metadata: &[u8],
        frame: &mut [u8],
    ) -> Result<Decrypted, DecryptError> {
        let verdict = self.decrypt_uncounted(metadata, frame);
        match &verdict {
            Ok(_) => self.stats.frames = self.stats.frames.saturating_add(1),
            Err(error) => self.stats.count(error),
        }
        verdict
    }

    fn decrypt_uncounted(
        &mut self,
        metadata: &[u8],
        frame: &mut [u8],
    ) -> Result<Decrypted, DecryptError> {
        let parts = split(frame, self.suite.tag_len())?;
        let Parts { header: Header { key_id, counter }, front, text, tag } = parts;
        let start = front.len();
        let plaintext = start..start.saturating_add(text.len());
        let decrypted = Decrypted { plaintext, key_id, counter };
        let parts = [front, metadata];
        if let Some(known) = self.keys.get_mut(key_id) {
            match known.window.check(counter) {
                Verdict::Fresh => {}
                Verdict::Seen => return Err(DecryptError::Replayed { key_id, counter }),
                Verdict::Old => return Err(DecryptError::TooOld { key_id, counter }),
            }
            //= rfc9605#4.4.4
            // A frame that does not decrypt is dropped.
            known
                .key
                .open(counter, parts, text, tag, &mut self.aad)
                .map_err(|Failed| DecryptError::NotAuthentic)?;
            known.window.mark(counter);
            return Ok(decrypted);
        }
        let unknown = DecryptError::UnknownKey { key_id };
        let (key, origin) = self.derive(key_id).ok_or(unknown)?;
        if matches!(origin, Origin::Epoch) && !self.keys.has_room() {
            return Err(DecryptError::TooManyKeys { limit: self.keys.limit() });
        }
        key.open(counter, parts, text, tag, &mut self.aad)
            .map_err(|Failed| DecryptError::NotAuthentic)?;
        self.install(key_id, counter, key, origin)?;
        Ok(decrypted)
    }

    /// The key that a ratchet or an epoch has for an id. Nothing is kept.
    #[cold]
    fn derive(&self, key_id: u64) -> Option<(Key, Origin)> {
        let derive =
            |base_key: &[u8]| Key::derive(&*self.provider, self.suite, key_id, base_key).ok();
        if let Some(ratchet) = self.ratchets.iter().find(|ratchet| ratchet.owns(key_id)) {
            //= rfc9605#5.1
            // A new step in the key id is followed by as many steps of our own.
            let steps = ratchet.ahead(key_id).filter(|steps| *steps <= self.max_ratchet_steps)?;
            let mut ratchet = ratchet.clone();
            for _ in 0..steps {
                ratchet.advance(&*self.provider).ok()?;
            }
            return Some((derive(ratchet.base_key())?, Origin::Ratchet(ratchet)));
        }
        let epochs = self.epochs.as_ref()?;
        let slot = epochs.ids.slot(key_id);
        let (_, base_key) = epochs.slots.iter().find(|(known, _)| *known == slot)?;
        Some((derive(base_key.expose())?, Origin::Epoch))
    }

    /// Keeps a key that has opened a frame.
    fn install(
        &mut self,
        key_id: u64,
        counter: u64,
        key: Key,
        origin: Origin,
    ) -> Result<(), DecryptError> {
        if let Origin::Ratchet(ahead) = origin
            && let Some(ratchet) = self.ratchets.iter_mut().find(|known| known.owns(key_id))
        {
            //= rfc9605#5.1
            // Late frames may still need the key before; those before that one are forgotten.
            let before = ratchet.key_id();
            self.keys.retain(|known| known == before || !ahead.owns(known));
            *ratchet = ahead;
            if !self.keys.has_room() {
                self.keys.remove(before);
            }
        }
        let mut window = ReplayWindow::new(self.window);
        window.mark(counter);
        let limit = self.keys.limit();
        self.keys
            .insert(key_id, ReceiveKey { key, window })
            .map_err(|_| DecryptError::TooManyKeys { limit })
    }

    /// The suite in use.
    #[must_use]
    pub fn suite(&self) -> CipherSuite {
        self.suite
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> ReceiverStats {
        self.stats
    }

    /// How many keys are kept.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.keys.len()
    }
}

/// Takes a frame apart.
fn split(frame: &mut [u8], tag_len: usize) -> Result<Parts<'_>, DecryptError> {
    let (header, header_len) = Header::parse(frame)?;
    let (need, len) = (header_len.saturating_add(tag_len), frame.len());
    let truncated = DecryptError::Truncated { need, len };
    let text_len = len.checked_sub(need).ok_or(truncated)?;
    let (front, rest) = frame.split_at_mut_checked(header_len).ok_or(truncated)?;
    let (text, tag) = rest.split_at_mut_checked(text_len).ok_or(truncated)?;
    Ok(Parts { header, front, text, tag })
}
