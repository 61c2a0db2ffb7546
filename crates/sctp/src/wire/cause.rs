use super::bytes_at::Fields;
use super::parameter::Parameters;

/// An error cause ([RFC 9260 section 3.3.10]): code, length, value, shaped like a parameter.
///
/// [RFC 9260 section 3.3.10]: https://www.rfc-editor.org/rfc/rfc9260#section-3.3.10
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// 1, with the stream.
    InvalidStream(u16),
    /// 2: the state cookie of an INIT ACK.
    MissingCookie,
    /// 3, with the staleness in microseconds.
    StaleCookie(u32),
    /// 5: a host name.
    UnresolvableAddress,
    /// 6, with the chunk, cut to a bound.
    UnrecognizedChunk(Vec<u8>),
    /// 7.
    InvalidMandatoryParameter,
    /// 8, with the parameters.
    UnrecognizedParameters(Vec<u8>),
    /// 9, with the TSN.
    NoUserData(u32),
    /// 10.
    CookieWhileShuttingDown,
    /// 12.
    UserInitiated,
    /// 13.
    ProtocolViolation,
}

/// A report repeats at most so many bytes of what it reports.
const MAX_REPORT: usize = 128;

impl Cause {
    /// A report of an unknown chunk, cut to a bound so that it does not amplify.
    pub(crate) fn unrecognized(chunk: &[u8]) -> Self {
        Self::UnrecognizedChunk(chunk.get(..MAX_REPORT).unwrap_or(chunk).to_vec())
    }

    pub(crate) fn code(&self) -> u16 {
        match self {
            Self::InvalidStream(_) => 1,
            Self::MissingCookie => 2,
            Self::StaleCookie(_) => 3,
            Self::UnresolvableAddress => 5,
            Self::UnrecognizedChunk(_) => 6,
            Self::InvalidMandatoryParameter => 7,
            Self::UnrecognizedParameters(_) => 8,
            Self::NoUserData(_) => 9,
            Self::CookieWhileShuttingDown => 10,
            Self::UserInitiated => 12,
            Self::ProtocolViolation => 13,
        }
    }

    fn value_len(&self) -> usize {
        match self {
            Self::InvalidStream(_) | Self::StaleCookie(_) | Self::NoUserData(_) => 4,
            Self::MissingCookie => 6,
            Self::UnrecognizedChunk(raw) | Self::UnrecognizedParameters(raw) => raw.len(),
            Self::UnresolvableAddress
            | Self::InvalidMandatoryParameter
            | Self::CookieWhileShuttingDown
            | Self::UserInitiated
            | Self::ProtocolViolation => 0,
        }
    }

    /// Bytes on the wire, without padding: a chunk's length does not count that of its last part.
    pub(super) fn len(&self) -> usize {
        self.value_len().saturating_add(4)
    }

    pub(super) fn write(&self, fields: &mut Fields<'_>) {
        let code = self.code();
        match self {
            Self::InvalidStream(stream) => {
                fields.parameter(code, &[&stream.to_be_bytes(), &[0, 0]]);
            }
            // One missing parameter: type 7.
            Self::MissingCookie => {
                fields.parameter(code, &[&[0, 0, 0, 1, 0, 7]]);
            }
            Self::StaleCookie(number) | Self::NoUserData(number) => {
                fields.parameter(code, &[&number.to_be_bytes()]);
            }
            Self::UnrecognizedChunk(raw) | Self::UnrecognizedParameters(raw) => {
                fields.parameter(code, &[raw]);
            }
            Self::UnresolvableAddress
            | Self::InvalidMandatoryParameter
            | Self::CookieWhileShuttingDown
            | Self::UserInitiated
            | Self::ProtocolViolation => {
                fields.parameter(code, &[]);
            }
        }
    }
}

/// The code of the first error cause in the value of an ABORT or ERROR.
pub(crate) fn first_cause(causes: &[u8]) -> Option<u16> {
    Parameters::over(causes).next().map(|cause| cause.kind)
}
