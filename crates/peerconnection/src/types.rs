//! W3C's enumerations, with W3C's names.

use std::fmt;
use std::str::FromStr;

macro_rules! w3c_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
        }

        impl $name {
            /// The word that W3C's interfaces use.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownWord),
                }
            }
        }
    };
}

/// A word that names no value of the enumeration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the word names no value of this enumeration")]
pub struct UnknownWord;

w3c_enum! {
    /// What a description is for. `RTCSdpType`, webrtc-pc section 4.6.1.
    #[doc(alias = "RTCSdpType")]
    SdpType {
        /// Proposes a session.
        Offer = "offer",
        /// Answers for the time being.
        Pranswer = "pranswer",
        /// Answers.
        Answer = "answer",
        /// Goes back to the last stable state.
        Rollback = "rollback",
    }
}

w3c_enum! {
    /// Where the exchange of descriptions stands. webrtc-pc section 4.3.1.
    #[doc(alias = "RTCSignalingState")]
    SignalingState {
        /// No exchange is under way.
        Stable = "stable",
        /// Our offer waits for an answer.
        HaveLocalOffer = "have-local-offer",
        /// The peer's offer waits for our answer.
        HaveRemoteOffer = "have-remote-offer",
        /// We gave a provisional answer.
        HaveLocalPranswer = "have-local-pranswer",
        /// The peer gave a provisional answer.
        HaveRemotePranswer = "have-remote-pranswer",
        /// The connection is closed.
        Closed = "closed",
    }
}

w3c_enum! {
    /// Which sections of an offer could live without the bundle. webrtc-pc section 4.2.5.
    ///
    /// There is one transport: a peer that cannot bundle gets none of the others. The policy
    /// decides how an offer says so.
    #[doc(alias = "RTCBundlePolicy")]
    #[derive(Default)]
    BundlePolicy {
        /// The first section of each kind.
        #[default]
        Balanced = "balanced",
        /// All.
        MaxCompat = "max-compat",
        /// The first section only.
        MaxBundle = "max-bundle",
    }
}

w3c_enum! {
    /// Whether local candidates are still being found. webrtc-pc section 4.3.2.
    #[doc(alias = "RTCIceGatheringState")]
    IceGatheringState {
        /// Not started.
        New = "new",
        /// Under way.
        Gathering = "gathering",
        /// Done for this generation.
        Complete = "complete",
    }
}

w3c_enum! {
    /// The state of ICE. webrtc-pc section 4.3.4.
    #[doc(alias = "RTCIceConnectionState")]
    IceConnectionState {
        /// Nothing to check yet.
        New = "new",
        /// Pairs are being checked.
        Checking = "checking",
        /// A pair works; others are still being checked.
        Connected = "connected",
        /// A pair is selected and nothing is left to check.
        Completed = "completed",
        /// The peer has not been heard for a while; it may come back.
        Disconnected = "disconnected",
        /// No pair works.
        Failed = "failed",
        /// The connection is closed.
        Closed = "closed",
    }
}

w3c_enum! {
    /// The state of ICE and DTLS together. webrtc-pc section 4.3.3.
    #[doc(alias = "RTCPeerConnectionState")]
    ConnectionState {
        /// Nothing has begun.
        New = "new",
        /// ICE or DTLS is at work.
        Connecting = "connecting",
        /// Data and media flow.
        Connected = "connected",
        /// The peer has not been heard for a while; it may come back.
        Disconnected = "disconnected",
        /// It did not work.
        Failed = "failed",
        /// The connection is closed.
        Closed = "closed",
    }
}

w3c_enum! {
    /// Audio or video.
    Kind {
        /// Sound.
        Audio = "audio",
        /// Moving pictures.
        Video = "video",
    }
}

w3c_enum! {
    /// Which way media may flow. webrtc-pc section 5.4.
    #[doc(alias = "RTCRtpTransceiverDirection")]
    Direction {
        /// Both ways.
        SendRecv = "sendrecv",
        /// From us only.
        SendOnly = "sendonly",
        /// To us only.
        RecvOnly = "recvonly",
        /// Neither way.
        Inactive = "inactive",
        /// Stopped for good.
        Stopped = "stopped",
    }
}

w3c_enum! {
    /// The state of a data channel. webrtc-pc section 6.2.
    #[doc(alias = "RTCDataChannelState")]
    DataChannelState {
        /// The transport or the peer is not there yet.
        Connecting = "connecting",
        /// Messages flow.
        Open = "open",
        /// What is queued is still being sent.
        Closing = "closing",
        /// Gone.
        Closed = "closed",
    }
}

impl Direction {
    /// Whether media of ours may flow.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether media of the peer may flow.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The direction that sends and receives just so.
    #[must_use]
    pub const fn of(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The same as the peer sees it.
    #[must_use]
    pub const fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::SendRecv | Self::Inactive | Self::Stopped => self,
        }
    }
}
