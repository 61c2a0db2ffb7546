use std::fmt;
use std::str::FromStr;

use crate::error::NameError;

/// The name of one candidate: a random (version 4) UUID and `.local`, section 3.1.1 of the draft.
///
/// It is written in lower case, and read in any.
///
/// ```
/// let name: antiphon_mdns::Name = "1F4712DB-ea17-4bcf-a596-105139dfd8bf.local".parse()?;
/// assert_eq!(name.to_string(), "1f4712db-ea17-4bcf-a596-105139dfd8bf.local");
/// // Other names are not resolved: they could be those of printers.
/// assert!("printer.local".parse::<antiphon_mdns::Name>().is_err());
/// # Ok::<(), antiphon_mdns::NameError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name([u8; 16]);

/// Bytes of a UUID as text.
pub(crate) const UUID_LEN: usize = 36;

/// The other label.
pub(crate) const LOCAL: &[u8] = b"local";

impl Name {
    /// The name of these random bytes; six of their bits make way for version and variant.
    pub(crate) fn from_random(mut bytes: [u8; 16]) -> Self {
        let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
        *version = (*version & 0x0f) | 0x40;
        *variant = (*variant & 0x3f) | 0x80;
        Self(bytes)
    }

    /// The name whose first label is `label`, if that has the form.
    pub(crate) fn from_label(label: &[u8]) -> Option<Self> {
        let label: &[u8; UUID_LEN] = label.try_into().ok()?;
        let mut bytes = [0; 16];
        let mut digits = 0_usize;
        for (at, character) in label.iter().enumerate() {
            if matches!(at, 8 | 13 | 18 | 23) {
                if *character != b'-' {
                    return None;
                }
                continue;
            }
            let digit = u8::try_from(char::from(*character).to_digit(16)?).ok()?;
            let byte = bytes.get_mut(digits / 2)?;
            *byte = (*byte << 4) | digit;
            digits = digits.saturating_add(1);
        }
        let [_, _, _, _, _, _, version, _, variant, ..] = bytes;
        (version >> 4 == 4 && variant >> 6 == 0b10).then_some(Self(bytes))
    }

    //= rfc6762#16
    // Names are ASCII, which is UTF-8 in its shortest form, and nothing else is read as a name.
    /// The first label.
    pub(crate) fn label(&self) -> [u8; UUID_LEN] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut label = [b'-'; UUID_LEN];
        let places = (0..UUID_LEN).filter(|at| !matches!(at, 8 | 13 | 18 | 23));
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
        for (at, digit) in places.zip(digits) {
            if let (Some(to), Some(from)) = (label.get_mut(at), HEX.get(usize::from(digit))) {
                *to = *from;
            }
        }
        label
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.label() {
            write!(f, "{}", char::from(byte))?;
        }
        f.write_str(".local")
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let error = NameError { len: text.len() };
        let (label, rest) = text.as_bytes().split_at_checked(UUID_LEN).ok_or(error)?;
        let (dot, local) = rest.split_first().ok_or(error)?;
        if *dot != b'.' || !local.eq_ignore_ascii_case(LOCAL) {
            return Err(error);
        }
        Self::from_label(label).ok_or(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_become_a_version_4_uuid() {
        let name = Name::from_random([0xff; 16]);
        assert_eq!(name.to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff.local");
        assert_eq!(name.to_string().parse(), Ok(name));
        let name = Name::from_random([0; 16]);
        assert_eq!(name.to_string(), "00000000-0000-4000-8000-000000000000.local");
    }

    #[test]
    fn only_names_of_exactly_that_form_are_taken() {
        for text in [
            "",
            "printer.local",
            "1f4712db-ea17-4bcf-a596-105139dfd8bf",
            "1f4712db-ea17-4bcf-a596-105139dfd8bf.",
            "1f4712db-ea17-4bcf-a596-105139dfd8bf.local.",
            "1f4712db-ea17-4bcf-a596-105139dfd8bf.example",
            "a.1f4712db-ea17-4bcf-a596-105139dfd8bf.local",
            "1f4712db-ea17-4bcf-a596-105139dfd8bf.a.local",
            "1f4712dbea174bcfa596105139dfd8bf.local",
            // Version 1, and a variant of Microsoft's.
            "1f4712db-ea17-1bcf-a596-105139dfd8bf.local",
            "1f4712db-ea17-4bcf-c596-105139dfd8bf.local",
            "1f4712dg-ea17-4bcf-a596-105139dfd8bf.local",
            "+f4712db-ea17-4bcf-a596-105139dfd8bf.local",
            "1f4712db-ea17-4bcf-a596-105139dfd8b\u{e9}.local",
        ] {
            assert_eq!(text.parse::<Name>(), Err(NameError { len: text.len() }), "{text}");
        }
    }
}
