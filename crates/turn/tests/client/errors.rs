//! Every error code, for every kind of request.

use std::time::Duration;

use antiphon_crypto::Secret;
use antiphon_stun::{AuthError, Class, Method};
use antiphon_testkit::start;
use antiphon_turn::client::{
    AllocateError, CommandError, ConfigError, Credentials, Event, Families, Framing, LossReason,
    Redirects, RequestError, Token,
};
use antiphon_turn::wire::attribute::{self, Family, Protocol};
use antiphon_turn::wire::{TurnMessage as _, TurnWriter as _};

use crate::hosts::{CLIENT, SERVER, addr, client_with, config};
use crate::script::{Script, peer};

const MINUTE: Duration = Duration::from_secs(60);

fn failed(script: &mut Script) -> AllocateError {
    match &script.drain()[..] {
        [Event::AllocateFailed(error)] => *error,
        other => panic!("{other:?}"),
    }
}

//= rfc8656#7.4
//= type=test
#[test]
fn each_error_of_allocate_has_its_name_and_its_consequence() {
    for (code, expected) in [
        (400, AllocateError::BadRequest),
        (403, AllocateError::Forbidden),
        (405, AllocateError::MobilityForbidden),
        (420, AllocateError::UnknownAttribute { first: 0 }),
        (440, AllocateError::AddressFamily),
        (441, AllocateError::WrongCredentials),
        (442, AllocateError::UnsupportedTransport),
        (486, AllocateError::Quota { retry_after: MINUTE }),
        (508, AllocateError::Capacity { retry_after: MINUTE }),
        (300, AllocateError::RedirectLoop),
        (500, AllocateError::Other { code: 500 }),
        (699, AllocateError::Other { code: 699 }),
    ] {
        let mut script = Script::challenged(config());
        script.answer_error(code);
        assert_eq!(failed(&mut script), expected, "{code}");
        assert_eq!(script.client.poll_timeout(), None);
        let again = script.client.allocate(script.now);
        match expected {
            AllocateError::Quota { .. } | AllocateError::Capacity { .. } => {
                assert_eq!(again, Err(CommandError::TooSoon { wait: MINUTE }));
                script.pass(MINUTE);
                assert_eq!(script.client.allocate(script.now), Ok(()));
            }
            _ => assert_eq!(again, Ok(()), "the owner decides"),
        }
    }
}

//= rfc8656#7.4
//= type=test
#[test]
fn after_a_mismatch_two_more_ports_are_tried_and_then_nothing_for_two_minutes() {
    let mut script = Script::challenged(config());
    for tried in 1..=2 {
        script.answer_error(437);
        assert_eq!(script.drain(), [Event::NewLocalPortWanted { tried }]);
        assert_eq!(script.next_request(), None, "it waits for the port");
        script.client.reconnected(script.now, addr(SERVER)).unwrap();
    }
    script.answer_error(437);
    let retry_after = 2 * MINUTE;
    assert_eq!(failed(&mut script), AllocateError::Mismatch { ports: 3, retry_after });
    let again = script.client.allocate(script.now);
    assert_eq!(again, Err(CommandError::TooSoon { wait: retry_after }));
    let unexpected = script.client.reconnected(script.now, addr(SERVER));
    assert_eq!(unexpected, Err(CommandError::Unexpected));
}

#[test]
fn a_wrong_password_ends_it_and_a_new_one_goes_on() {
    let mut script = Script::challenged(config());
    script.challenge(401);
    assert_eq!(failed(&mut script), AllocateError::Unauthorized(AuthError::Refused));
    script.client.set_credentials(script.now, crate::hosts::password()).unwrap();
    script.client.allocate(script.now).unwrap();
    script.challenge(401);
    script.answer_success();
    assert!(matches!(script.drain()[..], [Event::Allocated(_)]));
}

#[test]
fn silence_times_out_and_forged_answers_are_told_apart_from_it() {
    for forged in [false, true] {
        let mut script = Script::challenged(config());
        script.next_request().unwrap();
        if forged {
            let view = script.view();
            let (method, id) = (view.method(), view.transaction_id());
            for class in [Class::Success, Class::Error] {
                let bytes = crate::script::message(class, method, id, |writer| {
                    if class == Class::Error {
                        writer.error_code(403, "").unwrap();
                    }
                });
                script.hand(&bytes).unwrap();
            }
            assert_eq!(script.drain(), [], "as if they had never come");
            assert_eq!(script.client.stats().unproven, 2);
        }
        let mut sent = 1;
        for _ in 0..400 {
            script.pass(Duration::from_millis(100));
            sent += usize::from(script.next_request().is_some());
        }
        assert_eq!(sent, 7);
        assert_eq!(failed(&mut script), AllocateError::Timeout { integrity_violated: forged });
    }
}

