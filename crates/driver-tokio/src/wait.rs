//! Who waits for what. A waiter that is dropped leaves nothing behind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use antiphon_peerconnection::{DataChannelId, TransceiverId};

use crate::shared::{Shared, State};

/// What can be waited for. Writers come first, so that the task finds them without looking at the
/// others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    /// Room for another message.
    Room(DataChannelId),
    /// The network has taken all messages.
    Drained(DataChannelId),
    /// A message to read.
    Message(DataChannelId),
    /// A channel opens or closes.
    Channel(DataChannelId),
    /// An RTP packet to read.
    Packet(TransceiverId),
    /// The peer asks for a key frame.
    KeyFrame(TransceiverId),
    /// An event to read.
    Event,
    /// The connection's state changes.
    Connection,
}

/// What a step of something that waits comes to.
#[derive(Debug)]
pub(crate) enum Wait<T> {
    Done(T),
    For(Topic),
}

type Place = (Topic, u64);

#[derive(Debug, Default)]
pub(crate) struct Waiters {
    waiting: BTreeMap<Place, Waker>,
    next: u64,
    /// To be woken when the lock is free.
    woken: Vec<Waker>,
}

impl Waiters {
    /// Registers a waiter, in its old place if it has one of this topic.
    fn register(&mut self, old: Option<Place>, topic: Topic, waker: &Waker) -> Place {
        let place = match old {
            Some(place) if place.0 == topic => place,
            other => {
                if let Some(place) = other {
                    self.waiting.remove(&place);
                }
                self.next = self.next.wrapping_add(1);
                (topic, self.next)
            }
        };
        self.waiting
            .entry(place)
            .and_modify(|known| known.clone_from(waker))
            .or_insert_with(|| waker.clone());
        place
    }

    /// Wakes, when the lock is free, all who wait for `topic`.
    pub(crate) fn wake(&mut self, topic: Topic) {
        while let Some((&place, _)) = self.waiting.range((topic, 0)..=(topic, u64::MAX)).next() {
            self.woken.extend(self.waiting.remove(&place));
        }
    }

    /// Wakes, when the lock is free, who waits for something of a transceiver that is not `live`.
    pub(crate) fn wake_stopped(&mut self, live: &[TransceiverId]) {
        let stopped = |topic: &Topic| match topic {
            Topic::Packet(id) | Topic::KeyFrame(id) => !live.contains(id),
            Topic::Room(_)
            | Topic::Drained(_)
            | Topic::Message(_)
            | Topic::Channel(_)
            | Topic::Event
            | Topic::Connection => false,
        };
        let topics = self.waiting.keys().map(|(topic, _)| *topic);
        for topic in topics.filter(stopped).collect::<Vec<_>>() {
            self.wake(topic);
        }
    }

    /// Wakes everyone, when the lock is free.
    pub(crate) fn wake_all(&mut self) {
        self.woken.extend(std::mem::take(&mut self.waiting).into_values());
    }

    /// Wakes one that is not registered here, when the lock is free.
    pub(crate) fn wake_other(&mut self, waker: Waker) {
        self.woken.push(waker);
    }

    /// The topics, one or the other of a channel, that writers wait for.
    pub(crate) fn writers(&self) -> Vec<Topic> {
        let topics = self.waiting.keys().map(|(topic, _)| *topic);
        topics.take_while(|topic| matches!(topic, Topic::Room(_) | Topic::Drained(_))).collect()
    }

    /// Those to wake, now that the lock is about to be free.
    pub(crate) fn take_woken(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.woken)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// The place of one waiter, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    shared: Arc<Shared>,
    place: Option<Place>,
}

impl Slot {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, place: None }
    }

    /// Takes a step; one that has to wait is woken for the next.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &Context<'_>,
        step: impl FnOnce(&mut State) -> Wait<T>,
    ) -> Poll<T> {
        let mut state = self.shared.lock();
        match step(&mut state) {
            Wait::Done(value) => {
                if let Some(place) = self.place.take() {
                    state.waiters.waiting.remove(&place);
                }
                Poll::Ready(value)
            }
            Wait::For(topic) => {
                self.place = Some(state.waiters.register(self.place, topic, cx.waker()));
                Poll::Pending
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.shared.lock().waiters.waiting.remove(&place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_wakes_its_waiters_and_no_others() {
        let mut waiters = Waiters::default();
        let first = waiters.register(None, Topic::Event, Waker::noop());
        let again = waiters.register(Some(first), Topic::Event, Waker::noop());
        assert_eq!((first, waiters.len()), (again, 1));
        let moved = waiters.register(Some(first), Topic::Connection, Waker::noop());
        assert_ne!(first, moved);
        waiters.register(None, Topic::Event, Waker::noop());
        waiters.wake(Topic::Connection);
        assert_eq!((waiters.len(), waiters.take_woken().len()), (1, 1));
        waiters.wake_all();
        assert_eq!((waiters.len(), waiters.take_woken().len()), (0, 1));
    }
}
