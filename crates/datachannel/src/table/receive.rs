use bytes::Bytes;

use super::channel::Phase;
use super::streams::Use;
use super::{Channels, cost};
use crate::wire::{DcepView, ppid};
use crate::{ChannelError, ChannelId, Event, InputError, Message};

impl Channels {
    /// Takes a message that arrived on `stream`, in the order in which the transport delivers.
    ///
    /// # Errors
    ///
    /// Says why the message was not delivered; this is for a log or a counter, as events tell the
    /// application what it has to know. Only after [`InputError::ReceiveBufferFull`] the same
    /// message has to be offered again.
    pub fn handle_message(
        &mut self,
        stream: u16,
        ppid: u32,
        payload: Bytes,
    ) -> Result<(), InputError> {
        if !self.is_connected() {
            return Err(InputError::NotConnected);
        }
        let streams = self.ids.streams();
        if stream >= streams {
            // There is no direction of ours to reset.
            let error = ChannelError::NoSuchStream { stream, streams };
            return Err(InputError::Refused(error));
        }
        if ppid == ppid::DCEP {
            return self.handle_dcep(stream, &payload);
        }
        match self.streams.get(stream) {
            Use::Channel(id) => {
                let (unread, limit) = (self.unread, self.config.receive_buffer);
                if unread >= limit {
                    return Err(InputError::ReceiveBufferFull { unread, limit });
                }
                self.deliver(id, ppid, payload)
            }
            Use::Free | Use::Early => self.keep_early(stream, ppid, payload),
            Use::Refused(_) => Err(InputError::Closing { stream }),
        }
    }

    fn handle_dcep(&mut self, stream: u16, payload: &[u8]) -> Result<(), InputError> {
        let usage = self.streams.get(stream);
        let is_closing = match usage {
            Use::Channel(id) => self.resets_of(id),
            Use::Refused(resets) => Some(resets),
            Use::Free | Use::Early => None,
        };
        //= rfc8832#6
        // A stream that was reset in both directions can carry a new channel; the peer may know
        // that its answer to our reset is on its way before we do.
        let is_held = is_closing.is_some_and(super::streams::Resets::may_be_done);
        if is_closing.is_some() && !is_held {
            return Err(InputError::Closing { stream });
        }
        let message = match DcepView::parse(payload) {
            Ok(message) => message,
            Err(error) if is_held => return Err(InputError::Refused(error.into())),
            Err(error) => return Err(self.reject(stream, error.into())),
        };
        match message {
            DcepView::Ack => self.acknowledged(stream),
            DcepView::Open(open) => match (usage, self.may_accept(stream, open)) {
                // The old channel is left alone; it ends with its reset.
                (_, Err(error)) if is_held => Err(InputError::Refused(error)),
                (Use::Channel(id), _) if is_held => {
                    self.finish(id);
                    self.accept(stream, open, true);
                    Ok(())
                }
                (Use::Channel(_), _) => Err(self.reject(stream, ChannelError::StreamInUse)),
                (Use::Free | Use::Early | Use::Refused(_), Err(error)) => {
                    Err(self.reject(stream, error))
                }
                (Use::Free | Use::Early | Use::Refused(_), Ok(())) => {
                    self.accept(stream, open, is_held);
                    Ok(())
                }
            },
        }
    }

    //= rfc8832#6
    // What breaks a rule closes its channel and is not acknowledged.
    fn reject(&mut self, stream: u16, error: ChannelError) -> InputError {
        match self.streams.get(stream) {
            Use::Channel(id) => {
                self.fail(id, error);
                InputError::ChannelFailed(error)
            }
            Use::Free | Use::Early | Use::Refused(_) => {
                self.refuse(stream);
                InputError::Refused(error)
            }
        }
    }

    //= rfc8832#6
    // User data on a stream that is no channel is an error. As the peer of a negotiated channel
    // may be quicker than our application, a limited amount is kept before that is said.
    fn keep_early(&mut self, stream: u16, ppid: u32, payload: Bytes) -> Result<(), InputError> {
        if self.early.keep(stream, ppid, payload) {
            self.streams.set(stream, Use::Early);
            return Ok(());
        }
        self.refuse(stream);
        Err(InputError::Refused(ChannelError::NoChannel))
    }

    /// User data for a channel.
    pub(super) fn deliver(
        &mut self,
        id: ChannelId,
        ppid: u32,
        payload: Bytes,
    ) -> Result<(), InputError> {
        let Some(channel) = self.slots.get_mut(id) else { return Ok(()) };
        match channel.phase {
            Phase::Open => channel.is_confirmed = true,
            Phase::Closing(_) | Phase::Closed | Phase::Connecting => {
                let stream = channel.stream.unwrap_or(u16::MAX);
                return Err(InputError::Closing { stream });
            }
        }
        let message = match message(ppid, payload, self.config.max_message_size) {
            Ok(message) => message,
            Err(error) => {
                self.fail(id, error);
                return Err(InputError::ChannelFailed(error));
            }
        };
        let bytes = u64::try_from(message.payload().len()).unwrap_or(u64::MAX);
        channel.stats.messages_received = channel.stats.messages_received.saturating_add(1);
        channel.stats.bytes_received = channel.stats.bytes_received.saturating_add(bytes);
        self.unread = self.unread.saturating_add(cost(message.payload()));
        let was_empty = channel.inbox.queue.is_empty();
        channel.inbox.queue.push_back(message);
        if was_empty && !channel.inbox.is_reported {
            channel.inbox.is_reported = true;
            self.events.push_back(Event::Readable(id));
        }
        Ok(())
    }
}

fn message(ppid: u32, payload: Bytes, limit: usize) -> Result<Message, ChannelError> {
    let len = payload.len();
    if len > limit {
        return Err(ChannelError::MessageTooLarge { len, limit });
    }
    match ppid {
        ppid::STRING if str::from_utf8(&payload).is_ok() => Ok(Message::Text(payload)),
        ppid::STRING => Err(ChannelError::NotUtf8),
        ppid::BINARY => Ok(Message::Binary(payload)),
        //= rfc8831#6.6
        // The byte that stands for an empty message is not looked at.
        ppid::STRING_EMPTY => Ok(Message::Text(Bytes::new())),
        ppid::BINARY_EMPTY => Ok(Message::Binary(Bytes::new())),
        //= rfc8831#6.6
        // Other identifiers, the deprecated ones for parts of messages included, close the channel.
        other => Err(ChannelError::UnknownPpid(other)),
    }
}