#[test]
fn every_method_follows_a_stale_nonce() {
    let mut script = Script::allocated(config());
    script.client.create_permission(script.now, peer().ip()).unwrap();
    script.challenge(438);
    script.answer_success();
    assert_eq!(script.drain(), [Event::PermissionCreated { peer: peer().ip() }]);
    script.client.bind_channel(script.now, peer()).unwrap();
    script.challenge(438);
    script.answer_success();
    assert!(matches!(script.drain()[..], [Event::ChannelBound { .. }]));
    script.pass(Duration::from_secs(541));
    // The permission comes first, then the allocation's or the channel's turn.
    let mut methods = vec![];
    while let Some(method) = script.next_request() {
        methods.push(method);
        let view = script.view();
        let id = view.transaction_id();
        let stale = crate::script::message(Class::Error, method, id, |writer| {
            writer.error_code(438, "").unwrap().realm(b"example.org").unwrap();
            writer.nonce(b"newer").unwrap();
        });
        script.hand(&stale).unwrap();
        script.answer_success();
        methods.push(script.view().method());
    }
    methods.sort_by_key(|method| method.number());
    assert!(methods.contains(&Method::REFRESH) && methods.contains(&Method::CREATE_PERMISSION));
    script.drain();
    script.client.release(script.now).unwrap();
    script.challenge(438);
    script.answer_error(437);
    assert_eq!(script.drain(), [Event::Released], "a mismatch is a success here");
}

//= rfc8656#8.3
//= type=test
#[test]
fn a_refused_refresh_ends_the_allocation() {
    for (code, error) in [
        (437, RequestError::Mismatch),
        (441, RequestError::WrongCredentials),
        (400, RequestError::BadRequest),
        (486, RequestError::Quota),
    ] {
        let mut script = Script::allocated(config());
        script.pass(Duration::from_secs(545));
        script.answer_error(code);
        assert_eq!(script.drain(), [Event::Lost(LossReason::Refused(error))]);
        assert_eq!(script.client.poll_timeout(), None);
    }
}

#[test]
fn a_refused_permission_or_channel_says_why() {
    for (code, error) in [
        (403, RequestError::Forbidden),
        (443, RequestError::FamilyMismatch),
        (508, RequestError::Capacity),
        (420, RequestError::UnknownAttribute),
        (599, RequestError::Other { code: 599 }),
    ] {
        let mut script = Script::allocated(config());
        script.client.create_permission(script.now, peer().ip()).unwrap();
        script.answer_error(code);
        assert_eq!(script.drain(), [Event::PermissionFailed { peer: peer().ip(), error }]);
        script.permit(peer().ip());
        script.client.bind_channel(script.now, peer()).unwrap();
        script.answer_error(code);
        assert_eq!(script.drain(), [Event::ChannelFailed { peer: peer(), error }]);
        assert!(script.client.allocation().is_some());
    }
    let mut script = Script::allocated(config());
    script.client.create_permission(script.now, peer().ip()).unwrap();
    script.answer_error(437);
    let lost = Event::Lost(LossReason::Refused(RequestError::Mismatch));
    assert_eq!(script.drain().last(), Some(&lost), "the server knows no allocation");
}

//= rfc8656#7.4
//= type=test
#[test]
fn a_server_that_does_not_know_dont_fragment_is_asked_without() {
    let mut config = config();
    config.dont_fragment = true;
    let mut script = Script::challenged(config);
    script.answer(Class::Error, |writer| {
        writer.error_code(420, "").unwrap();
        writer.unknown_attributes([attribute::DONT_FRAGMENT].into_iter()).unwrap();
    });
    script.next_request().unwrap();
    assert!(!script.view().dont_fragment());
    script
        .answer_again(Class::Error, |writer| {
            writer.error_code(420, "").unwrap();
            writer.unknown_attributes([attribute::REQUESTED_TRANSPORT].into_iter()).unwrap();
        })
        .unwrap();
    let first = attribute::REQUESTED_TRANSPORT;
    assert_eq!(failed(&mut script), AllocateError::UnknownAttribute { first });
}

