use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::wire::ChannelNumber;

/// A binding lasts that long (RFC 8656 section 12).
const LIFETIME: Duration = Duration::from_secs(600);

/// After the end of a binding neither number nor peer is bound otherwise (RFC 8656 section 12).
const COOLING: Duration = Duration::from_secs(300);

/// Channels by number and by peer.
#[derive(Debug, Default)]
pub(super) struct Channels {
    /// Slot `n` has the number 0x4000 + n.
    slots: Vec<Option<Channel>>,
    by_peer: BTreeMap<SocketAddr, usize>,
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    peer: SocketAddr,
    phase: Phase,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// To be asked for at that time.
    Wanted(Duration),
    /// Asked for, and not answered.
    Binding,
    /// Carries data until `expires`; asked for again at `refresh`, `None` while that goes on.
    Bound { expires: Duration, refresh: Option<Duration> },
    /// Carries nothing, and must not be bound otherwise before that.
    Cooling(Duration),
}

/// Why a peer gets no channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoChannel {
    /// All are taken.
    Limit,
    /// The last one of this peer has to rest until then.
    Until(Duration),
}

impl Channels {
    /// The channel of `peer`, new or old.
    pub(super) fn want(
        &mut self,
        now: Duration,
        peer: SocketAddr,
        limit: usize,
    ) -> Result<ChannelNumber, NoChannel> {
        if let Some(index) = self.by_peer.get(&peer).copied() {
            //= rfc8656#12
            // For five minutes neither the number nor the peer is bound otherwise.
            if let Some(Some(Channel { phase: Phase::Cooling(until), .. })) = self.slots.get(index)
            {
                return Err(NoChannel::Until(*until));
            }
            return number(index).ok_or(NoChannel::Limit);
        }
        let limit = limit.min(4096);
        let index = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let number = number(index).filter(|_| index < limit).ok_or(NoChannel::Limit)?;
        let channel = Some(Channel { peer, phase: Phase::Wanted(now) });
        match self.slots.get_mut(index) {
            Some(slot) => *slot = channel,
            None => self.slots.push(channel),
        }
        self.by_peer.insert(peer, index);
        Ok(number)
    }

    /// The number under which data for `peer` goes, if it is bound.
    pub(super) fn bound_number(&self, peer: SocketAddr) -> Option<ChannelNumber> {
        let index = *self.by_peer.get(&peer)?;
        match self.slots.get(index)?.as_ref()?.phase {
            Phase::Bound { .. } => number(index),
            Phase::Wanted(_) | Phase::Binding | Phase::Cooling(_) => None,
        }
    }

    /// Whose data comes under that number: that of a binding, or of one that the server made and
    /// whose success is still on its way.
    pub(super) fn peer(&self, number: ChannelNumber) -> Option<SocketAddr> {
        let channel = self.slots.get(index(number))?.as_ref()?;
        match channel.phase {
            Phase::Bound { .. } | Phase::Binding => Some(channel.peer),
            Phase::Wanted(_) | Phase::Cooling(_) => None,
        }
    }

    /// The next one to ask for.
    pub(super) fn due(&mut self, now: Duration) -> Option<(ChannelNumber, SocketAddr)> {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let Some(Channel { peer, phase }) = slot else { continue };
            match phase {
                Phase::Wanted(at) if *at <= now => {
                    *phase = Phase::Binding;
                    return number(index).map(|number| (number, *peer));
                }
                Phase::Bound { refresh: refresh @ Some(_), .. }
                    if refresh.is_some_and(|at| at <= now) =>
                {
                    *refresh = None;
                    return number(index).map(|number| (number, *peer));
                }
                Phase::Wanted(_) | Phase::Binding | Phase::Bound { .. } | Phase::Cooling(_) => {}
            }
        }
        None
    }

    /// Asks again for what was on its way, on another path.
    pub(super) fn ask_again(&mut self, now: Duration, number: ChannelNumber) {
        match self.phase(number) {
            Some(phase @ Phase::Binding) => *phase = Phase::Wanted(now),
            Some(Phase::Bound { refresh, .. }) => *refresh = Some(now),
            Some(Phase::Wanted(_) | Phase::Cooling(_)) | None => {}
        }
    }

    /// The server said yes. Says whether the channel was not bound before.
    pub(super) fn bound(
        &mut self,
        now: Duration,
        number: ChannelNumber,
        refresh: Duration,
    ) -> bool {
        let Some(phase) = self.phase(number) else { return false };
        let is_new = !matches!(phase, Phase::Bound { .. });
        let refresh = Some(now.saturating_add(refresh));
        *phase = Phase::Bound { expires: now.saturating_add(LIFETIME), refresh };
        is_new
    }

    /// The server said no. Data goes on in indications.
    pub(super) fn failed(&mut self, now: Duration, number: ChannelNumber) {
        if let Some(phase) = self.phase(number) {
            *phase = Phase::Cooling(now.saturating_add(COOLING));
        }
    }

    /// Bindings and pauses whose time is over.
    pub(super) fn expire(&mut self, now: Duration) {
        for slot in &mut self.slots {
            let Some(Channel { peer, phase }) = slot else { continue };
            match phase {
                Phase::Bound { expires, .. } if *expires <= now => {
                    *phase = Phase::Cooling(expires.saturating_add(COOLING));
                }
                Phase::Cooling(until) if *until <= now => {
                    self.by_peer.remove(peer);
                    *slot = None;
                }
                Phase::Wanted(_) | Phase::Binding | Phase::Bound { .. } | Phase::Cooling(_) => {}
            }
        }
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.slots.iter().flatten().filter_map(|channel| channel.phase.next()).min()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn phase(&mut self, number: ChannelNumber) -> Option<&mut Phase> {
        self.slots.get_mut(index(number))?.as_mut().map(|channel| &mut channel.phase)
    }
}

impl Phase {
    fn next(self) -> Option<Duration> {
        match self {
            Self::Wanted(at) | Self::Cooling(at) => Some(at),
            Self::Binding => None,
            Self::Bound { expires, refresh } => Some(refresh.map_or(expires, |at| at.min(expires))),
        }
    }
}

fn number(index: usize) -> Option<ChannelNumber> {
    let index = u16::try_from(index).ok()?;
    ChannelNumber::new(ChannelNumber::MIN.number().checked_add(index)?)
}

fn index(number: ChannelNumber) -> usize {
    usize::from(number.number().saturating_sub(ChannelNumber::MIN.number()))
}
