//! Values that are written as text: durations, port ranges, address prefixes, secrets.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

use zeroize::Zeroizing;

/// Something that no log, error or debug output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Zeroizing<String>);

impl Hidden {
    /// Hides `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself. Do not print it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl<'de> serde::Deserialize<'de> for Hidden {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// An address with the number of leading bits that count, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// An address in it.
    pub address: IpAddr,
    /// 0 to 32, or 0 to 128.
    pub bits: u8,
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// `192.0.2.0/24`, `2001:db8::/32`, or a single address.
pub(crate) fn prefix(text: &str) -> Result<Prefix, String> {
    let wrong = || {
        format!(
            "{text:?} is no prefix: write an address and its bits, as 192.0.2.0/24, or an address alone"
        )
    };
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => bits.trim().parse().map_err(|_| wrong())?,
        None => most,
    };
    if bits > most {
        return Err(format!("{text:?}: an address of this family has at most {most} bits"));
    }
    Ok(Prefix { address: masked(address, bits), bits })
}

/// The address with all bits behind the prefix cleared.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(bits.into())).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits.into())).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

/// `30s`, `10m`, `1h`, `500ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong =
        || format!("{text:?} is no duration: write a number and ms, s, m or h, as 30s or 10m");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit.trim() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    Ok(Duration::from_millis(number.saturating_mul(millis)))
}

/// `49152-65535`.
pub(crate) fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong =
        || format!("{text:?} is no range of ports: write the first and the last, as 49152-65535");
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let first: u16 = first.trim().parse().map_err(|_| wrong())?;
    let last: u16 = last.trim().parse().map_err(|_| wrong())?;
    //= rfc8656#7.2
    // The well-known ports are never handed out as relayed ports.
    if first < 1024 {
        return Err(format!("{text:?}: ports below 1024 are never relayed; allowed: 1024-65535"));
    }
    if first > last {
        return Err(format!("{text:?}: the first port is behind the last"));
    }
    Ok(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_keeps_only_its_bits() {
        assert_eq!(prefix("10.1.2.3/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(prefix("2001:db8::1/32").unwrap().to_string(), "2001:db8::/32");
        assert_eq!(prefix("192.0.2.1").unwrap().to_string(), "192.0.2.1/32");
        assert_eq!(prefix("0.0.0.0/0").unwrap().to_string(), "0.0.0.0/0");
        for wrong in ["10.0.0.0/33", "::/129", "ten", "10.0.0.0/", "/8", ""] {
            assert!(prefix(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["30", "s", "-1s", "1 day", ""] {
            assert!(duration(wrong).unwrap_err().contains("30s or 10m"), "{wrong}");
        }
    }

    #[test]
    fn well_known_ports_are_not_relayed() {
        assert_eq!(ports("49152-65535"), Ok(49152..=65535));
        assert!(ports("1000-2000").unwrap_err().contains("1024"));
        assert!(ports("3000-2000").is_err() && ports("3000").is_err() && ports("1-70000").is_err());
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Hidden::new("hunter2".into())), "(hidden)");
    }
}