#[test]
fn dont_fragment_goes_with_the_request_and_with_each_indication() {
    let mut config = config();
    config.dont_fragment = true;
    let mut script = Script::challenged(config);
    script.next_request().unwrap();
    assert!(script.view().dont_fragment());
    script
        .answer_again(Class::Success, |writer| {
            writer.xor_relayed_address(addr("198.41.0.9:50000")).unwrap();
            writer.xor_mapped_address(addr(CLIENT)).unwrap();
            writer.lifetime(10 * MINUTE).unwrap();
        })
        .unwrap();
    script.permit(peer().ip());
    let mut buf = [0; 100];
    let range = script.client.wrap(peer(), &mut buf, 60..63).unwrap();
    let view = antiphon_stun::MessageView::parse(&buf[range]).unwrap();
    assert!(view.dont_fragment());
    assert_eq!(view.data(), Some(&[0; 3][..]));
    assert_eq!(view.xor_peer_address(), Ok(Some(peer())));
}

// attack: redirection in a circle, or by somebody else
//= rfc8489#10
//= type=test
#[test]
fn redirections_are_followed_once_and_only_if_signed() {
    let other = addr("192.0.2.20:3478");
    let redirect = |script: &mut Script, to: &str| {
        let to = addr(to);
        script.answer(Class::Error, |writer| {
            writer.error_code(300, "").unwrap();
            writer.alternate_server(addr("[2001:db8::1]:1")).unwrap();
            writer.alternate_server(to).unwrap();
            writer.alternate_domain("turn.example").unwrap();
        });
    };
    let mut script = Script::challenged(config());
    redirect(&mut script, "192.0.2.20:3478");
    let domain = Some("turn.example".to_owned());
    assert_eq!(script.drain(), [Event::Redirected { server: other, domain }]);
    script.client.reconnected(script.now, other).unwrap();
    assert_eq!(script.client.server(), other);
    // The other one sends us back.
    script.next_request().unwrap();
    let view = script.view();
    let bytes = crate::script::message(Class::Error, view.method(), view.transaction_id(), |w| {
        w.error_code(300, "").unwrap().alternate_server(addr(SERVER)).unwrap();
        crate::script::sign(w);
    });
    script.client.handle_input(script.now, other, &bytes).unwrap();
    assert_eq!(failed(&mut script), AllocateError::RedirectLoop);

    // The first request is not signed, and neither is its answer.
    for (redirects, follows) in
        [(Redirects::Signed, false), (Redirects::Any, true), (Redirects::Never, false)]
    {
        let mut config = config();
        config.redirects = redirects;
        let mut script = Script::new(config);
        redirect(&mut script, "192.0.2.20:3478");
        let events = script.drain();
        if follows {
            assert!(matches!(events[..], [Event::Redirected { .. }]));
        } else {
            let refused = AllocateError::Redirected { server: other };
            assert_eq!(events, [Event::AllocateFailed(refused)]);
        }
    }
}

#[test]
fn a_success_that_says_too_little_is_none() {
    for missing in 0..4 {
        let mut script = Script::challenged(config());
        script.answer(Class::Success, |writer| {
            if missing != 0 {
                writer.xor_relayed_address(addr("198.41.0.9:50000")).unwrap();
            }
            if missing != 1 {
                writer.xor_mapped_address(addr(CLIENT)).unwrap();
            }
            if missing != 2 {
                writer.lifetime(10 * MINUTE).unwrap();
            }
            if missing == 3 {
                writer.attribute(0x7fff, b"must be understood").unwrap();
            }
        });
        assert_eq!(failed(&mut script), AllocateError::Malformed, "{missing}");
    }
}

//= rfc8656#7.3
//= type=test
#[test]
fn an_address_of_the_wrong_family_is_given_back() {
    let mut config = config();
    config.families = Families::One(Family::V6);
    let mut script = Script::challenged(config);
    script.next_request().unwrap();
    assert_eq!(script.view().requested_address_family(), Ok(Some(2)));
    script
        .answer_again(Class::Success, |writer| {
            writer.xor_relayed_address(addr("198.41.0.9:50000")).unwrap();
            writer.xor_mapped_address(addr(CLIENT)).unwrap();
            writer.lifetime(10 * MINUTE).unwrap();
        })
        .unwrap();
    assert_eq!(failed(&mut script), AllocateError::AddressFamily);
    assert_eq!(script.next_request(), Some(Method::REFRESH));
    assert_eq!(script.view().lifetime(), Ok(Some(Duration::ZERO)));
}

