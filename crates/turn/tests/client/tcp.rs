//! Connections of peers (RFC 6062).

use std::time::Duration;

use antiphon_stun::{Class, Method};
use antiphon_turn::client::{
    CommandError, Config, Event, Framing, Input, InputError, RequestError, Via,
};
use antiphon_turn::wire::attribute::Protocol;
use antiphon_turn::wire::{TurnMessage as _, TurnWriter as _};

use crate::hosts::config;
use crate::script::{Script, peer};

fn tcp() -> Config {
    let mut config = config();
    (config.framing, config.protocol) = (Framing::Stream, Protocol::Tcp);
    config
}

//= rfc6062#4.3
//= type=test
#[test]
fn a_connection_to_a_peer_is_bound_on_a_connection_of_its_own() {
    let mut script = Script::allocated(tcp());
    script.client.connect(script.now, peer()).unwrap();
    let twice = script.client.connect(script.now, peer());
    assert_eq!(twice, Err(CommandError::AlreadyConnecting));
    assert_eq!(script.next_request(), Some(Method::CONNECT));
    assert_eq!(script.view().xor_peer_address(), Ok(Some(peer())));
    script.answer_again(Class::Success, |w| assert!(w.connection_id(77).is_ok())).unwrap();
    let ready = Event::ConnectionReady { connection: 77, peer: peer(), incoming: false };
    assert_eq!(script.drain(), [ready]);
    script.client.bind_connection(script.now, 77).unwrap();
    // The nonce belongs to another address: the new connection gets its own.
    script.challenge(438);
    assert_eq!(script.via, Via::Data(77));
    assert_eq!(script.next_request(), Some(Method::CONNECTION_BIND));
    assert_eq!(script.view().connection_id(), Ok(Some(77)));
    let view = script.view();
    let mut stream =
        crate::script::message(Class::Success, view.method(), view.transaction_id(), |w| {
            crate::script::sign(w);
        });
    let answer = stream.len();
    stream.extend(b"the peer speaks first");
    for cut in 0..answer {
        let some = script.client.handle_data_connection(script.now, 77, &stream[..cut]);
        assert_eq!(some, Ok(0), "not yet");
    }
    let consumed = script.client.handle_data_connection(script.now, 77, &stream);
    assert_eq!(consumed, Ok(answer));
    assert_eq!(script.drain(), [Event::ConnectionBound { connection: 77, peer: peer() }]);
    // The control connection goes on with its own nonce.
    script.client.create_permission(script.now, peer().ip()).unwrap();
    script.next_request().unwrap();
    assert_eq!(script.view().nonce(), Some(&b"nonce 1"[..]));
}

//= rfc6062#4.4
//= type=test
#[test]
fn a_peer_that_connects_is_offered_for_thirty_seconds() {
    let mut script = Script::allocated(tcp());
    let attempt = |script: &mut Script, id| {
        script.indication(Method::CONNECTION_ATTEMPT, |writer| {
            writer.connection_id(id).unwrap().xor_peer_address(peer()).unwrap();
        })
    };
    let no_permission = InputError::NoPermission { peer: peer() };
    assert_eq!(attempt(&mut script, 1), Err(no_permission));
    script.permit(peer().ip());
    assert_eq!(attempt(&mut script, 1), Ok(Input::Control));
    let ready = Event::ConnectionReady { connection: 1, peer: peer(), incoming: true };
    assert_eq!(script.drain(), [ready]);
    script.pass(Duration::from_secs(30));
    let late = script.client.bind_connection(script.now, 1);
    assert_eq!(late, Err(CommandError::NoConnection { connection: 1 }));
    // attack: connections without end
    let mut taken = 0;
    for id in 0..100 {
        taken += usize::from(attempt(&mut script, id).is_ok());
    }
    assert_eq!(taken, 16);
    assert_eq!(script.drain().len(), 16);
    let lacking = script.indication(Method::CONNECTION_ATTEMPT, |w| drop(w.connection_id(1)));
    assert_eq!(lacking, Err(InputError::NotUnderstood));
}

//= rfc6062#4.3
//= type=test
#[test]
fn a_peer_that_cannot_be_reached_is_left_alone_for_ten_seconds() {
    for (code, error) in
        [(447, RequestError::ConnectionFailed), (446, RequestError::ConnectionExists)]
    {
        let mut script = Script::allocated(tcp());
        script.client.connect(script.now, peer()).unwrap();
        script.answer_error(code);
        assert_eq!(script.drain(), [Event::ConnectFailed { peer: peer(), error }]);
        let wait = Duration::from_secs(10);
        let soon = script.client.connect(script.now, peer());
        assert_eq!(soon, Err(CommandError::TooSoon { wait }));
        script.pass(wait);
        assert_eq!(script.client.connect(script.now, peer()), Ok(()));
    }
}

#[test]
fn a_refused_or_closed_data_connection_is_told() {
    let mut script = Script::allocated(tcp());
    script.client.connect(script.now, peer()).unwrap();
    script.answer(Class::Success, |w| assert!(w.connection_id(5).is_ok()));
    script.drain();
    script.client.bind_connection(script.now, 5).unwrap();
    script.answer_error(400);
    let error = RequestError::BadRequest;
    let failed = Event::ConnectionFailed { connection: 5, peer: peer(), error };
    assert_eq!(script.drain(), [failed]);
    let gone = script.client.bind_connection(script.now, 5);
    assert_eq!(gone, Err(CommandError::NoConnection { connection: 5 }));

    let mut script = Script::allocated(tcp());
    script.client.connect(script.now, peer()).unwrap();
    script.answer(Class::Success, |w| assert!(w.connection_id(6).is_ok()));
    script.client.bind_connection(script.now, 6).unwrap();
    script.client.close_connection(script.now, 6);
    assert_eq!(script.next_request(), None);
}

#[test]
fn the_commands_of_the_two_protocols_do_not_mix() {
    let mut udp = Script::allocated(config());
    assert_eq!(udp.client.connect(udp.now, peer()), Err(CommandError::Protocol));
    let mut tcp = Script::allocated(tcp());
    assert_eq!(tcp.client.bind_channel(tcp.now, peer()), Err(CommandError::Protocol));
}
