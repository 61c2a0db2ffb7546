use std::net::SocketAddr;
use std::time::Instant;

use super::Client;
use super::error::InputError;
use super::event::Input;
use crate::wire::{Frame, StreamFramer};

/// What stands at the front of the bytes from a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamInput {
    /// Less than a message: come back with at least `need` bytes.
    Incomplete {
        /// Bytes that must be there.
        need: usize,
    },
    /// One message of `consumed` bytes, padding included: drop them and come back with the rest.
    Message {
        /// Bytes that are done with.
        consumed: usize,
        /// What it was, or why it was dropped; the stream goes on in either case.
        input: Result<Input, InputError>,
    },
}

impl Client {
    /// Takes the first message of a byte stream: [`handle_input`](Self::handle_input) for TCP and
    /// TLS. `stream` is what came and is not consumed yet.
    ///
    /// # Errors
    ///
    /// [`InputError::Frame`]: the stream cannot be read any further. Close it.
    pub fn handle_stream(
        &mut self,
        now: Instant,
        from: SocketAddr,
        stream: &[u8],
    ) -> Result<StreamInput, InputError> {
        self.clock.advance(now);
        match StreamFramer::new(StreamFramer::MAX_LIMIT).next(stream)? {
            Frame::Incomplete { need } => Ok(StreamInput::Incomplete { need }),
            Frame::Complete { message, consumed } => {
                let bytes = stream.get(..message).unwrap_or_default();
                let input = self.handle_input(now, from, bytes);
                Ok(StreamInput::Message { consumed, input })
            }
        }
    }
}
