use antiphon_crypto::{CryptoError, CryptoProvider, Digest};

use crate::Connected;
use crate::handshake::flight::Item;
use crate::handshake::reassembly::Message;
use crate::handshake::transcript::Transcript;
use crate::handshake::v12::{Keys, Secrets};
use crate::wire::handshake::HandshakeType;

/// What both roles do alike: keeps the transcript, numbers our messages, and collects what a
/// step of the state machine leads to.
#[derive(Debug, Default)]
pub(crate) struct Dialogue {
    transcript: Transcript,
    next_seq: u16,
    outgoing: Vec<Item>,
    /// The peer's certificate, DER-encoded, from its Certificate message on.
    pub(crate) peer_certificate: Option<Vec<u8>>,
    /// Keys that were agreed on in the last step.
    pub(crate) keys: Option<Keys>,
    /// The end of the handshake, reached in the last step.
    pub(crate) outcome: Option<Outcome>,
}

/// What a complete handshake leaves behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) secrets: Secrets,
    pub(crate) connected: Connected,
}

impl Dialogue {
    /// Takes a message of the peer into the transcript.
    pub(crate) fn hear(&mut self, message: &Message) {
        self.transcript.push(message.kind, message.seq, &message.body);
    }

    /// Sends a message, with the next number, and takes it into the transcript.
    pub(crate) fn say(&mut self, kind: HandshakeType, body: Vec<u8>) {
        let seq = self.next_seq;
        self.next_seq = seq.wrapping_add(1);
        self.transcript.push(kind, seq, &body);
        let epoch = u16::from(kind == HandshakeType::Finished);
        self.outgoing.push(Item::Message { kind, seq, epoch, body });
    }

    /// Everything after this goes out under the new keys.
    pub(crate) fn change_cipher_spec(&mut self) {
        self.outgoing.push(Item::ChangeCipherSpec);
    }

    /// The handshake begins anew as far as signatures are concerned.
    pub(crate) fn forget_transcript(&mut self) {
        self.transcript.clear();
    }

    /// All messages so far, as signatures cover them.
    pub(crate) fn transcript(&self) -> &[u8] {
        self.transcript.bytes()
    }

    /// The hash of all messages so far.
    pub(crate) fn hash(&self, provider: &dyn CryptoProvider) -> Result<Digest, CryptoError> {
        self.transcript.hash(provider)
    }

    /// The messages of our next flight, if the last step led to any.
    pub(crate) fn take_outgoing(&mut self) -> Vec<Item> {
        std::mem::take(&mut self.outgoing)
    }
}
