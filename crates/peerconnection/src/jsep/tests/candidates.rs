//! Candidates that trickle.

use super::*;
use crate::jsep::CandidateUse;

const CANDIDATE: &str = "candidate:1 1 udp 2122260223 192.0.2.1 41958 typ host";

#[test]
fn local_candidates_go_into_the_tagged_section() {
    let (mut a, mut b) = (side(1), side(2));
    a.add(Kind::Audio, Direction::SendRecv);
    a.engine.want_data_channel();
    a.offer();
    a.engine.add_local_candidate("nobody", CANDIDATE);
    assert!(!a.local().contains("192.0.2.1"));
    a.engine.add_local_candidate("side1001", CANDIDATE);
    a.engine.end_of_local_candidates("side1001");
    a.engine.end_of_local_candidates("side1001");
    let text = a.local();
    assert_eq!(count(&text, "a=candidate:1 1 udp"), 1);
    assert_eq!(count(&text, "a=end-of-candidates"), 1);
    assert!(section(&text, 0).iter().any(|line| line.starts_with("a=candidate")));
    assert_eq!(a.engine.local_candidate_section(), Some(("0".to_owned(), 0)));
    // What was set is what counts, candidates included.
    let remote = b.take_offer(&text).remote.unwrap();
    assert_eq!(remote.candidates, ["1 1 udp 2122260223 192.0.2.1 41958 typ host"]);
    assert!(remote.end_of_candidates);
}

#[test]
fn known_candidates_and_the_default_stand_in_the_offer() {
    let mut a = side(1);
    a.add(Kind::Audio, Direction::SendRecv);
    a.engine.want_data_channel();
    a.transport.candidates = vec![
        "candidate:1 1 udp 2122260223 fd00::1 1000 typ host".to_owned(),
        "2 1 udp 2122260222 192.0.2.9 1001 typ host".to_owned(),
        "3 1 udp 1686052607 198.51.100.4 1002 typ srflx raddr 192.0.2.9 rport 1001".to_owned(),
        "4 1 tcp 1518280447 192.0.2.9 9 typ host tcptype active".to_owned(),
    ];
    a.transport.end_of_candidates = true;
    let offer = a.offer();
    assert_eq!(count(&offer, "m=audio 1002 "), 1);
    assert_eq!(count(&offer, "m=application 1002 "), 1);
    assert_eq!(count(&offer, "c=IN IP4 198.51.100.4"), 2);
    assert_eq!(count(&offer, "a=candidate:"), 4);
    assert_eq!(count(&offer, "a=end-of-candidates"), 1);
}

#[test]
fn remote_candidates_find_their_section_and_generation() {
    let (mut a, mut b) = (side(1), side(2));
    a.add(Kind::Audio, Direction::SendRecv);
    a.engine.want_data_channel();
    assert!(b.engine.add_ice_candidate(CANDIDATE, Some("0"), None, None).is_err());
    let offer = a.offer();
    b.take_offer(&offer);
    let mut add = |candidate: &str, mid, index, ufrag| {
        b.engine.add_ice_candidate(candidate, mid, index, ufrag)
    };
    assert_eq!(add(CANDIDATE, Some("0"), None, None), Ok(CandidateUse::Use));
    assert_eq!(add(CANDIDATE, None, Some(0), Some("side1001")), Ok(CandidateUse::Use));
    assert_eq!(add(CANDIDATE, Some("1"), None, None), Ok(CandidateUse::Ignore), "not the tag");
    assert_eq!(add("", None, None, None), Ok(CandidateUse::Use), "the end of all");
    assert!(add(CANDIDATE, None, None, None).is_err());
    assert!(add(CANDIDATE, Some("9"), None, None).is_err());
    assert!(add(CANDIDATE, None, Some(9), None).is_err());
    assert!(add(CANDIDATE, Some("0"), None, Some("else")).is_err());
    assert!(add("candidate:1 1 udp x", Some("0"), None, None).is_err());
    assert!(add("1 1 udp 1 192.0.2.1 9 typ host\r\na=evil", Some("0"), None, None).is_err());
    let with_ufrag = format!("{CANDIDATE} ufrag else");
    assert!(add(&with_ufrag, Some("0"), None, None).is_err());
    let text = b.engine.remote_description().unwrap().1.to_owned();
    assert_eq!(count(&text, "a=candidate:"), 3);
    assert_eq!(count(&text, "a=end-of-candidates"), 1);
    let (answer, _) = b.answer();
    a.take_answer(&answer);
    // An answer has bundled: whatever section a candidate names, it is the same transport.
    assert_eq!(a.engine.add_ice_candidate(CANDIDATE, Some("1"), None, None), Ok(CandidateUse::Use));
}

// attack: candidates without end
#[test]
fn a_flood_of_candidates_does_not_grow_the_description_for_ever() {
    let (mut a, mut b) = (side(1), side(2));
    a.add(Kind::Audio, Direction::SendRecv);
    let offer = a.offer();
    b.take_offer(&offer);
    for port in 1000..2000 {
        let candidate = format!("1 1 udp 1 192.0.2.1 {port} typ host");
        b.engine.add_ice_candidate(&candidate, Some("0"), None, None).unwrap();
    }
    assert_eq!(count(b.engine.remote_description().unwrap().1, "a=candidate:"), 256);
}