#[test]
fn credentials_may_come_when_they_are_asked_for() {
    let mut config = config();
    config.credentials = Credentials::OnDemand;
    let mut script = Script::new(config);
    script.next_request().unwrap();
    script
        .answer_again(Class::Error, |writer| {
            writer.error_code(401, "").unwrap().realm(b"example.org").unwrap().nonce(b"n").unwrap();
            writer.third_party_authorization(b"turn1.example").unwrap();
        })
        .unwrap();
    let wanted = Event::CredentialsWanted {
        realm: "example.org".to_owned(),
        third_party: Some("turn1.example".to_owned()),
    };
    assert_eq!(script.drain(), [wanted]);
    let token = vec![7; 100];
    let mac_key = Secret::new(b"twenty bytes of keys".to_vec());
    let kid = "key id".to_owned();
    let credentials = Credentials::Token(Token { kid, mac_key, token: token.clone() });
    assert!(!format!("{credentials:?}").contains("twenty"));
    script.client.set_credentials(script.now, credentials).unwrap();
    script.challenge(401);
    script.next_request().unwrap();
    let view = script.view();
    assert_eq!(view.username(), Some(&b"key id"[..]));
    assert_eq!(view.access_token(), Some(&token[..]));
    assert!(view.has_message_integrity());
}

#[test]
fn contradictions_in_the_configuration_are_refused() {
    let refused = |change: &dyn Fn(&mut antiphon_turn::client::Config)| {
        let mut config = config();
        change(&mut config);
        let provider = std::sync::Arc::new(antiphon_crypto_rust::RustCrypto::new());
        antiphon_turn::client::Client::new(config, provider, [0; 32], start()).err()
    };
    assert_eq!(refused(&|_| {}), None);
    let over_udp = refused(&|c| c.protocol = Protocol::Tcp);
    assert_eq!(over_udp, Some(ConfigError::TcpOverDatagrams));
    let contradiction = Some(ConfigError::Contradiction);
    let tcp = |c: &mut antiphon_turn::client::Config| {
        (c.protocol, c.framing) = (Protocol::Tcp, Framing::Stream);
    };
    assert_eq!(refused(&tcp), None);
    assert_eq!(
        refused(&|c| {
            tcp(c);
            c.even_port = Some(false);
        }),
        contradiction
    );
    assert_eq!(
        refused(&|c| {
            tcp(c);
            c.dont_fragment = true;
        }),
        contradiction
    );
    let reserved = Some([1; 8]);
    assert_eq!(refused(&|c| c.reservation_token = reserved), None);
    assert_eq!(
        refused(&|c| (c.reservation_token, c.even_port) = (reserved, Some(true))),
        contradiction
    );
    assert_eq!(
        refused(&|c| (c.even_port, c.families) = (Some(true), Families::Both)),
        contradiction
    );
    let token = |len| {
        let mac_key = Secret::new(vec![1; 20]);
        Credentials::Token(Token { kid: "k".to_owned(), mac_key, token: vec![0; len] })
    };
    assert_eq!(refused(&|c| c.credentials = token(1024)), None);
    let too_long = ConfigError::TokenTooLong { len: 1025, limit: 1024 };
    assert_eq!(refused(&|c| c.credentials = token(1025)), Some(too_long));
    let too_long = ConfigError::SoftwareTooLong { len: 510, limit: 509 };
    assert_eq!(refused(&|c| c.software = Some("x".repeat(510))), Some(too_long));
}

#[test]
fn a_failed_transport_ends_whatever_there_was() {
    let mut script = Script::challenged(config());
    script.client.transport_failed(script.now);
    assert_eq!(failed(&mut script), AllocateError::TransportFailed);
    let mut script = Script::allocated(config());
    script.client.transport_failed(script.now);
    assert_eq!(script.drain(), [Event::Lost(LossReason::TransportFailed)]);
    let mut idle = client_with(config());
    idle.transport_failed(start());
    assert_eq!(idle.poll_event(), None);
}

// attack: peers, channels and connections without end
#[test]
fn permissions_and_channels_are_bounded() {
    let mut config = config();
    (config.max_permissions, config.max_channels) = (4, 2);
    let mut script = Script::allocated(config);
    for n in 0..4u8 {
        script.permit([198, 41, 0, n].into());
    }
    let five = script.client.create_permission(script.now, [198, 41, 0, 9].into());
    assert_eq!(five, Err(CommandError::Limit { limit: 4 }));
    for port in 1..=2 {
        script.client.bind_channel(script.now, ([198, 41, 0, 1], port).into()).unwrap();
        script.answer_success();
    }
    let three = script.client.bind_channel(script.now, ([198, 41, 0, 1], 3).into());
    assert_eq!(three, Err(CommandError::Limit { limit: 2 }));
}
