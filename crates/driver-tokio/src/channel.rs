//! What a data channel's handles ask of the machine, under the lock.

use std::time::Instant;

use antiphon_peerconnection as peer;
use antiphon_peerconnection::{DataChannelId, DataChannelState, OperationError};

use crate::message::Payload;
use crate::shared::State;
use crate::wait::{Topic, Wait};
use crate::{Error, Message};

/// Sending waits while more than this waits in the channel, in bytes.
const HIGH_WATER: usize = 1 << 20;
/// Those who wait for room go on when it has fallen to this, in bytes.
const LOW_WATER: usize = HIGH_WATER / 2;

impl State {
    /// The channel's state; one that the machine has forgotten, or whose task is gone, is closed.
    pub(crate) fn channel_state(&self, id: DataChannelId) -> DataChannelState {
        if self.finished {
            return DataChannelState::Closed;
        }
        self.machine.data_channel_state(id)
    }

    pub(crate) fn channel_opened(&self, id: DataChannelId) -> Wait<Result<(), Error>> {
        match self.channel_state(id) {
            DataChannelState::Connecting => Wait::For(Topic::Channel(id)),
            DataChannelState::Open => Wait::Done(Ok(())),
            DataChannelState::Closing | DataChannelState::Closed => Wait::Done(Err(Error::Closed)),
        }
    }

    pub(crate) fn channel_closed(&self, id: DataChannelId) -> Wait<()> {
        match self.channel_state(id) {
            DataChannelState::Connecting | DataChannelState::Open | DataChannelState::Closing => {
                Wait::For(Topic::Channel(id))
            }
            DataChannelState::Closed => Wait::Done(()),
        }
    }

    /// Done when the channel is open and holds less than it should at most.
    pub(crate) fn channel_room(&mut self, id: DataChannelId) -> Wait<Result<(), Error>> {
        match self.channel_opened(id) {
            Wait::Done(Ok(())) if self.machine.buffered_amount(id) >= HIGH_WATER => {
                Wait::For(Topic::Room(id))
            }
            wait @ (Wait::Done(_) | Wait::For(_)) => wait,
        }
    }

    /// Done when no more than `threshold` bytes wait for the network.
    pub(crate) fn channel_low(
        &mut self,
        id: DataChannelId,
        threshold: usize,
    ) -> Wait<Result<(), Error>> {
        if self.channel_state(id) == DataChannelState::Closed {
            return Wait::Done(Err(Error::Closed));
        }
        // The machine tells of the fall to its threshold, and of nothing above it.
        self.machine.set_buffered_amount_low_threshold(id, threshold);
        if self.machine.buffered_amount(id) <= threshold {
            return Wait::Done(Ok(()));
        }
        Wait::For(Topic::Channel(id))
    }

    /// Done when the network has taken all.
    pub(crate) fn channel_drained(&mut self, id: DataChannelId) -> Wait<Result<(), Error>> {
        if self.machine.buffered_amount(id) == 0 {
            return Wait::Done(Ok(()));
        }
        match self.channel_state(id) {
            DataChannelState::Connecting | DataChannelState::Open | DataChannelState::Closing => {
                Wait::For(Topic::Drained(id))
            }
            DataChannelState::Closed => Wait::Done(Err(Error::Closed)),
        }
    }

    pub(crate) fn send_message(
        &mut self,
        id: DataChannelId,
        payload: Payload,
    ) -> Result<(), peer::Error> {
        let (Payload { is_text, bytes }, now) = (payload, Instant::now());
        if is_text {
            self.machine.send_text(now, id, bytes)?;
        } else {
            self.machine.send_binary(now, id, bytes)?;
        }
        // Not when refused: the task wakes who waits for room, and both would go in circles.
        self.wake_task();
        Ok(())
    }

    pub(crate) fn send_when_room(
        &mut self,
        id: DataChannelId,
        payload: impl FnOnce() -> Payload,
    ) -> Wait<Result<(), Error>> {
        match self.channel_room(id) {
            Wait::Done(Ok(())) => {}
            wait @ (Wait::Done(_) | Wait::For(_)) => return wait,
        }
        match self.send_message(id, payload()) {
            Err(error) if is_full(&error) => Wait::For(Topic::Room(id)),
            result => Wait::Done(result.map_err(Error::from)),
        }
    }

    pub(crate) fn next_message(&mut self, id: DataChannelId) -> Wait<Option<Message>> {
        if let Some(message) = self.machine.receive_message(id) {
            // The peer may learn that there is room again.
            self.wake_task();
            return Wait::Done(Some(message.into()));
        }
        match self.channel_state(id) {
            DataChannelState::Connecting | DataChannelState::Open | DataChannelState::Closing => {
                Wait::For(Topic::Message(id))
            }
            DataChannelState::Closed => Wait::Done(None),
        }
    }

    /// Something of a channel changed: all who wait for anything of it look again.
    pub(crate) fn wake_channel(&mut self, id: DataChannelId) {
        for topic in [Topic::Room(id), Topic::Drained(id), Topic::Message(id), Topic::Channel(id)] {
            self.waiters.wake(topic);
        }
    }

    /// Wakes those who wait until less is to be sent, and now have it.
    pub(crate) fn wake_writers(&mut self) {
        for topic in self.waiters.writers() {
            let ready = match topic {
                Topic::Room(id) => {
                    self.machine.buffered_amount(id) <= LOW_WATER && self.machine.has_send_room()
                }
                Topic::Drained(id) => self.machine.buffered_amount(id) == 0,
                Topic::Message(_)
                | Topic::Channel(_)
                | Topic::Packet(_)
                | Topic::KeyFrame(_)
                | Topic::Event
                | Topic::Connection => false,
            };
            if ready {
                self.waiters.wake(topic);
            }
        }
    }
}

fn is_full(error: &peer::Error) -> bool {
    matches!(error, peer::Error::Operation(OperationError::BufferFull { .. }))
}
