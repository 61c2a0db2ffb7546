use std::str;
use std::time::Duration;

use super::kind::ExtensionKind;

/// The value of a header extension, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtensionValue<'a> {
    /// See [`ExtensionKind::Mid`].
    Mid(&'a str),
    /// See [`ExtensionKind::RtpStreamId`].
    RtpStreamId(&'a str),
    /// See [`ExtensionKind::RepairedRtpStreamId`].
    RepairedRtpStreamId(&'a str),
    /// Seconds in 6.18 fixed point, 24 bits; see [`ExtensionValue::abs_send_time`].
    AbsSendTime(u32),
    /// See [`ExtensionKind::TransportSequenceNumber`].
    TransportSequenceNumber(u16),
    /// See [`ExtensionKind::AudioLevel`].
    AudioLevel(AudioLevel),
    /// One byte per contributing source, each with its level in the lower seven bits.
    MixerAudioLevel(&'a [u8]),
    /// See [`ExtensionKind::VideoOrientation`].
    VideoOrientation(VideoOrientation),
    /// In units of the media clock, 24 bits.
    TransmissionOffset(i32),
    /// The least and the greatest delay, each up to 40.95 s.
    PlayoutDelay {
        /// No sooner than this.
        min: Duration,
        /// No later than this.
        max: Duration,
    },
}

/// How loud a packet's audio is. [RFC 6464 section 3].
///
/// [RFC 6464 section 3]: https://www.rfc-editor.org/rfc/rfc6464#section-3
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    /// Whether the sender thinks that somebody speaks.
    pub voice: bool,
    /// -dBov: 0 is the loudest, 127 is silence.
    pub level: u8,
}

/// How a picture has to be turned before it is shown. 3GPP TS 26.114 section 7.4.5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoOrientation {
    /// The camera at the back.
    pub back_camera: bool,
    /// Mirror the picture horizontally, after turning it.
    pub flip: bool,
    /// Turn it clockwise by this much.
    pub rotation: Rotation,
}

/// Quarter turns, clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Not at all.
    #[default]
    None,
    /// 90 degrees.
    Quarter,
    /// 180 degrees.
    Half,
    /// 270 degrees.
    ThreeQuarters,
}

impl AudioLevel {
    /// The byte on the wire; a level over 127 counts as 127.
    #[must_use]
    pub fn to_byte(self) -> u8 {
        u8::from(self.voice) << 7 | self.level.min(127)
    }

    /// Reads the byte on the wire.
    #[must_use]
    pub fn from_byte(byte: u8) -> Self {
        Self { voice: byte & 0x80 != 0, level: byte & 0x7f }
    }
}

impl VideoOrientation {
    /// The byte on the wire.
    #[must_use]
    pub fn to_byte(self) -> u8 {
        let rotation = match self.rotation {
            Rotation::None => 0,
            Rotation::Quarter => 1,
            Rotation::Half => 2,
            Rotation::ThreeQuarters => 3,
        };
        u8::from(self.back_camera) << 3 | u8::from(self.flip) << 2 | rotation
    }

    /// Reads the byte on the wire; its upper four bits mean nothing.
    #[must_use]
    pub fn from_byte(byte: u8) -> Self {
        let rotation = match byte & 0b11 {
            0 => Rotation::None,
            1 => Rotation::Quarter,
            2 => Rotation::Half,
            _ => Rotation::ThreeQuarters,
        };
        Self { back_camera: byte & 0b1000 != 0, flip: byte & 0b100 != 0, rotation }
    }
}

