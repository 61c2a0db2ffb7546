use antiphon_crypto::{CryptoError, CryptoProvider, Digest, HashAlgorithm};

use crate::Connected;
use crate::Version;
use crate::handshake::flight::Item;
use crate::handshake::reassembly::Message;
use crate::handshake::secrets::SessionSecrets;
use crate::handshake::transcript::Transcript;
use crate::record::DirectionKeys;
use crate::wire::handshake::HandshakeType;

/// What both roles do alike: keeps the transcript, numbers our messages, and collects what a
/// step of the state machine leads to.
#[derive(Debug, Default)]
pub(crate) struct Dialogue {
    transcript: Transcript,
    /// More than any number when all are used up.
    next_seq: u32,
    outgoing: Vec<Item>,
    /// The peer's certificate, DER-encoded, from its Certificate message on.
    pub(crate) peer_certificate: Option<Vec<u8>>,
    /// What the last step led to.
    pub(crate) step: Step,
}

/// What one message in turn led to.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// The version was chosen.
    pub(crate) version: Option<Version>,
    /// Keys to read with, and their epochs.
    pub(crate) read: Vec<(u64, DirectionKeys)>,
    /// Keys to write with, and their epochs.
    pub(crate) write: Vec<(u64, DirectionKeys)>,
    /// Alerts and acknowledgements go out in this epoch from now on.
    pub(crate) write_epoch: Option<u64>,
    /// Connection ids that were agreed on, ours and the peer's.
    pub(crate) connection_ids: Option<(Vec<u8>, Vec<u8>)>,
    /// The longest plaintext that the peer takes.
    pub(crate) send_limit: Option<usize>,
    /// The longest plaintext that we announced, where the peer knows of it.
    pub(crate) receive_limit: Option<usize>,
    /// The peer's flight wants an acknowledgement, not an answer.
    pub(crate) acknowledge: bool,
    /// The end of the handshake.
    pub(crate) outcome: Option<Outcome>,
}

/// What a complete handshake leaves behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) secrets: SessionSecrets,
    pub(crate) connected: Connected,
    pub(crate) protocol: Option<Vec<u8>>,
}

impl Dialogue {
    /// Takes a message of the peer into the transcript.
    pub(crate) fn hear(&mut self, message: &Message) {
        self.transcript.push(message.kind, message.seq, &message.body);
    }

    /// Sends a message in `epoch`, with the next number, and takes it into the transcript.
    pub(crate) fn say(&mut self, kind: HandshakeType, epoch: u64, body: Vec<u8>) {
        // A handshake has few messages; numbers run out only afterwards.
        let seq = u16::try_from(self.next_seq).unwrap_or(u16::MAX);
        self.next_seq = self.next_seq.saturating_add(1);
        self.transcript.push(kind, seq, &body);
        //= rfc9147#4.1
        // Only a hello that no HelloRetryRequest has asked for may name an older version.
        let first = kind == HandshakeType::ClientHello && !self.transcript.is_13();
        self.outgoing.push(if first {
            Item::first_hello(seq, body)
        } else {
            Item::message(kind, seq, epoch, body)
        });
    }

    /// Everything after this goes out under the new keys.
    pub(crate) fn change_cipher_spec(&mut self) {
        self.outgoing.push(Item::ChangeCipherSpec);
    }

    /// The number of our next message.
    pub(crate) fn next_seq(&self) -> u32 {
        self.next_seq
    }

    /// The numbers of our messages go on from `seq`.
    pub(crate) fn skip_to(&mut self, seq: u32) {
        self.next_seq = seq;
    }

    /// The handshake begins anew as far as signatures are concerned.
    pub(crate) fn forget_transcript(&mut self) {
        self.transcript.clear();
    }

    /// The version and the transcript's hash function are chosen.
    pub(crate) fn choose(
        &mut self,
        provider: &dyn CryptoProvider,
        version: Version,
        hash: HashAlgorithm,
    ) -> Result<(), CryptoError> {
        self.step.version = Some(version);
        match version {
            Version::Dtls12 => self.transcript.choose_12(provider, hash),
            Version::Dtls13 => self.transcript.choose_13(provider, hash),
        }
    }

    /// The transcript begins with the hash of a first hello.
    pub(crate) fn begin_with_hash(
        &mut self,
        provider: &dyn CryptoProvider,
        hash: HashAlgorithm,
        first_hello: &[u8],
    ) -> Result<(), CryptoError> {
        self.transcript.begin_with_hash(provider, hash, first_hello)
    }

    /// Takes a message into the transcript that somebody without memory sent for us.
    pub(crate) fn recall(&mut self, kind: HandshakeType, body: &[u8]) {
        self.transcript.push(kind, 0, body);
    }

    /// All messages so far, as signatures cover them in DTLS 1.2.
    pub(crate) fn transcript(&self) -> &[u8] {
        self.transcript.bytes()
    }

    /// The hash of all messages so far.
    pub(crate) fn hash(&self) -> Digest {
        self.transcript.hash()
    }

    /// The messages of our next flight, if the last step led to any.
    pub(crate) fn take_outgoing(&mut self) -> Vec<Item> {
        std::mem::take(&mut self.outgoing)
    }
}
