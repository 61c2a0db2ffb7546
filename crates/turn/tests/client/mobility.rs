//! An allocation that follows its client to another address (RFC 8016).

use std::time::Duration;

use antiphon_stun::Method;
use antiphon_turn::client::{CommandError, Event, LossReason, RequestError};
use antiphon_turn::wire::TurnMessage as _;

use crate::hosts::{PEER, addr, allocated, config, server_config};
use crate::script::Script;

//= rfc8016#3.2.1
//= type=test
#[test]
fn permissions_and_channels_survive_a_change_of_address() {
    let mut mobile = config();
    mobile.mobility = true;
    let (mut pair, _) = allocated(mobile, server_config());
    assert!(pair.a.machine.client.allocation().unwrap().mobile);
    let now = pair.now();
    pair.a.machine.client.bind_channel(now, addr(PEER)).unwrap();
    pair.run_for(Duration::from_secs(1));
    for (round, local) in ["203.0.113.77:41000", "203.0.113.5:42000"].into_iter().enumerate() {
        pair.a.machine.local = addr(local);
        let now = pair.now();
        pair.a.machine.client.moved(now).unwrap();
        pair.run_for(Duration::from_secs(2));
        let moved = pair.a.events.iter().filter(|(_, e)| matches!(e, Event::Moved { .. })).count();
        assert_eq!(moved, round + 1, "{:?}", pair.a.events);
        assert_eq!(pair.a.machine.send(addr(PEER), b"here"), Ok(4));
        pair.run_for(Duration::from_secs(1));
        assert_eq!(pair.a.machine.received.len(), round + 1);
    }
    assert_eq!(pair.b.machine.server.allocations().count(), 1);
}

#[test]
fn without_a_ticket_nobody_moves_and_a_refused_move_ends_it() {
    let mut script = Script::allocated(config());
    assert_eq!(script.client.moved(script.now), Err(CommandError::NoTicket));
    let mut mobile = config();
    mobile.mobility = true;
    let mut script = Script::challenged(mobile);
    script.next_request().unwrap();
    assert_eq!(script.view().mobility_ticket(), Some(&b""[..]), "asks for one");
    script
        .answer_again(antiphon_stun::Class::Success, |writer| {
            use antiphon_turn::wire::TurnWriter as _;
            writer.xor_relayed_address(addr("198.41.0.9:50000")).unwrap();
            writer.xor_mapped_address(addr("203.0.113.5:40000")).unwrap();
            writer.lifetime(Duration::from_secs(600)).unwrap().mobility_ticket(b"t1").unwrap();
        })
        .unwrap();
    script.drain();
    // A refresh from the same address carries no ticket.
    script.pass(Duration::from_secs(545));
    assert_eq!(script.next_request(), Some(Method::REFRESH));
    assert_eq!(script.view().mobility_ticket(), None);
    script.client.moved(script.now).unwrap();
    assert_eq!(script.next_request(), Some(Method::REFRESH));
    assert_eq!(script.view().mobility_ticket(), Some(&b"t1"[..]));
    script
        .answer_again(antiphon_stun::Class::Error, |w| assert!(w.error_code(405, "").is_ok()))
        .unwrap();
    let lost = Event::Lost(LossReason::Refused(RequestError::MobilityForbidden));
    assert_eq!(script.drain(), [lost]);
}