impl<'a> ExtensionValue<'a> {
    /// Reads the value of an extension; `None` if it has the wrong length or is not UTF-8.
    #[must_use]
    pub fn parse(kind: ExtensionKind, value: &'a [u8]) -> Option<Self> {
        Some(match (kind, value) {
            (ExtensionKind::Mid, _) => Self::Mid(text(value)?),
            (ExtensionKind::RtpStreamId, _) => Self::RtpStreamId(text(value)?),
            (ExtensionKind::RepairedRtpStreamId, _) => Self::RepairedRtpStreamId(text(value)?),
            (ExtensionKind::AbsSendTime, &[a, b, c]) => {
                Self::AbsSendTime(u32::from_be_bytes([0, a, b, c]))
            }
            (ExtensionKind::TransportSequenceNumber, &[a, b]) => {
                Self::TransportSequenceNumber(u16::from_be_bytes([a, b]))
            }
            // Some senders pad the byte to two.
            (ExtensionKind::AudioLevel, &[byte, ..]) => {
                Self::AudioLevel(AudioLevel::from_byte(byte))
            }
            (ExtensionKind::MixerAudioLevel, [_, ..]) => Self::MixerAudioLevel(value),
            (ExtensionKind::VideoOrientation, &[byte]) => {
                Self::VideoOrientation(VideoOrientation::from_byte(byte))
            }
            (ExtensionKind::TransmissionOffset, &[a, b, c]) => {
                Self::TransmissionOffset(i32::from_be_bytes([a, b, c, 0]) >> 8)
            }
            (ExtensionKind::PlayoutDelay, &[a, b, c]) => Self::PlayoutDelay {
                min: centiseconds(u16::from_be_bytes([a, b]) >> 4),
                max: centiseconds(u16::from_be_bytes([b, c]) & 0xfff),
            },
            (
                ExtensionKind::AbsSendTime
                | ExtensionKind::TransportSequenceNumber
                | ExtensionKind::AudioLevel
                | ExtensionKind::MixerAudioLevel
                | ExtensionKind::VideoOrientation
                | ExtensionKind::TransmissionOffset
                | ExtensionKind::PlayoutDelay,
                _,
            ) => return None,
        })
    }

    /// Which extension this is a value of.
    #[must_use]
    pub const fn kind(&self) -> ExtensionKind {
        match self {
            Self::Mid(_) => ExtensionKind::Mid,
            Self::RtpStreamId(_) => ExtensionKind::RtpStreamId,
            Self::RepairedRtpStreamId(_) => ExtensionKind::RepairedRtpStreamId,
            Self::AbsSendTime(_) => ExtensionKind::AbsSendTime,
            Self::TransportSequenceNumber(_) => ExtensionKind::TransportSequenceNumber,
            Self::AudioLevel(_) => ExtensionKind::AudioLevel,
            Self::MixerAudioLevel(_) => ExtensionKind::MixerAudioLevel,
            Self::VideoOrientation(_) => ExtensionKind::VideoOrientation,
            Self::TransmissionOffset(_) => ExtensionKind::TransmissionOffset,
            Self::PlayoutDelay { .. } => ExtensionKind::PlayoutDelay,
        }
    }

    /// The value as bytes, for an [`Element`](crate::Element). Short ones are put into `scratch`.
    #[must_use]
    pub fn bytes<'b>(&self, scratch: &'b mut [u8; 3]) -> &'b [u8]
    where
        'a: 'b,
    {
        let [a, b, c] = scratch;
        match *self {
            Self::Mid(text) | Self::RtpStreamId(text) | Self::RepairedRtpStreamId(text) => {
                return text.as_bytes();
            }
            Self::MixerAudioLevel(levels) => return levels,
            Self::AudioLevel(level) => {
                *a = level.to_byte();
                return str_first(scratch, 1);
            }
            Self::VideoOrientation(orientation) => {
                *a = orientation.to_byte();
                return str_first(scratch, 1);
            }
            Self::TransportSequenceNumber(number) => {
                [*a, *b] = number.to_be_bytes();
                return str_first(scratch, 2);
            }
            Self::AbsSendTime(time) => [_, *a, *b, *c] = time.to_be_bytes(),
            Self::TransmissionOffset(offset) => [_, *a, *b, *c] = offset.to_be_bytes(),
            Self::PlayoutDelay { min, max } => {
                let both = from_centiseconds(min) << 12 | from_centiseconds(max);
                [_, *a, *b, *c] = both.to_be_bytes();
            }
        }
        scratch
    }

    /// The abs-send-time of a moment, given as time since any fixed one.
    #[must_use]
    pub fn abs_send_time(moment: Duration) -> ExtensionValue<'static> {
        let seconds = moment.as_secs() & 0x3f;
        let fraction = (u64::from(moment.subsec_nanos()) << 18) / 1_000_000_000;
        let fixed = seconds << 18 | fraction & 0x3_ffff;
        ExtensionValue::AbsSendTime(u32::try_from(fixed).unwrap_or(0))
    }
}

