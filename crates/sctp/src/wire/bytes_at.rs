/// Reads the big-endian number at `at`; 0 beyond the end, which callers have ruled out.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |chunk| u16::from_be_bytes(*chunk))
}

/// Reads the big-endian number at `at`; 0 beyond the end, which callers have ruled out.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |chunk| u32::from_be_bytes(*chunk))
}

/// Writes numbers one after another into a slice that was made large enough.
#[derive(Debug)]
pub(super) struct Fields<'b>(pub(super) &'b mut [u8]);

impl Fields<'_> {
    pub(super) fn put(&mut self, bytes: &[u8]) -> &mut Self {
        let rest = std::mem::take(&mut self.0);
        if let Some((head, tail)) = rest.split_at_mut_checked(bytes.len()) {
            head.copy_from_slice(bytes);
            self.0 = tail;
        }
        self
    }

    pub(super) fn u16(&mut self, value: u16) -> &mut Self {
        self.put(&value.to_be_bytes())
    }

    pub(super) fn u32(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_be_bytes())
    }
}

/// A length that is known to fit 16 bits, as every length inside a packet does.
pub(super) fn len16(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}
