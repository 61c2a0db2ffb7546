//! The two formulas that order candidates and pairs.

use super::{CandidateKind, Protocol, TcpType};

/// The priority of a candidate of component 1 (RFC 8445 section 5.1.2.1).
pub(crate) fn candidate_priority(
    kind: CandidateKind,
    protocol: Protocol,
    local_preference: u16,
) -> u32 {
    //= rfc8445#5.1.2.1
    // 2^24 times the type preference, 2^8 times the local preference, 256 minus the component.
    (kind.type_preference(protocol) << 24) | (u32::from(local_preference) << 8) | 255
}

/// The local preference of a TCP candidate (RFC 6544 section 4.2).
///
/// `other` is the preference among addresses of one kind and direction; only its upper 13 bits fit.
pub(crate) fn tcp_local_preference(kind: CandidateKind, tcp_type: TcpType, other: u16) -> u16 {
    //= rfc6544#4.2
    // 2^13 times the preference of the direction, from 0 to 7, and another one from 0 to 8191.
    let direction: u16 = match (kind, tcp_type) {
        (CandidateKind::Host | CandidateKind::Relayed, TcpType::Active) => 6,
        (CandidateKind::Host | CandidateKind::Relayed, TcpType::Passive) => 4,
        (CandidateKind::Host | CandidateKind::Relayed, TcpType::SimultaneousOpen) => 2,
        (CandidateKind::ServerReflexive | CandidateKind::PeerReflexive, direction) => {
            match direction {
                TcpType::SimultaneousOpen => 6,
                TcpType::Active => 4,
                TcpType::Passive => 2,
            }
        }
    };
    (direction << 13) | (u16::MAX.saturating_sub(other).min(8191) ^ 8191)
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
        let udp = |kind, preference| candidate_priority(kind, Protocol::Udp, preference);
        assert_eq!(udp(CandidateKind::Host, 65535), 2_130_706_431);
        assert_eq!(udp(CandidateKind::ServerReflexive, 65535), 1_694_498_815);
        assert_eq!(udp(CandidateKind::PeerReflexive, 0), 0x6e00_00ff);
        assert_eq!(udp(CandidateKind::Relayed, 0), 255);
    }

    //= rfc6544#4.2
    //= type=test
    #[test]
    fn tcp_preferences_follow_the_formula_and_stay_below_udp() {
        let local = tcp_local_preference;
        assert_eq!(local(CandidateKind::Host, TcpType::Active, 65535), 6 * 8192 + 8191);
        assert_eq!(local(CandidateKind::Host, TcpType::Passive, 65534), 4 * 8192 + 8190);
        assert_eq!(local(CandidateKind::Relayed, TcpType::SimultaneousOpen, 65535), 3 * 8192 - 1);
        assert_eq!(local(CandidateKind::ServerReflexive, TcpType::SimultaneousOpen, 0), 6 * 8192);
        assert_eq!(local(CandidateKind::ServerReflexive, TcpType::Active, 65535), 5 * 8192 - 1);
        assert_eq!(local(CandidateKind::ServerReflexive, TcpType::Passive, 65535), 3 * 8192 - 1);
        let tcp = candidate_priority(CandidateKind::Host, Protocol::Tcp, u16::MAX);
        assert!(tcp < candidate_priority(CandidateKind::Host, Protocol::Udp, 0));
        assert!(tcp > candidate_priority(CandidateKind::PeerReflexive, Protocol::Udp, u16::MAX));
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
