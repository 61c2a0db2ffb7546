//! The two formulas that order candidates and pairs.

use super::CandidateKind;

/// The priority of a candidate of component 1 (RFC 8445 section 5.1.2.1).
pub(crate) fn candidate_priority(kind: CandidateKind, local_preference: u16) -> u32 {
    //= rfc8445#5.1.2.1
    // 2^24 times the type preference, 2^8 times the local preference, 256 minus the component.
    (kind.type_preference() << 24) | (u32::from(local_preference) << 8) | 255
}

/// The priority of a pair from the controlling and the controlled agent's candidate
/// (RFC 8445 section 6.1.2.3).
pub(crate) fn pair_priority(controlling: u32, controlled: u32) -> u64 {
    //= rfc8445#6.1.2.3
    // 2^32 times the lower, twice the higher, and one more when the controlling side's is higher.
    (u64::from(controlling.min(controlled)) << 32)
        .saturating_add(u64::from(controlling.max(controlled)) << 1)
        .saturating_add(u64::from(controlling > controlled))
}

#[cfg(test)]
mod tests {
    use super::*;

    //= rfc8445#5.1.2.1
    //= type=test
    #[test]
    fn candidate_priorities_are_those_that_browsers_show() {
        assert_eq!(candidate_priority(CandidateKind::Host, 65535), 2_130_706_431);
        assert_eq!(candidate_priority(CandidateKind::ServerReflexive, 65535), 1_694_498_815);
        assert_eq!(candidate_priority(CandidateKind::PeerReflexive, 0), 0x6e00_00ff);
        assert_eq!(candidate_priority(CandidateKind::Relayed, 0), 255);
    }

    //= rfc8445#6.1.2.3
    //= type=test
    #[test]
    fn pair_priority_follows_the_formula() {
        assert_eq!(pair_priority(2, 1), (1 << 32) + 4 + 1);
        assert_eq!(pair_priority(1, 2), (1 << 32) + 4);
        assert_eq!(pair_priority(3, 3), (3 << 32) + 6);
        assert_eq!(pair_priority(u32::MAX, u32::MAX), u64::MAX); // from hostile checks only
    }
}
