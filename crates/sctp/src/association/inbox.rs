use std::collections::VecDeque;

use crate::config::MESSAGE_OVERHEAD;
use crate::{Event, Message};

/// Messages waiting for [`recv`](crate::Association::recv), and the events that must not
/// overtake them. Outlives the association's other state.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    messages: VecDeque<Message>,
    bytes: usize,
    /// Messages put in and taken out so far.
    put: u64,
    taken: u64,
    events: VecDeque<Event>,
    /// Resets by the peer, each after so many messages.
    resets: VecDeque<(u64, Box<[u16]>)>,
    /// An [`Event::Readable`] is owed.
    readable: bool,
}

/// Resets the application has not seen; more make the peer wait.
pub(crate) const MAX_RESETS: usize = 64;

impl Inbox {
    /// Bytes held, with a surcharge for each message.
    pub(crate) fn held(&self) -> usize {
        self.bytes.saturating_add(self.messages.len().saturating_mul(MESSAGE_OVERHEAD))
    }

    pub(crate) fn put(&mut self, message: Message) {
        self.bytes = self.bytes.saturating_add(message.payload.len());
        self.put = self.put.saturating_add(1);
        self.readable |= self.messages.is_empty();
        self.messages.push_back(message);
    }

    pub(crate) fn take(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes = self.bytes.saturating_sub(message.payload.len());
        self.taken = self.taken.saturating_add(1);
        Some(message)
    }

    /// What comes next must come before everything else.
    pub(crate) fn is_news(&self) -> bool {
        matches!(self.events.front(), Some(Event::Connected | Event::Restarted))
    }

    /// Nothing waits for the application.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.events.is_empty() && self.resets.is_empty()
    }

    pub(crate) fn has_room_for_reset(&self) -> bool {
        self.resets.len() < MAX_RESETS
    }

    /// The peer reset streams; told once everything put in before has been taken.
    pub(crate) fn reset(&mut self, streams: Box<[u16]>) {
        self.resets.push_back((self.put, streams));
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        if let Some((after, _)) = self.resets.front()
            && *after <= self.taken
        {
            let (_, streams) = self.resets.pop_front()?;
            return Some(Event::StreamReset { streams });
        }
        // Connected and Restarted come before what they made possible, Closed after everything.
        if !self.is_news() && std::mem::take(&mut self.readable) && !self.messages.is_empty() {
            return Some(Event::Readable);
        }
        self.events.pop_front()
    }
}
