use antiphon_peerconnection::DataChannelMessage;
use bytes::Bytes;

/// A message of a data channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Anything else.
    Binary(Bytes),
}

impl Message {
    /// The message's bytes, of whichever kind.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

/// A message as the machine takes it: another try costs no copy.
#[derive(Clone)]
pub(crate) struct Payload {
    pub(crate) is_text: bool,
    pub(crate) bytes: Bytes,
}

impl From<Message> for Payload {
    fn from(message: Message) -> Self {
        Self { is_text: matches!(message, Message::Text(_)), bytes: message.into_bytes() }
    }
}

impl From<DataChannelMessage> for Message {
    fn from(message: DataChannelMessage) -> Self {
        match message {
            // The machine has checked that text is UTF-8.
            DataChannelMessage::Text(bytes) => Self::Text(
                String::from_utf8(bytes.into())
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
            ),
            DataChannelMessage::Binary(bytes) => Self::Binary(bytes),
        }
    }
}
