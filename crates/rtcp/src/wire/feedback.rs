use super::header::split_u32;

/// Packets that are wanted again. [RFC 4585 section 6.2.1].
///
/// ```text
/// +-------------------------------+-------------------------------+
/// |                      SSRC of who asks                         |
/// |                      SSRC of the stream                       |
/// | sequence number (PID)         | the 16 after it (BLP)         |  one or more
/// +-------------------------------+-------------------------------+
/// ```
///
/// [RFC 4585 section 6.2.1]: https://www.rfc-editor.org/rfc/rfc4585#section-6.2.1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nack<'a> {
    /// Who asks.
    pub sender: u32,
    /// The stream that lost packets.
    pub media: u32,
    pairs: &'a [[u8; 4]],
}

/// Up to 17 lost packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NackPair {
    /// The first of them.
    pub first: u16,
    /// Which of the 16 after it are lost as well: the lowest bit is `first + 1`.
    pub following: u16,
}

/// The receiver lost the picture and wants a key frame. [RFC 4585 section 6.3.1].
///
/// [RFC 4585 section 6.3.1]: https://www.rfc-editor.org/rfc/rfc4585#section-6.3.1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pli {
    /// Who asks.
    pub sender: u32,
    /// The stream.
    pub media: u32,
}

/// Key frames on command. [RFC 5104 section 4.3.1].
///
/// [RFC 5104 section 4.3.1]: https://www.rfc-editor.org/rfc/rfc5104#section-4.3.1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fir<'a> {
    /// Who commands.
    pub sender: u32,
    entries: &'a [[u8; 8]],
}

/// One stream of a [`Fir`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirEntry {
    /// The stream.
    pub ssrc: u32,
    /// A new number is a new command; the same one repeats it.
    pub number: u8,
}

impl<'a> Nack<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        let (sender, rest) = split_u32(body)?;
        let (media, rest) = split_u32(rest)?;
        Some(Self { sender, media, pairs: rest.as_chunks().0 })
    }

    /// The pairs as they are on the wire.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = NackPair> + use<'a> {
        self.pairs.iter().map(|[a, b, c, d]| NackPair {
            first: u16::from_be_bytes([*a, *b]),
            following: u16::from_be_bytes([*c, *d]),
        })
    }

    /// All sequence numbers that are asked for.
    pub fn sequence_numbers(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.pairs().flat_map(NackPair::sequence_numbers)
    }
}

impl NackPair {
    /// The sequence numbers, 1 to 17 of them.
    pub fn sequence_numbers(self) -> impl Iterator<Item = u16> {
        //= rfc4585#6.2.1
        // Bit i stands for the packet i + 1 after the first; an unset bit says nothing.
        let following = (0_u16..16).filter(move |bit| self.following >> bit & 1 == 1);
        let following = following.map(move |bit| self.first.wrapping_add(bit).wrapping_add(1));
        std::iter::once(self.first).chain(following)
    }
}

/// Puts sequence numbers into pairs; best when they come in their order.
pub(crate) fn pack(numbers: impl Iterator<Item = u16>) -> impl Iterator<Item = NackPair> {
    let mut numbers = numbers.peekable();
    std::iter::from_fn(move || {
        let mut pair = NackPair { first: numbers.next()?, following: 0 };
        while let Some(bit) = numbers.peek().and_then(|next| bit_after(pair.first, *next)) {
            pair.following |= bit;
            numbers.next();
        }
        Some(pair)
    })
}

/// The bit that `number` has in a pair that starts with `first`; none for `first` itself.
fn bit_after(first: u16, number: u16) -> Option<u16> {
    match number.wrapping_sub(first) {
        0 => Some(0),
        ahead @ 1..=16 => 1_u16.checked_shl(u32::from(ahead.wrapping_sub(1))),
        _ => None,
    }
}

impl Pli {
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let (sender, rest) = split_u32(body)?;
        let (media, _) = split_u32(rest)?;
        Some(Self { sender, media })
    }
}

impl<'a> Fir<'a> {
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        let (sender, rest) = split_u32(body)?;
        //= rfc5104#4.3.1.2
        // The SSRC of the media source in the header is unused; each entry has its own.
        let (_, rest) = split_u32(rest)?;
        Some(Self { sender, entries: rest.as_chunks().0 })
    }

    /// The streams that are to send a key frame.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = FirEntry> + use<'a> {
        self.entries.iter().map(|[a, b, c, d, number, ..]| FirEntry {
            ssrc: u32::from_be_bytes([*a, *b, *c, *d]),
            number: *number,
        })
    }
}