fn text(value: &[u8]) -> Option<&str> {
    str::from_utf8(value).ok().filter(|text| !text.is_empty())
}

fn str_first(scratch: &[u8; 3], len: usize) -> &[u8] {
    scratch.get(..len).unwrap_or(scratch)
}

fn centiseconds(count: u16) -> Duration {
    Duration::from_millis(u64::from(count) * 10)
}

fn from_centiseconds(delay: Duration) -> u32 {
    u32::try_from(delay.as_millis() / 10).unwrap_or(u32::MAX).min(0xfff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(value: ExtensionValue<'_>, wire: &[u8]) {
        let mut scratch = [0; 3];
        assert_eq!(value.bytes(&mut scratch), wire);
        assert_eq!(ExtensionValue::parse(value.kind(), wire), Some(value));
    }

    #[test]
    fn values_are_written_and_read_alike() {
        round_trip(ExtensionValue::Mid("0"), b"0");
        round_trip(ExtensionValue::RtpStreamId("hi"), b"hi");
        round_trip(ExtensionValue::RepairedRtpStreamId("hi"), b"hi");
        round_trip(ExtensionValue::AbsSendTime(0x0cdcd9), &[0x0c, 0xdc, 0xd9]);
        round_trip(ExtensionValue::TransportSequenceNumber(513), &[2, 1]);
        round_trip(ExtensionValue::AudioLevel(AudioLevel { voice: true, level: 30 }), &[0x9e]);
        round_trip(ExtensionValue::MixerAudioLevel(&[1, 2, 3, 4]), &[1, 2, 3, 4]);
        round_trip(ExtensionValue::TransmissionOffset(-2), &[0xff, 0xff, 0xfe]);
        round_trip(ExtensionValue::TransmissionOffset(0x7f_ffff), &[0x7f, 0xff, 0xff]);
        let (min, max) = (Duration::from_millis(200), Duration::from_millis(40_950));
        round_trip(ExtensionValue::PlayoutDelay { min, max }, &[0x01, 0x4f, 0xff]);
        for byte in 0..16 {
            let orientation = VideoOrientation::from_byte(byte);
            round_trip(ExtensionValue::VideoOrientation(orientation), &[byte]);
        }
    }

    #[test]
    fn values_of_the_wrong_length_are_not_read() {
        let short = [ExtensionKind::AbsSendTime, ExtensionKind::TransmissionOffset];
        for kind in short.into_iter().chain([ExtensionKind::PlayoutDelay]) {
            assert_eq!(ExtensionValue::parse(kind, &[1, 2]), None);
        }
        for kind in ExtensionKind::ALL {
            assert_eq!(ExtensionValue::parse(kind, &[]), None);
        }
        assert_eq!(ExtensionValue::parse(ExtensionKind::Mid, &[0xff, 0xfe]), None);
    }

    #[test]
    fn abs_send_time_is_six_bits_of_seconds_and_eighteen_of_fraction() {
        let half = Duration::from_millis(64_500 + 3_000);
        assert_eq!(
            ExtensionValue::abs_send_time(half),
            ExtensionValue::AbsSendTime(3 << 18 | 1 << 17)
        );
    }
}
