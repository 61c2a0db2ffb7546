/// Sources that leave. [RFC 3550 section 6.6].
///
/// [RFC 3550 section 6.6]: https://www.rfc-editor.org/rfc/rfc3550#section-6.6
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Goodbye<'a> {
    sources: &'a [[u8; 4]],
    reason: Option<&'a [u8]>,
}

impl<'a> Goodbye<'a> {
    pub(crate) fn read(count: u8, body: &'a [u8]) -> Option<Self> {
        let len = usize::from(count).checked_mul(4)?;
        let (sources, rest) = body.split_at_checked(len)?;
        // A reason that is cut off does not keep anybody from leaving.
        let reason = rest.split_first().and_then(|(len, text)| text.get(..usize::from(*len)));
        Some(Self { sources: sources.as_chunks().0, reason })
    }

    /// Who leaves.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = u32> + use<'a> {
        self.sources.iter().map(|source| u32::from_be_bytes(*source))
    }

    /// Why, in UTF-8 as a rule.
    #[must_use]
    pub fn reason(&self) -> Option<&'a [u8]> {
        self.reason
    }
}
