use super::header::split_u32;

/// Who the sources are. [RFC 3550 section 6.5].
///
/// ```text
/// +---------------------------------------------------------------+
/// |                            SSRC                               |  one chunk
/// |  kind, length, text;  kind, length, text;  ...;  0, padding   |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 3550 section 6.5]: https://www.rfc-editor.org/rfc/rfc3550#section-6.5
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceDescription<'a> {
    count: u8,
    body: &'a [u8],
}

/// What is said about one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdesChunk<'a> {
    /// The source.
    pub ssrc: u32,
    items: &'a [u8],
}

/// What an item says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SdesKind(pub u8);

impl SdesKind {
    /// The name that all streams of an endpoint share.
    pub const CNAME: Self = Self(1);
    /// A user's name.
    pub const NAME: Self = Self(2);
    /// An e-mail address.
    pub const EMAIL: Self = Self(3);
    /// A telephone number.
    pub const PHONE: Self = Self(4);
    /// A place.
    pub const LOC: Self = Self(5);
    /// An application.
    pub const TOOL: Self = Self(6);
    /// A notice.
    pub const NOTE: Self = Self(7);
    /// A private extension: a length byte, a prefix of that length, a value.
    pub const PRIV: Self = Self(8);
    /// An encoding in simulcast (RFC 8852 section 4.1).
    pub const RTP_STREAM_ID: Self = Self(12);
    /// The encoding that a repair stream repairs (RFC 8852 section 4.2).
    pub const REPAIRED_RTP_STREAM_ID: Self = Self(13);
    /// The section of the session description (RFC 9143 section 16.1).
    pub const MID: Self = Self(15);
}

/// One statement about a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdesItem<'a> {
    /// What it says.
    pub kind: SdesKind,
    /// UTF-8 as a rule, up to 255 bytes.
    pub value: &'a [u8],
}

/// The items of a chunk.
#[derive(Clone, Debug)]
pub struct SdesItems<'a> {
    rest: &'a [u8],
}

impl<'a> SourceDescription<'a> {
    /// Checks that all chunks are there.
    pub(crate) fn read(count: u8, body: &'a [u8]) -> Option<Self> {
        let mut rest = body;
        for _ in 0..count {
            (_, rest) = SdesChunk::split(rest)?;
        }
        Some(Self { count, body })
    }

    /// The chunks, one per source.
    pub fn chunks(&self) -> impl Iterator<Item = SdesChunk<'a>> + use<'a> {
        let mut rest = self.body;
        (0..self.count).map_while(move |_| {
            let (chunk, after) = SdesChunk::split(rest)?;
            rest = after;
            Some(chunk)
        })
    }
}

impl<'a> SdesChunk<'a> {
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (ssrc, items) = split_u32(bytes)?;
        let mut end = 0_usize;
        while *items.get(end)? != 0 {
            let len = usize::from(*items.get(end.checked_add(1)?)?);
            end = end.checked_add(2)?.checked_add(len)?;
        }
        //= rfc3550#6.5
        // A zero byte ends the items, and more of them fill the word.
        let padded = end.checked_add(1)?.checked_next_multiple_of(4)?;
        let rest = items.get(padded..)?;
        Some((Self { ssrc, items: items.get(..end)? }, rest))
    }

    /// The items in their order.
    #[must_use]
    pub fn items(&self) -> SdesItems<'a> {
        SdesItems { rest: self.items }
    }

    /// The value of the first item of this kind.
    #[must_use]
    pub fn item(&self, kind: SdesKind) -> Option<&'a [u8]> {
        self.items().find(|item| item.kind == kind).map(|item| item.value)
    }
}

impl<'a> Iterator for SdesItems<'a> {
    type Item = SdesItem<'a>;

    fn next(&mut self) -> Option<SdesItem<'a>> {
        let (&[kind, len], after) = self.rest.split_first_chunk()?;
        let (value, rest) = after.split_at_checked(usize::from(len))?;
        self.rest = rest;
        Some(SdesItem { kind: SdesKind(kind), value })
    }
}

/// Bytes of a chunk with these items: at least one zero byte ends them.
pub(crate) fn chunk_len(items: &[SdesItem<'_>]) -> usize {
    let items = items
        .iter()
        .fold(0_usize, |sum, item| sum.saturating_add(2).saturating_add(item.value.len()));
    items.saturating_add(1).next_multiple_of(4).saturating_add(4)
}
