//! Whole WebRTC stacks, ours and others, behind one trait: what `datachannel` and `setup` measure.
//!
//! A stack that is asynchronous itself runs on tokio as its users would run it; one without
//! input and output is driven by `Driven`, a plain loop around one socket.

mod detour;
#[cfg(feature = "peers")]
mod driven;
mod ours;
mod pair;
#[cfg(feature = "peers")]
mod rtc;
#[cfg(feature = "peers")]
mod rustrtc;
#[cfg(feature = "peers")]
mod str0m;
#[cfg(feature = "peers")]
mod webrtc;

use std::time::Duration;

#[cfg(feature = "peers")]
pub use self::driven::{Driven, Machine};
pub use self::ours::Antiphon;
pub use self::pair::{Course, Throughput, idle_bytes, setup_time, throughput};
#[cfg(feature = "peers")]
pub use self::rtc::Rtc;
#[cfg(feature = "peers")]
pub use self::rustrtc::Rustrtc;
#[cfg(feature = "peers")]
pub use self::str0m::Str0m;
#[cfg(feature = "peers")]
pub use self::webrtc::Webrtc;

/// Why a measurement failed.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Bytes that a sender lets wait in a stack that sets no limit itself.
#[cfg(feature = "peers")]
const SEND_BUFFER: usize = 1 << 20;
/// No end takes longer to open, or something is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// What an end is made with, as far as its stack lets its user choose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Bytes of each buffer of the socket; 0 leaves the system's default.
    pub socket_buffer_bytes: usize,
    /// Bytes that may be under way or wait for the application; 0 leaves the stack's default.
    pub window_bytes: usize,
}

/// One end of a connection with one data channel, reliable and ordered, over 127.0.0.1.
///
/// It lives on one thread, within a tokio runtime of that thread.
#[expect(async_fn_in_trait, reason = "ends never leave their thread")]
pub trait End: Sized + 'static {
    /// Its name in the table.
    const NAME: &'static str;
    /// The version that is measured.
    const VERSION: &'static str;

    /// Makes an end with everything that can be had before the negotiation: the certificate, and
    /// the socket where the stack leaves that to its user.
    async fn new(settings: Settings) -> Result<Self, Failure>;
    /// Opens the channel, and says the offer with all candidates.
    async fn offer(&mut self) -> Result<String, Failure>;
    /// Takes the offer, and says the answer with all candidates.
    async fn answer(&mut self, offer: String) -> Result<String, Failure>;
    /// Takes the answer.
    async fn accept(&mut self, answer: String) -> Result<(), Failure>;
    /// Waits until the channel is open.
    async fn open(&mut self) -> Result<(), Failure>;
    /// Sends a message as soon as there is room for it.
    async fn send(&mut self, message: &[u8]) -> Result<(), Failure>;
    /// Waits for messages, and says how many bytes came. While it waits, the end keeps itself
    /// alive.
    async fn receive(&mut self) -> Result<usize, Failure>;
}
