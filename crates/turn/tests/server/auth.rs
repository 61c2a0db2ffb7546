//! Who may ask: nonces, passwords, tokens, look-ups, and what strangers can cause.

use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto::{AeadAlgorithm, CryptoProvider, HashAlgorithm, Secret};
use antiphon_crypto_rust::RustCrypto;
use antiphon_stun::{Class, MessageWriter, Method, TransactionId, attribute as stun};
use antiphon_turn::server::{
    Account, Chain, Event, InputError, Keys, Realm, Remote, TimeLimited, TokenConfig, TokenKey,
    UserName,
};
use antiphon_turn::wire::attribute::Protocol;
use antiphon_turn::wire::{TokenContent, TurnMessage as _, TurnWriter as _, attribute};

use crate::common::*;

fn bare(method: Method, write: impl FnOnce(&mut MessageWriter<'_>)) -> Vec<u8> {
    let mut buf = vec![0; 1024];
    let id = TransactionId([4; 12]);
    let mut writer = MessageWriter::new(&mut buf, Class::Request, method, id).unwrap();
    write(&mut writer);
    let len = writer.finish();
    buf.truncate(len);
    buf
}

fn wants_udp(w: &mut MessageWriter<'_>) {
    w.requested_transport(Protocol::Udp).unwrap();
}

//= rfc8489#9.2.4
//= type=test
// attack: spoofed Allocate flood
#[test]
fn strangers_get_a_nonce_and_leave_no_trace() {
    let mut world = World::new();
    let before = world.sizes();
    let request = bare(Method::ALLOCATE, wants_udp);
    let mut nonces = Vec::new();
    for port in 1..=100 {
        let at = udp(&format!("203.0.113.1:{port}"));
        let answer = world.input(at, &request).remove(0);
        let view = answer.view();
        assert_eq!((answer.code(), answer.to), (401, at));
        assert_eq!(view.realm(), Some(REALM.as_bytes()));
        assert!(view.software().is_none() && view.error_code().unwrap().reason().is_empty());
        assert!(!view.has_message_integrity());
        nonces.push(view.nonce().unwrap().to_vec());
    }
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 100, "no two sources share a nonce");
    assert_eq!(world.sizes(), before);
    assert!(world.events.is_empty());
}

// attack: reflection and amplification
#[test]
fn a_source_gets_so_many_challenges_a_second_and_no_more() {
    let mut world = World::new();
    let request = bare(Method::ALLOCATE, wants_udp);
    let mut answers = 0;
    let mut bytes = 0;
    for port in 1..=10_000 {
        for answer in world.input(udp(&format!("203.0.113.1:{port}")), &request) {
            answers += 1;
            bytes += answer.bytes.len();
        }
    }
    assert_eq!(answers, 200);
    assert!(bytes < 10_000 * request.len() / 10, "{bytes} bytes for {}", 10_000 * request.len());
    world.now += Duration::from_secs(1);
    let more = (0..1000).flat_map(|_| world.input(udp("203.0.113.1:5"), &request)).count();
    assert_eq!(more, 50);
    assert_eq!(world.input(udp("203.0.114.1:5"), &request).len(), 1, "others are not concerned");
    assert_eq!(world.stats().rate_limited, 10_000 - 200 + 950);
}

// attack: reflection and amplification
#[test]
fn a_challenge_is_small() {
    let mut config = config();
    config.password_algorithms = false;
    let mut world = World::with(config);
    let request = bare(Method::ALLOCATE, wants_udp);
    let small = world.input(udp("203.0.113.1:1"), &request).remove(0);
    assert_eq!(small.bytes.len(), 20 + 8 + 16 + 36);
    let large = World::new().input(udp("203.0.113.1:1"), &request).remove(0);
    assert_eq!(large.bytes.len(), small.bytes.len() + 12);
}

//= rfc8489#9.2.4
//= type=test
#[test]
fn integrity_without_user_realm_or_nonce_is_400() {
    for missing in 0..3 {
        let mut world = World::new();
        let request = bare(Method::ALLOCATE, |w| {
            if missing != 0 {
                w.username(b"ann").unwrap();
            }
            if missing != 1 {
                w.realm(REALM.as_bytes()).unwrap();
            }
            if missing != 2 {
                w.nonce(b"abc").unwrap();
            }
            w.message_integrity(|_| [0; 20]).unwrap();
        });
        let answer = world.input(udp("203.0.113.1:1"), &request).remove(0);
        assert_eq!(answer.code(), 400);
        assert!(answer.view().nonce().is_none() && answer.view().realm().is_none());
    }
}

