//! H.264's parameters: profiles are compared by what they mean (RFC 6184 section 8.1).

use super::codec::parameter;

/// What a `profile-level-id` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ProfileLevel {
    profile_idc: u8,
    constraints: u8,
    level_idc: u8,
}

/// Sets of coding tools, each with several spellings (RFC 6184 table 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    Extended,
    High,
    ConstrainedHigh,
    Other(u8, u8),
}

impl ProfileLevel {
    /// Absent means Baseline at level 1, without constraints.
    fn parse(fmtp: &str) -> Option<Self> {
        let Some(text) = parameter(fmtp, "profile-level-id") else {
            return Some(Self { profile_idc: 0x42, constraints: 0, level_idc: 10 });
        };
        if text.len() != 6 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let [_, profile_idc, constraints, level_idc] =
            u32::from_str_radix(text, 16).ok()?.to_be_bytes();
        Some(Self { profile_idc, constraints, level_idc })
    }

    fn profile(self) -> Profile {
        let set = |mask: u8, value: u8| self.constraints & mask == value;
        match self.profile_idc {
            0x42 if set(0x4f, 0x40) => Profile::ConstrainedBaseline,
            0x4d if set(0x8f, 0x80) => Profile::ConstrainedBaseline,
            0x58 if set(0xcf, 0xc0) => Profile::ConstrainedBaseline,
            0x42 if set(0x4f, 0) => Profile::Baseline,
            0x58 if set(0xcf, 0x80) => Profile::Baseline,
            0x4d if set(0xaf, 0) => Profile::Main,
            0x58 if set(0xcf, 0) => Profile::Extended,
            0x64 if set(0xff, 0) => Profile::High,
            0x64 if set(0xff, 0x0c) => Profile::ConstrainedHigh,
            _ => Profile::Other(self.profile_idc, self.constraints),
        }
    }

    /// Orders levels; level 1b, between 1 and 1.1, has two spellings.
    fn rank(self) -> u16 {
        let is_1b = self.level_idc == 9 || (self.level_idc == 11 && self.constraints & 0x10 != 0);
        if is_1b { 105 } else { u16::from(self.level_idc).saturating_mul(10) }
    }
}

/// Whether both are the same profile in the same packetization mode.
pub(super) fn matches(one: &str, other: &str) -> bool {
    let mode = |fmtp: &str| parameter(fmtp, "packetization-mode").unwrap_or("0").to_owned();
    match (ProfileLevel::parse(one), ProfileLevel::parse(other)) {
        (Some(a), Some(b)) => a.profile() == b.profile() && mode(one) == mode(other),
        (None, _) | (_, None) => false,
    }
}

/// The parameters to answer with: the profile as the offer spells it, and a level that both take.
pub(super) fn answer(own: &str, offered: &str) -> String {
    let asymmetric = |fmtp: &str| parameter(fmtp, "level-asymmetry-allowed") == Some("1");
    let (Some(mine), Some(theirs)) = (ProfileLevel::parse(own), ProfileLevel::parse(offered))
    else {
        return own.to_owned();
    };
    let both = asymmetric(own) && asymmetric(offered);
    //= rfc6184#8.2.2
    // Without consent to asymmetry the lower of both levels holds in both directions.
    let (level, constraint) = if both || mine.rank() <= theirs.rank() {
        (mine.level_idc, mine.constraints & 0x10)
    } else {
        (theirs.level_idc, theirs.constraints & 0x10)
    };
    let constraints = theirs.constraints & !0x10 | constraint;
    let mode = parameter(offered, "packetization-mode").unwrap_or("0");
    let asymmetry = u8::from(both);
    format!(
        "level-asymmetry-allowed={asymmetry};packetization-mode={mode};\
         profile-level-id={:02x}{constraints:02x}{level:02x}",
        theirs.profile_idc
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> String {
        format!("profile-level-id={text}")
    }

    #[test]
    fn profiles_are_compared_by_meaning() {
        for (one, other, same) in [
            ("42e01f", "42c00a", true),
            ("42e01f", "4d801f", true),
            ("42e01f", "58c01f", true),
            ("42e01f", "42001f", false),
            ("42001f", "58801f", true),
            ("4d001f", "4d401f", true),
            ("4d001f", "42001f", false),
            ("64001f", "640c1f", false),
            ("64001f", "640028", true),
            ("42e01f", "zz", false),
        ] {
            assert_eq!(matches(&id(one), &id(other)), same, "{one} {other}");
        }
        assert!(matches("", "profile-level-id=42000a"));
        assert!(matches("packetization-mode=0", ""));
        assert!(!matches("packetization-mode=1", ""));
    }

    //= rfc6184#8.2.2
    //= type=test
    #[test]
    fn the_lower_level_holds_unless_both_agree_otherwise() {
        let own = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
        let low = "packetization-mode=1;profile-level-id=42c00c";
        assert_eq!(
            answer(own, low),
            "level-asymmetry-allowed=0;packetization-mode=1;profile-level-id=42c00c"
        );
        let high = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42c034";
        assert_eq!(
            answer(own, high),
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42c01f"
        );
    }
}
