use std::net::SocketAddr;
use std::time::Duration;

use antiphon_crypto::{CryptoError, CryptoProvider};

use crate::candidate::Protocol;
use crate::credentials::{Credentials, Key};
use crate::path::Path;

use super::checklist::Checklist;
use super::early::EarlyCheck;
use super::gather::LocalCandidate;
use super::names::Names;
use super::pair::{End, Pair};

/// What one pair of credentials on each side owns: from a (re)start to the next.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) number: u32,
    pub(crate) credentials: Credentials,
    pub(crate) key: Key,
    pub(crate) remote: Option<Remote>,
    /// What the peer was told.
    pub(crate) local_candidates: Vec<LocalCandidate>,
    pub(crate) remote_candidates: Vec<RemoteCandidate>,
    /// Names of the peer that nobody has found yet.
    pub(crate) names: Names,
    /// The peer has no more candidates.
    pub(crate) remote_complete: bool,
    pub(crate) checklist: Checklist,
    pub(crate) nomination: Nomination,
    pub(crate) early: Vec<EarlyCheck>,
    /// A check was sent, so that the next one keeps the distance Ta.
    pub(crate) has_checked: bool,
    /// No pair works and none is left to try.
    pub(crate) failed: bool,
    pub(crate) next_consent: Duration,
    /// When pairs that are not nominated are forgotten.
    pub(crate) linger_until: Option<Duration>,
    /// Until then the nominated pair, whose connection is gone, may come back over another one.
    pub(crate) reconnect_until: Option<Duration>,
    /// The number of the latest nomination, ours or theirs, where they have numbers.
    pub(crate) nomination_number: Option<u32>,
}

/// The peer's side of a generation.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) credentials: Credentials,
    pub(crate) key: Key,
    /// USERNAME of our requests.
    pub(crate) username: Box<[u8]>,
    /// When checks could begin: the start of the PAC timer.
    pub(crate) since: Duration,
}

/// A candidate of the peer.
#[derive(Clone, Debug)]
pub(crate) struct RemoteCandidate {
    pub(crate) end: End,
    /// It came in a description; otherwise a check told us about it.
    pub(crate) signalled: bool,
    /// The generation it named, as long as we cannot compare.
    pub(crate) ufrag: Option<String>,
}

/// Who uses which pair (RFC 8445 section 8.1.1).
///
/// ```text
///        a pair is valid,          nobody better      the repeated check
///        better ones pending       pending            succeeded
///  Open ----------------> Settling ---------> Asked -----------------> Concluded
///    |                                                        ^   |        ^
///    |                                      another pair, with|   |        |
///    |                                      renomination or   +---+        |
///    |                                      the old pair dead              |
///    +---- controlled: USE-CANDIDATE arrived, and our check succeeded -----+
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) enum Nomination {
    Open,
    Settling {
        until: Duration,
    },
    /// `from`: the pair that is nominated until this one is.
    Asked {
        path: Path,
        sent: bool,
        from: Option<Path>,
    },
    Concluded {
        path: Path,
    },
}

impl Nomination {
    /// The pair is dead: it is not going to be nominated.
    pub(crate) fn abandon(&mut self, dead: Path) {
        if let Self::Asked { path, from, .. } = *self
            && path == dead
        {
            *self = from.map_or(Self::Open, |path| Self::Concluded { path });
        }
    }
}

impl Generation {
    pub(crate) fn new(
        provider: &dyn CryptoProvider,
        number: u32,
        credentials: Credentials,
    ) -> Result<Self, CryptoError> {
        let key = Key::new(provider, &credentials)?;
        Ok(Self {
            number,
            credentials,
            key,
            remote: None,
            local_candidates: Vec::new(),
            remote_candidates: Vec::new(),
            names: Names::default(),
            remote_complete: false,
            checklist: Checklist::default(),
            nomination: Nomination::Open,
            early: Vec::new(),
            has_checked: false,
            failed: false,
            next_consent: Duration::MAX,
            linger_until: None,
            reconnect_until: None,
            nomination_number: None,
        })
    }

    /// The pair that is nominated, valid or not.
    pub(crate) fn concluded(&self) -> Option<Path> {
        match self.nomination {
            Nomination::Concluded { path } => Some(path),
            Nomination::Asked { from, .. } => from,
            Nomination::Open | Nomination::Settling { .. } => None,
        }
    }

    /// Whether this pair is being nominated.
    pub(crate) fn is_asked(&self, path: Path) -> bool {
        matches!(self.nomination, Nomination::Asked { path: asked, .. } if asked == path)
    }

    /// The pair that data goes over: the nominated one, before that the best valid one. When the
    /// nominated one is dead the best spare one stands in.
    //= rfc8445#12.1
    // Before nomination data may go over any valid pair.
    pub(crate) fn selected(&self) -> Option<&Pair> {
        match self.concluded() {
            Some(path) => self
                .checklist
                .get(path)
                .filter(|pair| pair.valid().is_some())
                .or_else(|| self.checklist.best_spare()),
            None => self.checklist.best_valid(),
        }
    }

    pub(crate) fn remote_candidate(
        &self,
        addr: SocketAddr,
        protocol: Protocol,
    ) -> Option<&RemoteCandidate> {
        let mut known = self.remote_candidates.iter();
        known.find(|known| known.end.addr == addr && known.end.protocol == protocol)
    }

    /// Whether the peer proved itself on this canonical path.
    pub(crate) fn has_heard(&self, path: Path) -> bool {
        let pair = self.checklist.get(path);
        pair.is_some_and(|pair| pair.heard) || self.early.iter().any(|check| check.path == path)
    }
}