// attack: stale nonce loop, nonce of another source
#[test]
fn a_nonce_of_another_source_or_time_is_stale() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1"));
    client.relayed(&mut world);
    let id = client.next_id();
    let request = client.request(Method::ALLOCATE, id, wants_udp);
    let answer = world.input(udp("203.0.113.1:2"), &request).remove(0);
    assert_eq!(answer.code(), 438);
    let mut other = Client::new(udp("203.0.113.1:2"));
    other.nonce = answer.view().nonce().unwrap().to_vec();
    let id = other.next_id();
    let request = other.request(Method::ALLOCATE, id, wants_udp);
    assert_eq!(world.input(other.at, &request)[0].code(), 200, "the new nonce is good");
    // An hour later the first client's is not.
    client.refresh(&mut world, Some(3600));
    world.now += Duration::from_secs(3599);
    client.refresh(&mut world, Some(3600));
    let id = client.next_id();
    world.now += Duration::from_secs(3599);
    let old = client.request(Method::REFRESH, id, |_| {});
    assert_eq!(world.input(client.at, &old)[0].code(), 438);
    assert_eq!(client.refresh(&mut world, None).code(), 200);
}

// attack: wrong password, unknown user, other realm: one and the same answer
#[test]
fn nobody_learns_which_part_was_wrong() {
    let mut world = World::new();
    let mut answers = Vec::new();
    for (user, password, realm) in
        [("ann", "wrong", REALM), ("nobody", "secret", REALM), ("ann", "secret", "example.com")]
    {
        let mut client = Client::new(udp("203.0.113.1:1"));
        client.username = user.into();
        client.password = password.into();
        client.realm = realm.into();
        let answer = client.allocate(&mut world);
        assert_eq!(answer.code(), 401);
        assert_eq!(answer.view().realm(), Some(REALM.as_bytes()));
        answers.push(answer.bytes.len());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(world.sizes().allocations, 0);
}

//= rfc8489#9.2.4
//= type=test
#[test]
fn algorithms_must_be_those_that_were_offered() {
    for (list, one) in [
        (Some(&[0, 1, 0, 0][..]), Some(&[0, 1, 0, 0][..])),
        (Some(&[0, 2, 0, 0, 0, 1, 0, 0]), Some(&[0, 3, 0, 0])),
        (Some(&[0, 2, 0, 0, 0, 1, 0, 0]), None),
        (None, Some(&[0, 1, 0, 0])),
    ] {
        let mut world = World::new();
        let mut client = Client::new(udp("203.0.113.1:1"));
        assert_eq!(client.refresh(&mut world, None).code(), 437);
        let id = client.next_id();
        let request = client.request(Method::ALLOCATE, id, |w| {
            wants_udp(w);
            if let Some(list) = list {
                w.attribute(stun::PASSWORD_ALGORITHMS, list).unwrap();
            }
            if let Some(one) = one {
                w.attribute(stun::PASSWORD_ALGORITHM, one).unwrap();
            }
        });
        assert_eq!(world.input(client.at, &request)[0].code(), 400, "{list:?} {one:?}");
    }
}

#[test]
fn a_userhash_names_its_user() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1"));
    client.refresh(&mut world, None);
    let provider = RustCrypto::new();
    let hash = provider.hash(HashAlgorithm::Sha256, b"ann:example.org").unwrap();
    let key = provider.hash(HashAlgorithm::Md5, b"ann:example.org:secret").unwrap();
    let hmac = provider.hmac(HashAlgorithm::Sha1, key.as_bytes()).unwrap();
    let request = bare(Method::ALLOCATE, |w| {
        wants_udp(w);
        w.attribute(stun::USERHASH, hash.as_bytes()).unwrap();
        w.realm(REALM.as_bytes()).unwrap().nonce(&client.nonce).unwrap();
        w.message_integrity(|parts| hmac.sign(parts).prefix().unwrap()).unwrap();
    });
    assert_eq!(world.input(client.at, &request)[0].code(), 200);
    assert_eq!(client.refresh(&mut world, None).code(), 200, "USERNAME is the same user");
}

