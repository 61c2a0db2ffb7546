//! PEM, as far as test credentials need it.

use std::fs;

use crate::Failure;

/// The DER of all blocks in a file whose label ends with `label`.
pub(crate) fn read(path: &str, label: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| Failure::Failed(format!("{path}: {error}")))?;
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("-----BEGIN ") {
            block = rest.trim_end_matches('-').ends_with(label).then(String::new);
        } else if line.starts_with("-----END ") {
            if let Some(digits) = block.take() {
                blocks.push(base64(&digits));
            }
        } else if let Some(digits) = &mut block {
            digits.push_str(line.trim());
        }
    }
    Ok(blocks)
}

fn base64(digits: &str) -> Vec<u8> {
    let value = |digit: u8| -> u32 {
        u32::from(match digit {
            b'A'..=b'Z' => digit.wrapping_sub(b'A'),
            b'a'..=b'z' => digit.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => digit.wrapping_sub(b'0').wrapping_add(52),
            b'+' => 62,
            _ => 63,
        })
    };
    let digits: Vec<u8> = digits.bytes().filter(|digit| *digit != b'=').collect();
    let mut out = Vec::new();
    for group in digits.chunks(4) {
        let bits = group.iter().fold(0, |bits, digit| (bits << 6) | value(*digit));
        let missing = 4_usize.saturating_sub(group.len());
        let shifted = bits << (6 * u32::try_from(missing).unwrap_or(0));
        let [_, bytes @ ..] = shifted.to_be_bytes();
        out.extend_from_slice(bytes.get(..3_usize.saturating_sub(missing)).unwrap_or_default());
    }
    out
}
