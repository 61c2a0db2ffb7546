#![warn(clippy::arithmetic_side_effects)]

/// The two ways to write a header extension. [RFC 8285 sections 4.2 and 4.3].
///
/// [RFC 8285 sections 4.2 and 4.3]: https://www.rfc-editor.org/rfc/rfc8285#section-4.2
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Ids 1 to 14, values of 1 to 16 bytes.
    OneByte,
    /// Ids 1 to 255, values of 0 to 255 bytes.
    TwoByte,
}

const ONE_BYTE_PROFILE: u16 = 0xbede;
const TWO_BYTE_PROFILE: u16 = 0x1000;

impl Form {
    /// The form that these "defined by profile" bits announce.
    #[must_use]
    pub const fn of_profile(profile: u16) -> Option<Self> {
        match profile {
            ONE_BYTE_PROFILE => Some(Self::OneByte),
            //= rfc8285#4.3
            // The lowest four bits are for applications, and ignored without one.
            0x1000..=0x100f => Some(Self::TwoByte),
            _ => None,
        }
    }

    /// The "defined by profile" bits of this form.
    #[must_use]
    pub const fn profile(self) -> u16 {
        match self {
            Self::OneByte => ONE_BYTE_PROFILE,
            Self::TwoByte => TWO_BYTE_PROFILE,
        }
    }

    /// The smallest form that can carry all elements.
    ///
    /// Before you use two-byte form: the peer must have agreed to it, by `a=extmap-allow-mixed` or
    /// by ids over 14.
    #[must_use]
    pub fn needed(elements: &[Element<'_>]) -> Self {
        //= rfc8285#4.1.2
        // Two-byte form only where one byte does not do.
        if elements.iter().all(|element| Self::OneByte.carries(element)) {
            Self::OneByte
        } else {
            Self::TwoByte
        }
    }

    /// Whether an element can be written in this form.
    #[must_use]
    pub fn carries(self, element: &Element<'_>) -> bool {
        match self {
            Self::OneByte => {
                (1..=14).contains(&element.id) && (1..=16).contains(&element.value.len())
            }
            Self::TwoByte => element.id != 0 && element.value.len() <= 255,
        }
    }

    /// Bytes in front of each value.
    pub(crate) const fn head(self) -> usize {
        match self {
            Self::OneByte => 1,
            Self::TwoByte => 2,
        }
    }
}

/// One element of a header extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element<'a> {
    /// The number that negotiation gave to the extension.
    pub id: u8,
    /// The value; what it means is up to the extension.
    pub value: &'a [u8],
}

/// The elements of a header extension. Ends early where the bytes make no sense any more.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    form: Option<Form>,
    rest: &'a [u8],
    whole: usize,
}

impl<'a> Elements<'a> {
    pub(crate) fn new(form: Option<Form>, data: &'a [u8]) -> Self {
        Self { form, rest: data, whole: data.len() }
    }

    /// Bytes of the block up to the end of the element returned last.
    pub(crate) fn consumed(&self) -> usize {
        self.whole.saturating_sub(self.rest.len())
    }

    fn stop(&mut self) -> Option<Element<'a>> {
        self.form = None;
        None
    }

    fn split(&mut self, id: u8, len: usize, after: &'a [u8]) -> Option<Element<'a>> {
        //= rfc8285#4.1
        // An element that runs past the block ends it; those before it stand.
        let Some((value, rest)) = after.split_at_checked(len) else {
            return self.stop();
        };
        self.rest = rest;
        Some(Element { id, value })
    }

    fn next_one_byte(&mut self) -> Option<Element<'a>> {
        loop {
            let (&head, after) = self.rest.split_first()?;
            let (id, len) = (head >> 4, head & 0x0f);
            match (id, len) {
                //= rfc8285#4.1.2
                // A zero byte is padding, wherever it stands.
                (0, 0) => self.rest = after,
                //= rfc8285#4.1.2
                // Id 0 with a length ends the extension at that point.
                //= rfc8285#4.2
                // So does id 15.
                (0 | 15, _) => return self.stop(),
                _ => return self.split(id, usize::from(len).saturating_add(1), after),
            }
        }
    }

    fn next_two_byte(&mut self) -> Option<Element<'a>> {
        loop {
            let (&id, after) = self.rest.split_first()?;
            if id == 0 {
                self.rest = after;
                continue;
            }
            let Some((&len, after)) = after.split_first() else {
                return self.stop();
            };
            return self.split(id, usize::from(len), after);
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        match self.form? {
            Form::OneByte => self.next_one_byte(),
            Form::TwoByte => self.next_two_byte(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(data: &[u8]) -> Vec<(u8, &[u8])> {
        Elements::new(Some(Form::OneByte), data).map(|e| (e.id, e.value)).collect()
    }

    fn two(data: &[u8]) -> Vec<(u8, &[u8])> {
        Elements::new(Some(Form::TwoByte), data).map(|e| (e.id, e.value)).collect()
    }

    //= rfc8285#4.2
    //= type=test
    #[test]
    fn id_fifteen_ends_the_extension() {
        assert_eq!(one(&[0x10, 9, 0xf0, 1, 0x20, 7]), [(1, &[9][..])]);
    }

    //= rfc8285#4.1.2
    //= type=test
    #[test]
    fn zero_bytes_are_padding_between_elements() {
        assert_eq!(one(&[0, 0x10, 9, 0, 0, 0x21, 7, 8]), [(1, &[9][..]), (2, &[7, 8][..])]);
        assert_eq!(two(&[0, 1, 0, 0, 2, 1, 7]), [(1, &[][..]), (2, &[7][..])]);
    }

    //= rfc8285#4.1.2
    //= type=test
    #[test]
    fn id_zero_with_a_length_ends_the_extension() {
        assert_eq!(one(&[0x10, 9, 0x01, 1, 2, 0x20, 7]), [(1, &[9][..])]);
    }

    // attack: header-extension length lies
    #[test]
    fn an_element_longer_than_the_block_ends_it() {
        assert_eq!(one(&[0x10, 9, 0x2f, 1, 2]), [(1, &[9][..])]);
        assert_eq!(two(&[1, 1, 9, 2, 200, 1]), [(1, &[9][..])]);
        assert_eq!(two(&[1, 1, 9, 2]), [(1, &[9][..])]);
    }
}