// attack: attributes appended after MESSAGE-INTEGRITY
#[test]
fn what_stands_behind_the_integrity_is_not_acted_upon() {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1"));
    client.relayed(&mut world);
    let id = client.next_id();
    let mut request = client.request(Method::REFRESH, id, |_| {});
    request.extend([0, 0x0d, 0, 4, 0, 0, 0, 0]); // LIFETIME=0
    let body = (request.len() - 20) as u16;
    request[2..4].copy_from_slice(&body.to_be_bytes());
    let answer = world.input(client.at, &request).remove(0);
    assert_eq!((answer.code(), lifetime(&answer)), (200, 600));
    // The same twice: the first counts.
    let answer = client.ask(&mut world, Method::REFRESH, |w| {
        w.lifetime(Duration::from_secs(700)).unwrap().lifetime(Duration::ZERO).unwrap();
    });
    assert_eq!(lifetime(&answer), 700);
}

#[test]
fn realms_follow_the_address_that_was_asked() {
    let mut config = config();
    let (first, second) = (addr(SERVER), addr("192.0.2.11:3478"));
    config.realms = vec![
        Realm { name: REALM.into(), listeners: vec![first] },
        Realm { name: "example.net".into(), listeners: Vec::new() },
    ];
    config.listeners.push(second);
    let mut world = World::with(config);
    assert_eq!(Client::new(udp("203.0.113.1:1")).allocate(&mut world).code(), 200);
    let mut at = udp("203.0.113.1:2");
    at.server = second;
    let answer = world.input(at, &bare(Method::ALLOCATE, wants_udp)).remove(0);
    assert_eq!(answer.view().realm(), Some(&b"example.net"[..]));
    // ann of example.org is nobody there.
    assert_eq!(Client::new(at).allocate(&mut world).code(), 401);
}

#[test]
fn credentials_with_an_expiry_end_at_allocate_and_at_refresh() {
    let provider: Arc<dyn CryptoProvider> = Arc::new(RustCrypto::new());
    let secrets = [Secret::from(&b"new"[..]), Secret::from(&b"old"[..])];
    let by_old = TimeLimited::new(provider.clone(), &secrets[1..]).unwrap();
    let store = TimeLimited::new(provider, &secrets).unwrap();
    let mut world = World::with_store(config(), Box::new(store));
    let mut client = Client::new(udp("203.0.113.1:1"));
    let ends = |seconds: u64| format!("{}:kim", UNIX.as_secs() + seconds);
    client.username = ends(100);
    client.password = by_old.password(&client.username).unwrap();
    assert_eq!(client.allocate(&mut world).code(), 200, "the old secret counts, too");
    world.now += Duration::from_secs(100);
    assert_eq!(client.refresh(&mut world, None).code(), 200);
    world.now += Duration::from_secs(1);
    assert_eq!(client.refresh(&mut world, None).code(), 401);
    // A new password of the same user carries the allocation on.
    client.username = ends(1000);
    client.password = by_old.password(&client.username).unwrap();
    assert_eq!(client.refresh(&mut world, None).code(), 200);
    assert_eq!(client.permit(&mut world, &[addr(PEER)]).code(), 200);
    // Another's does not.
    client.username = format!("{}:eve", UNIX.as_secs() + 1000);
    client.password = by_old.password(&client.username).unwrap();
    assert_eq!(client.refresh(&mut world, None).code(), 441);
    for bad in ["", ":kim", "12x:kim", "99999999999999999999:kim", "1:kim"] {
        let mut client = Client::new(udp("203.0.113.2:1"));
        client.username = bad.into();
        client.password = by_old.password(bad).unwrap();
        assert_eq!(client.allocate(&mut world).code(), 401, "{bad}");
    }
}

