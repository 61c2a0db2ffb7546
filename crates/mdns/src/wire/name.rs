use crate::Name;
use crate::error::ParseError;
use crate::name::{LOCAL, UUID_LEN};

/// A name costs at most so many pointers: real ones need a few.
const MAX_POINTERS: usize = 32;

/// Bytes of a name with its length bytes (RFC 1035 section 3.1).
const MAX_NAME: usize = 255;

/// The labels of a name, whole or in pieces.
struct Labels<'a> {
    message: &'a [u8],
    at: usize,
    /// Pointers lead before this.
    before: usize,
    pointers: usize,
    /// Bytes of the name so far.
    len: usize,
    /// Where the name ends in its place: behind its first pointer, or its root.
    end: Option<usize>,
    start: usize,
}

impl<'a> Labels<'a> {
    fn new(message: &'a [u8], start: usize) -> Self {
        Self { message, at: start, before: start, pointers: 0, len: 1, end: None, start }
    }

    /// The next label; `None` at the root.
    fn next(&mut self) -> Result<Option<&'a [u8]>, ParseError> {
        loop {
            let at = self.at;
            let have = self.message.len();
            let need = at.saturating_add(1);
            let first = *self.message.get(at).ok_or(ParseError::Truncated { need, have })?;
            match first {
                0 => {
                    self.end.get_or_insert(need);
                    return Ok(None);
                }
                1..=63 => {
                    let need = need.saturating_add(usize::from(first));
                    let label = self.message.get(at.saturating_add(1)..need);
                    self.len = self.len.saturating_add(usize::from(first)).saturating_add(1);
                    if self.len > MAX_NAME {
                        return Err(ParseError::NameTooLong { at: self.start });
                    }
                    self.at = need;
                    return label.map(Some).ok_or(ParseError::Truncated { need, have });
                }
                0xc0..=0xff => self.follow(at)?,
                64..=0xbf => return Err(ParseError::Label { at }),
            }
        }
    }

    //= rfc6762#18.14
    // Compressed names are understood; a pointer leads backwards, so that no name is endless.
    fn follow(&mut self, at: usize) -> Result<(), ParseError> {
        let target = usize::from(super::u16_at(self.message, at)? & 0x3fff);
        self.end.get_or_insert(at.saturating_add(2));
        self.pointers = self.pointers.saturating_add(1);
        if target >= self.before || self.pointers > MAX_POINTERS {
            return Err(ParseError::Pointer { at });
        }
        (self.at, self.before) = (target, target);
        Ok(())
    }
}

/// Reads the name at `at`: which candidate's it is, if any, and where the name ends.
pub(super) fn read(message: &[u8], at: usize) -> Result<(Option<Name>, usize), ParseError> {
    let mut labels = Labels::new(message, at);
    let first = labels.next()?;
    let second = if first.is_some() { labels.next()? } else { None };
    let mut more = second.is_some();
    let mut long = false;
    while more {
        more = labels.next()?.is_some();
        long |= more;
    }
    let name = match (first, second) {
        (Some(first), Some(second)) if !long && first.len() == UUID_LEN => {
            second.eq_ignore_ascii_case(LOCAL).then(|| Name::from_label(first)).flatten()
        }
        (_, _) => None,
    };
    Ok((name, labels.end.unwrap_or(labels.at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_and_pointers_forwards_are_refused() {
        // attack: compression pointers that loop
        let cases: [&[u8]; 5] =
            [&[0xc0, 0x00], &[0xc0, 0x02, 0x00], &[1, b'a', 0xc0, 0x00], &[0xc0], &[0xff, 0xff]];
        for message in cases {
            assert!(read(message, 0).is_err(), "{message:02x?}");
        }
        // Each points at the one before.
        let mut chain = vec![0];
        chain.push(0);
        for at in (0..200_u16).step_by(2) {
            chain.extend((0xc000 | at).to_be_bytes());
        }
        assert_eq!(read(&chain, 42), Ok((None, 44)));
        assert!(matches!(read(&chain, 200), Err(ParseError::Pointer { .. })));
    }

    #[test]
    fn long_names_and_strange_labels_are_refused() {
        let long = [&[63_u8; 64][..]; 4].concat();
        assert_eq!(read(&long, 0), Err(ParseError::NameTooLong { at: 0 }));
        assert_eq!(read(&[0x40, 0], 0), Err(ParseError::Label { at: 0 }));
        assert_eq!(read(&[0x80, 0], 0), Err(ParseError::Label { at: 0 }));
        assert_eq!(read(&[3, b'a', b'b'], 0), Err(ParseError::Truncated { need: 4, have: 3 }));
        assert_eq!(read(&[0], 0), Ok((None, 1)));
    }
}
