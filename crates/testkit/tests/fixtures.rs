//! The captures are there and are what the index says.

use antiphon_testkit::fixtures;

#[test]
fn each_datagram_begins_as_its_protocol_does() {
    for captured in fixtures::datagrams() {
        let first = captured.bytes.first().copied().unwrap_or(255);
        let second = captured.bytes.get(1).copied().unwrap_or(0);
        // The ranges of RFC 7983, section 7, and RFC 5761, section 4.
        let fits = match captured.protocol.as_str() {
            "stun" => first < 4,
            "dtls" => (20..64).contains(&first),
            "rtp" => (128..192).contains(&first) && !(192..224).contains(&second),
            "rtcp" => (128..192).contains(&first) && (192..224).contains(&second),
            _ => false,
        };
        assert!(fits, "{}: {} does not begin with {first}", captured.name, captured.protocol);
    }
}

#[test]
fn each_file_is_in_the_index() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/datagrams");
    let files = std::fs::read_dir(folder).map(Iterator::count).unwrap_or_default();
    assert_eq!(files, fixtures::datagrams().count() + 1);
}