#[test]
fn a_look_up_may_take_its_time() {
    let store = Chain(vec![Box::new(users()), Box::new(Remote)]);
    let mut world = World::with_store(config(), Box::new(store));
    assert_eq!(Client::new(udp("203.0.113.1:1")).allocate(&mut world).code(), 200);
    let mut client = Client::new(udp("203.0.113.1:2"));
    client.username = "kim".into();
    let first = client.request(Method::ALLOCATE, TransactionId([1; 12]), wants_udp);
    client.nonce = world.input(client.at, &first)[0].view().nonce().unwrap().to_vec();
    let request = client.request(Method::ALLOCATE, TransactionId([2; 12]), wants_udp);
    assert!(world.input(client.at, &request).is_empty());
    assert!(world.input(client.at, &request).is_empty(), "a retransmission waits, too");
    let Some(Event::LookUp { id, realm, user }) = world.events.last().cloned() else {
        panic!("{:?}", world.events)
    };
    assert_eq!((&*realm, &user), (REALM, &UserName::Name(b"kim"[..].into())));
    let keys = Keys::from_password(&RustCrypto::new(), b"kim", REALM, b"secret").unwrap();
    let now = world.now;
    world.server.answer_look_up(now, id, Some(Account::new(b"kim", keys)));
    world.drive();
    let answers = world.output();
    assert_eq!((answers.len(), answers[0].code()), (1, 200));
    assert_eq!(world.sizes().look_ups, 0);
    assert_eq!(client.permit(&mut world, &[addr(PEER)]).code(), 200, "nobody is asked again");
    assert_eq!(world.stats().look_ups, 1);
}

// attack: pending look-ups as memory
#[test]
fn look_ups_are_bounded_and_end() {
    let mut config = config();
    config.max_look_ups = 8;
    config.challenge_burst = 1000;
    let mut world = World::with_store(config, Box::new(Remote));
    let mut refused = 0;
    for port in 1..=20 {
        let mut client = Client::new(udp(&format!("203.0.113.1:{port}")));
        let first = client.request(Method::ALLOCATE, TransactionId([1; 12]), wants_udp);
        client.nonce = world.input(client.at, &first)[0].view().nonce().unwrap().to_vec();
        let request = client.request(Method::ALLOCATE, TransactionId([2; 12]), wants_udp);
        let now = world.now;
        let result = world.server.handle_input(now, client.at, &request);
        refused += usize::from(result == Err(InputError::Full { limit: 8 }));
    }
    assert_eq!((world.sizes().look_ups, refused), (8, 12));
    world.pass(Duration::from_secs(5));
    assert_eq!((world.sizes().look_ups, world.stats().look_ups_expired), (0, 8));
    // A forged nonce is no reason to look anybody up.
    let mut client = Client::new(udp("203.0.113.1:77"));
    client.nonce = b"obMatJos2gAAAabcdefghijklmnop".to_vec();
    let id = client.next_id();
    let request = client.request(Method::ALLOCATE, id, wants_udp);
    assert_eq!(world.input(client.at, &request)[0].code(), 438);
    assert_eq!(world.sizes().look_ups, 0);
}

const NAME: &str = "turn1.example.org";

fn token_world() -> World {
    let key = TokenKey::new("kid-1", &[9; 32], &RustCrypto::new()).unwrap();
    let mut config = config();
    config.tokens = Some(TokenConfig {
        server_name: NAME.into(),
        keys: vec![key],
        delta: Duration::from_secs(5),
    });
    World::with(config)
}

fn token(mac_key: &[u8], made: Duration, lifetime: u64, name: &str, number: u8) -> Vec<u8> {
    let aead = RustCrypto::new().aead(AeadAlgorithm::Aes256Gcm, &[9; 32]).unwrap();
    let content = TokenContent {
        mac_key: Secret::from(mac_key),
        timestamp: made,
        lifetime: Duration::from_secs(lifetime),
    };
    content.seal(&*aead, name.as_bytes(), &[number; 12]).unwrap()
}

fn token_client(at: &str, mac_key: &[u8]) -> Client {
    let mut client = Client::new(udp(at));
    client.username = "kid-1".into();
    client.raw_key = Some(mac_key.to_vec());
    client
}

//= rfc7635#6.2
//= type=test
//= rfc7635#7
//= type=test
//= rfc7635#9
//= type=test
#[test]
fn a_token_opens_an_allocation_that_does_not_outlive_it() {
    let mut world = token_world();
    let answer = world.input(udp("203.0.113.1:9"), &bare(Method::ALLOCATE, wants_udp)).remove(0);
    assert_eq!(answer.view().third_party_authorization(), Some(NAME.as_bytes()));
    let mut client = token_client("203.0.113.1:1", &[5; 20]);
    let good = token(&[5; 20], UNIX, 100, NAME, 1);
    let allocate = |w: &mut MessageWriter<'_>| {
        wants_udp(w);
        w.access_token(&good).unwrap();
    };
    let answer = client.ask(&mut world, Method::ALLOCATE, allocate);
    assert_eq!((answer.code(), lifetime(&answer)), (200, 105));
    assert!(answer.view().has_message_integrity());
    assert_eq!(client.permit(&mut world, &[addr(PEER)]).code(), 200, "without the token");
    world.now += Duration::from_secs(60);
    assert_eq!(lifetime(&client.refresh(&mut world, Some(3600))), 45);
    // A new token, a new key, the same allocation? No: another key is another user.
    let mut other = token_client("203.0.113.1:1", &[6; 20]);
    other.nonce = client.nonce.clone();
    other.count = 50;
    let theirs = token(&[6; 20], UNIX + Duration::from_secs(60), 100, NAME, 2);
    let answer = other.ask(&mut world, Method::REFRESH, |w| {
        w.access_token(&theirs).unwrap();
    });
    assert_eq!(answer.code(), 441);
    // The same key in a new token goes on.
    let renewed = token(&[5; 20], UNIX + Duration::from_secs(60), 1000, NAME, 3);
    let answer = client.ask(&mut world, Method::REFRESH, |w| {
        w.access_token(&renewed).unwrap();
    });
    assert_eq!((answer.code(), lifetime(&answer)), (200, 600));
}

//= rfc7635#7
//= type=test
#[test]
fn tokens_that_are_damaged_late_early_or_for_others_are_401() {
    let mut world = token_world();
    let late = UNIX - Duration::from_secs(106);
    let early = UNIX + Duration::from_secs(106);
    let good = token(&[5; 20], UNIX, 100, NAME, 1);
    let mut damaged = good.clone();
    damaged[20] ^= 1;
    let cases = [
        damaged,
        token(&[5; 20], late, 100, NAME, 2),
        token(&[5; 20], early, 100, NAME, 3),
        token(&[5; 20], UNIX, 100, "turn2.example.org", 4),
        token(&[6; 20], UNIX, 100, NAME, 5),
        Vec::new(),
        vec![0; 40],
    ];
    for (index, bad) in cases.iter().enumerate() {
        let mut client = token_client(&format!("203.0.113.1:{}", index + 1), &[5; 20]);
        let answer = client.ask(&mut world, Method::ALLOCATE, |w| {
            wants_udp(w);
            w.access_token(bad).unwrap();
        });
        assert_eq!(answer.code(), 401, "{index}");
    }
    let mut unknown = token_client("203.0.113.1:99", &[5; 20]);
    unknown.username = "kid-2".into();
    let answer = unknown.ask(&mut world, Method::ALLOCATE, |w| {
        wants_udp(w);
        w.access_token(&good).unwrap();
    });
    assert_eq!(answer.code(), 401);
}

//= rfc7635#7
//= type=test
#[test]
fn a_token_that_nobody_asked_for_is_an_unknown_attribute() {
    let mut world = World::new();
    let mut client = token_client("203.0.113.1:1", &[5; 20]);
    let answer = client.ask(&mut world, Method::ALLOCATE, |w| {
        wants_udp(w);
        w.access_token(&token(&[5; 20], UNIX, 100, NAME, 1)).unwrap();
    });
    assert_eq!(answer.code(), 420);
    let unknown: Vec<u16> = answer.view().unknown_attributes().collect();
    assert_eq!(unknown, [attribute::ACCESS_TOKEN]);
}

#[test]
fn secrets_show_up_in_no_debug_output() {
    let world = token_world();
    let text = format!("{:?} {:?}", world.server, TokenKey::new("k", &[9; 32], &RustCrypto::new()));
    assert!(!text.contains("[9") && !text.contains("[7"), "{text}");
}
