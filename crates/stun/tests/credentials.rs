//! Long-term credentials: client and server against each other, and against those in between.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_stun::{
    Attempt, AuthError, Check, Class, ErrorCode, Found, Identity, IntegrityKey, KnownUser,
    LongTermClient, LongTermServer, LongTermServerConfig, Lookup, MessageView, MessageWriter,
    Method, PasswordAlgorithm, RefusalReason, SecurityFeatures, TransactionId, Users, Verdict,
    WriteError, attribute, userhash,
};
use antiphon_testkit::start;
use common::Hashes;

const REALM: &str = "example.org";
const PASSWORD: &str = "correct horse";

/// One user, "user", found by name and by hash.
struct OneUser;

impl Users for OneUser {
    fn find(&self, lookup: &Lookup<'_>) -> Found {
        let known = match lookup.identity {
            Identity::Name(name) => name == "user",
            Identity::Hash(hash) => *hash == userhash("user", lookup.realm, &Hashes).unwrap(),
        };
        if !known {
            return Found::Unknown;
        }
        let key =
            IntegrityKey::long_term(lookup.algorithm, "user", lookup.realm, PASSWORD, &Hashes);
        Found::User(KnownUser::new("user".to_owned(), key.unwrap()))
    }
}

struct World {
    server: LongTermServer,
    client: LongTermClient,
    now: Instant,
    source: SocketAddr,
    next_id: u8,
}

fn world_with(change: impl FnOnce(&mut LongTermServerConfig), password: &str) -> World {
    let mut config = LongTermServerConfig::new(REALM);
    change(&mut config);
    World {
        server: LongTermServer::new(config, [7; 32], Arc::new(Hashes), start()).unwrap(),
        client: LongTermClient::new("user", password, Arc::new(Hashes)).unwrap(),
        now: start(),
        source: "198.51.100.7:4000".parse().unwrap(),
        next_id: 0,
    }
}

fn world() -> World {
    world_with(|_| {}, PASSWORD)
}

fn write(class: Class, id: TransactionId, build: impl FnOnce(&mut MessageWriter<'_>)) -> Vec<u8> {
    let mut buf = vec![0; 2048];
    let mut writer = MessageWriter::new(&mut buf, class, Method::ALLOCATE, id).unwrap();
    build(&mut writer);
    let len = writer.finish();
    buf.truncate(len);
    buf
}

impl World {
    fn request(&mut self, attempt: &mut Attempt) -> Vec<u8> {
        self.next_id += 1;
        let id = TransactionId([self.next_id; 12]);
        let client = &self.client;
        write(Class::Request, id, |writer| {
            let before = writer.written();
            *attempt = client.sign(writer, *attempt).unwrap();
            let added = writer.written() - before;
            assert!(added <= client.overhead(), "{added} <= {}", client.overhead());
        })
    }

    /// What the server answers, and why.
    fn answer(&mut self, request: &[u8]) -> (Vec<u8>, Result<String, RefusalReason>) {
        let view = MessageView::parse(request).unwrap();
        let id = view.transaction_id();
        match self.server.check(self.now, self.source, &view, &OneUser) {
            Check::Passed(who) => {
                let bytes = write(Class::Success, id, |writer| who.sign(writer, &Hashes).unwrap());
                (bytes, Ok(who.username))
            }
            Check::Refused(refusal) => {
                let bytes =
                    write(Class::Error, id, |writer| refusal.write_attributes(writer).unwrap());
                (bytes, Err(refusal.reason()))
            }
            Check::Later => panic!("nobody else is asked"),
        }
    }

    /// Requests until there is an end; and the reasons for which the server said no.
    fn run(&mut self) -> (Verdict, Vec<RefusalReason>) {
        let mut attempt = Attempt::default();
        let mut reasons = vec![];
        loop {
            let request = self.request(&mut attempt);
            let (response, outcome) = self.answer(&request);
            reasons.extend(outcome.err());
            let view = MessageView::parse(&response).unwrap();
            let verdict = self.client.handle_response(&view, &mut attempt, false);
            if verdict != Verdict::Retry {
                return (verdict, reasons);
            }
        }
    }
}

//= rfc8489#9.2.3.1
//= type=test
#[test]
fn the_first_request_is_bare_and_the_second_is_believed() {
    let mut world = world();
    let bare = world.request(&mut Attempt::default());
    assert_eq!(bare.len(), 20, "no attribute at all");
    let (verdict, reasons) = world.run();
    assert_eq!((verdict, reasons), (Verdict::Authenticated, vec![RefusalReason::NoIntegrity]));
    // From now on at once.
    assert_eq!(world.run(), (Verdict::Authenticated, vec![]));
}

//= rfc8489#9.2.5
//= type=test
#[test]
fn the_first_common_algorithm_is_used_and_the_offer_repeated() {
    for (algorithms, integrity, chosen) in [
        (vec![PasswordAlgorithm::Sha256, PasswordAlgorithm::Md5], true, Some(2)),
        (vec![PasswordAlgorithm::Md5, PasswordAlgorithm::Sha256], true, Some(1)),
        (vec![PasswordAlgorithm::Md5], true, Some(1)),
        (vec![], false, None),
    ] {
        let mut world = world_with(|config| config.algorithms = algorithms.clone(), PASSWORD);
        assert_eq!(world.run().0, Verdict::Authenticated);
        let request = world.request(&mut Attempt::default());
        let view = MessageView::parse(&request).unwrap();
        assert_eq!(view.has_message_integrity_sha256(), integrity);
        assert_eq!(view.has_message_integrity(), !integrity);
        assert_eq!(view.password_algorithm().map(|a| a.number), chosen);
        let offer: Vec<_> = view.password_algorithms().filter_map(|a| a.known()).collect();
        assert_eq!(offer, algorithms);
    }
}

//= rfc8489#14.4
//= type=test
#[test]
fn a_server_that_knows_userhash_never_sees_the_name() {
    let mut world = world_with(|config| config.username_anonymity = true, PASSWORD);
    assert_eq!(world.run().0, Verdict::Authenticated);
    let request = world.request(&mut Attempt::default());
    let view = MessageView::parse(&request).unwrap();
    assert_eq!(view.username(), None);
    assert_eq!(view.userhash(), Some(&userhash("user", REALM, &Hashes).unwrap()));
    assert_eq!(world.answer(&request).1, Ok("user".to_owned()));
}

// attack: wrong credentials must end in an error, not in a loop
//= rfc8489#9.2.5
//= type=test
#[test]
fn a_wrong_password_is_tried_once() {
    let mut world = world_with(|_| {}, "wrong");
    let (verdict, reasons) = world.run();
    assert_eq!(verdict, Verdict::Failed(AuthError::Refused));
    assert_eq!(reasons, [RefusalReason::NoIntegrity, RefusalReason::WrongIntegrity]);
    // With another password there is something new to say.
    world.client.replace("user", PASSWORD).unwrap();
    assert_eq!(world.run().0, Verdict::Authenticated);
    world.client.replace("nobody", PASSWORD).unwrap();
    let (verdict, reasons) = world.run();
    assert_eq!(verdict, Verdict::Failed(AuthError::Refused));
    assert_eq!(reasons, [RefusalReason::UnknownUser]);
}

// attack: stale nonce loop (client must stop)
#[test]
fn a_server_that_finds_every_nonce_stale_is_left_after_three() {
    let mut world = world();
    assert_eq!(world.run().0, Verdict::Authenticated);
    let mut attempt = Attempt::default();
    let mut verdicts = vec![];
    for round in 0..4 {
        let request = world.request(&mut attempt);
        let id = MessageView::parse(&request).unwrap().transaction_id();
        let stale = write(Class::Error, id, |writer| {
            writer.error_code(438, "").unwrap().realm(REALM.as_bytes()).unwrap();
            writer.nonce(format!("nonce {round}").as_bytes()).unwrap();
            let both = [PasswordAlgorithm::Sha256, PasswordAlgorithm::Md5];
            writer.password_algorithms(&both).unwrap();
        });
        let view = MessageView::parse(&stale).unwrap();
        verdicts.push(world.client.handle_response(&view, &mut attempt, false));
    }
    let last = Verdict::Failed(AuthError::TooManyChallenges { count: 4 });
    assert_eq!(verdicts, [Verdict::Retry, Verdict::Retry, Verdict::Retry, last]);
}

//= rfc8489#9.2.4
//= type=test
#[test]
fn nonces_age_and_belong_to_one_address_and_port() {
    let mut world = world();
    assert_eq!(world.run().0, Verdict::Authenticated);
    let good = world.request(&mut Attempt::default());
    for (elsewhere, fine) in
        [("198.51.100.7:4000", true), ("198.51.100.7:4001", false), ("198.51.100.8:4000", false)]
    {
        world.source = elsewhere.parse().unwrap();
        assert_eq!(world.answer(&good).1.is_ok(), fine, "{elsewhere}");
    }
    world.source = "198.51.100.7:4000".parse().unwrap();
    world.now = start() + Duration::from_secs(3599);
    assert!(world.answer(&good).1.is_ok());
    world.now = start() + Duration::from_secs(3600);
    assert_eq!(world.answer(&good).1, Err(RefusalReason::StaleNonce));
    // The client gets over it with one more round trip.
    assert_eq!(world.run(), (Verdict::Authenticated, vec![RefusalReason::StaleNonce]));
    // Far beyond the wrap of the time stamp nothing old is good again.
    world.now = start() + Duration::from_secs(0x0100_0000);
    assert_eq!(world.answer(&good).1, Err(RefusalReason::StaleNonce));
    assert_eq!(world.run(), (Verdict::Authenticated, vec![RefusalReason::StaleNonce]));
}

//= rfc8489#9.2
//= type=test
#[test]
fn every_nonce_begins_with_the_cookie_that_says_what_the_server_can() {
    let both = SecurityFeatures::PASSWORD_ALGORITHMS.with(SecurityFeatures::USERNAME_ANONYMITY);
    for (algorithms, anonymity, features) in [
        (vec![], false, SecurityFeatures::NONE),
        (vec![PasswordAlgorithm::Md5], false, SecurityFeatures::PASSWORD_ALGORITHMS),
        (vec![PasswordAlgorithm::Sha256], true, both),
    ] {
        let change = |config: &mut LongTermServerConfig| {
            (config.algorithms, config.username_anonymity) = (algorithms, anonymity);
        };
        let mut world = world_with(change, PASSWORD);
        let nonce = world.server.issue_nonce(world.now, world.source).unwrap();
        assert_eq!(SecurityFeatures::of_nonce(nonce.as_bytes()), Some(features));
        assert!(nonce.as_bytes().starts_with(&features.nonce_cookie()));
    }
}

#[test]
fn servers_with_one_key_take_each_others_nonces() {
    let mut world = world();
    assert_eq!(world.run().0, Verdict::Authenticated);
    let request = world.request(&mut Attempt::default());
    let view = MessageView::parse(&request).unwrap();
    for (key, fine) in [([7; 32], true), ([8; 32], false)] {
        let config = LongTermServerConfig::new(REALM);
        let mut other = LongTermServer::new(config, key, Arc::new(Hashes), start()).unwrap();
        let check = other.check(world.now, world.source, &view, &OneUser);
        assert_eq!(matches!(check, Check::Passed(_)), fine);
    }
}

/// A request as the client would sign it, with one attribute changed or left out.
fn tampered(world: &mut World, drop: &[u16], replace: Option<(u16, &[u8])>) -> Vec<u8> {
    let request = world.request(&mut Attempt::default());
    let view = MessageView::parse(&request).unwrap();
    let key = IntegrityKey::long_term(PasswordAlgorithm::Sha256, "user", REALM, PASSWORD, &Hashes);
    write(Class::Request, view.transaction_id(), |writer| {
        for attribute in view.attributes() {
            if drop.contains(&attribute.kind)
                || attribute.kind == attribute::MESSAGE_INTEGRITY_SHA256
            {
                continue;
            }
            let value = match replace {
                Some((kind, value)) if kind == attribute.kind => value,
                _ => attribute.value,
            };
            writer.attribute(attribute.kind, value).unwrap();
        }
        key.unwrap().sign(antiphon_stun::Integrity::Sha256, writer, &Hashes).unwrap();
    })
}

//= rfc8489#9.2.4
//= type=test
#[test]
fn each_check_of_the_server_has_its_error() {
    let mut world = world();
    assert_eq!(world.run().0, Verdict::Authenticated);
    use RefusalReason as R;
    for (drop, replace, expected) in [
        (&[][..], None, Ok(())),
        (&[attribute::USERNAME], None, Err(R::Incomplete)),
        (&[attribute::REALM], None, Err(R::Incomplete)),
        (&[attribute::NONCE], None, Err(R::Incomplete)),
        (&[attribute::PASSWORD_ALGORITHM], None, Err(R::Algorithms)),
        (&[attribute::PASSWORD_ALGORITHMS], None, Err(R::Algorithms)),
        (&[], Some((attribute::PASSWORD_ALGORITHMS, &[0, 1, 0, 0][..])), Err(R::Algorithms)),
        (&[], Some((attribute::USERNAME, b"root")), Err(R::UnknownUser)),
        (&[], Some((attribute::REALM, b"example.com")), Err(R::UnknownUser)),
        (&[], Some((attribute::NONCE, b"obMatJos2gAAA0000000000000000")), Err(R::StaleNonce)),
    ] {
        let request = tampered(&mut world, drop, replace);
        let (response, outcome) = world.answer(&request);
        assert_eq!(outcome.map(|_| ()), expected, "{drop:?} {replace:?}");
        let view = MessageView::parse(&response).unwrap();
        let challenge = matches!(expected, Err(R::UnknownUser | R::StaleNonce));
        assert_eq!(view.nonce().is_some(), challenge);
        assert_eq!(view.realm().is_some(), challenge);
        assert_eq!(view.password_algorithms().count(), if challenge { 2 } else { 0 });
    }
}

//= rfc8489#9.2.4
//= type=test
#[test]
fn who_names_no_algorithm_is_answered_with_sha1() {
    let mut world = world();
    let nonce = world.server.issue_nonce(world.now, world.source).unwrap();
    let key = IntegrityKey::long_term(PasswordAlgorithm::Md5, "user", REALM, PASSWORD, &Hashes);
    let key = key.unwrap();
    let request = write(Class::Request, TransactionId([1; 12]), |writer| {
        writer.username(b"user").unwrap().realm(REALM.as_bytes()).unwrap();
        writer.nonce(nonce.as_bytes()).unwrap();
        key.sign(antiphon_stun::Integrity::Sha1, writer, &Hashes).unwrap();
    });
    let (response, outcome) = world.answer(&request);
    assert_eq!(outcome, Ok("user".to_owned()));
    let view = MessageView::parse(&response).unwrap();
    assert!(view.has_message_integrity() && !view.has_message_integrity_sha256());
    // A server that does not offer MD5 knows nobody who uses it.
    let mut strict =
        world_with(|config| config.algorithms = vec![PasswordAlgorithm::Sha256], PASSWORD);
    assert_eq!(strict.answer(&request).1, Err(RefusalReason::UnknownUser));
}

// attack: bidding down, by taking PASSWORD-ALGORITHMS out of the challenge
//= rfc8489#9.2.1
//= type=test
#[test]
fn a_challenge_without_what_its_nonce_promises_ends_the_request() {
    let challenge = |world: &mut World, attempt: &mut Attempt, nonce: &[u8], algorithms: &[u8]| {
        let request = world.request(attempt);
        let id = MessageView::parse(&request).unwrap().transaction_id();
        let bytes = write(Class::Error, id, |writer| {
            writer.error_code(401, "").unwrap().realm(REALM.as_bytes()).unwrap();
            writer.nonce(nonce).unwrap();
            if !algorithms.is_empty() {
                writer.attribute(attribute::PASSWORD_ALGORITHMS, algorithms).unwrap();
            }
        });
        world.client.handle_response(&MessageView::parse(&bytes).unwrap(), attempt, false)
    };
    let promise = [&SecurityFeatures::PASSWORD_ALGORITHMS.nonce_cookie()[..], b"abc"].concat();
    for (nonce, algorithms, expected) in [
        (&promise[..], &[][..], Verdict::Failed(AuthError::BidDown)),
        (&promise, &[0, 9, 0, 0], Verdict::Failed(AuthError::NoCommonAlgorithm)),
        (&promise, &[0, 2, 0, 0], Verdict::Retry),
        (b"", &[], Verdict::Failed(AuthError::BadChallenge)),
        (b"classic", &[], Verdict::Retry),
        (b"classic", &[0; 200], Verdict::Failed(AuthError::BadChallenge)),
    ] {
        let mut world = world();
        let mut attempt = Attempt::default();
        assert_eq!(challenge(&mut world, &mut attempt, nonce, algorithms), expected);
    }
    // A server that spoke SHA-256 does not forget how.
    let mut world = world();
    assert_eq!(world.run().0, Verdict::Authenticated);
    let mut attempt = Attempt::default();
    let verdict = challenge(&mut world, &mut attempt, b"classic", &[]);
    assert_eq!(verdict, Verdict::Failed(AuthError::BidDown));
}

// attack: an unauthenticated error ends the transaction
//= rfc8489#9.2.5
//= type=test
#[test]
fn what_is_not_signed_does_not_end_a_signed_request() {
    let mut world = world();
    assert_eq!(world.run().0, Verdict::Authenticated);
    for (code, reliable, expected) in [
        (400, false, Verdict::Discard),
        (400, true, Verdict::Discard),
        (403, false, Verdict::Discard),
        (403, true, Verdict::Failed(AuthError::IntegrityViolated)),
        (300, false, Verdict::Discard),
        (500, false, Verdict::Discard),
    ] {
        let mut attempt = Attempt::default();
        let request = world.request(&mut attempt);
        let id = MessageView::parse(&request).unwrap().transaction_id();
        let forged = write(Class::Error, id, |writer| {
            writer.error_code(code, "").unwrap();
        });
        let view = MessageView::parse(&forged).unwrap();
        assert_eq!(world.client.handle_response(&view, &mut attempt, reliable), expected);
        assert!(attempt.integrity_violated());
    }
    // The lenient way, for servers that sign no error. Successes are never taken at their word.
    world.client.accept_unsigned_errors(true);
    for (class, expected) in [(Class::Error, Verdict::Unproven), (Class::Success, Verdict::Discard)]
    {
        let mut attempt = Attempt::default();
        let request = world.request(&mut attempt);
        let id = MessageView::parse(&request).unwrap().transaction_id();
        let forged = write(class, id, |writer| {
            if class == Class::Error {
                writer.error_code(403, "").unwrap();
            }
        });
        let view = MessageView::parse(&forged).unwrap();
        assert_eq!(world.client.handle_response(&view, &mut attempt, false), expected);
    }
}

#[test]
fn a_sha256_request_is_not_answered_with_sha1() {
    let mut world = world();
    assert_eq!(world.run().0, Verdict::Authenticated);
    let mut attempt = Attempt::default();
    let request = world.request(&mut attempt);
    let id = MessageView::parse(&request).unwrap().transaction_id();
    let key = IntegrityKey::long_term(PasswordAlgorithm::Sha256, "user", REALM, PASSWORD, &Hashes);
    let response = write(Class::Success, id, |writer| {
        key.unwrap().sign(antiphon_stun::Integrity::Sha1, writer, &Hashes).unwrap();
    });
    let view = MessageView::parse(&response).unwrap();
    assert_eq!(world.client.handle_response(&view, &mut attempt, false), Verdict::Discard);
}

#[test]
fn during_rotation_either_secret_is_good_and_a_store_may_answer_later() {
    struct TwoSecrets;
    impl Users for TwoSecrets {
        fn find(&self, lookup: &Lookup<'_>) -> Found {
            let key = |password| {
                let (algorithm, realm) = (lookup.algorithm, lookup.realm);
                IntegrityKey::long_term(algorithm, "user", realm, password, &Hashes).unwrap()
            };
            Found::User(KnownUser::new("user".to_owned(), key("new")).or(key(PASSWORD)))
        }
    }
    struct Slow;
    impl Users for Slow {
        fn find(&self, _: &Lookup<'_>) -> Found {
            Found::Later
        }
    }
    let mut world = world();
    assert_eq!(world.run().0, Verdict::Authenticated);
    let request = world.request(&mut Attempt::default());
    let view = MessageView::parse(&request).unwrap();
    let check = world.server.check(world.now, world.source, &view, &TwoSecrets);
    assert!(matches!(check, Check::Passed(_)));
    let check = world.server.check(world.now, world.source, &view, &Slow);
    assert!(matches!(check, Check::Later));
}

// attack: reflection, 401 larger than the request
#[test]
fn a_challenge_is_small() {
    let mut world = world();
    let request = write(Class::Request, TransactionId([1; 12]), |writer| {
        writer.attribute(0x0019, &[17, 0, 0, 0]).unwrap();
    });
    let (response, outcome) = world.answer(&request);
    assert_eq!(outcome, Err(RefusalReason::NoIntegrity));
    // With the headers of IP and UDP, 28 bytes, less than three times the request.
    assert!(response.len() + 28 < 3 * (request.len() + 28), "{}", response.len());
}

/// No MD5, as in a FIPS module; and no hash at all.
struct Fips(bool);

impl antiphon_stun::Hashes for Fips {
    fn md5(&self, _: &[&[u8]]) -> Option<[u8; 16]> {
        None
    }
    fn sha256(&self, parts: &[&[u8]]) -> Option<[u8; 32]> {
        self.0.then(|| antiphon_stun::Hashes::sha256(&Hashes, parts).unwrap())
    }
    fn hmac_sha1(&self, key: &[u8], parts: &[&[u8]]) -> Option<[u8; 20]> {
        self.0.then(|| common::hmac_sha1(key)(parts))
    }
    fn hmac_sha256(&self, key: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]> {
        self.0.then(|| common::hmac_sha256(key)(parts))
    }
}

#[test]
fn without_md5_sha256_is_chosen_and_without_any_hash_nothing_is_believed() {
    let algorithms = vec![PasswordAlgorithm::Md5, PasswordAlgorithm::Sha256];
    let mut world = world_with(|config| config.algorithms = algorithms, PASSWORD);
    world.client = LongTermClient::new("user", PASSWORD, Arc::new(Fips(true))).unwrap();
    assert_eq!(world.run().0, Verdict::Authenticated);
    let request = world.request(&mut Attempt::default());
    let view = MessageView::parse(&request).unwrap();
    assert_eq!(view.password_algorithm().unwrap().number, 2);

    let key = IntegrityKey::raw(b"key");
    let mut buf = [0; 128];
    let mut writer =
        MessageWriter::new(&mut buf, Class::Request, Method::BINDING, TransactionId([0; 12]))
            .unwrap();
    let integrity = antiphon_stun::Integrity::Sha1;
    assert_eq!(key.sign(integrity, &mut writer, &Fips(false)), Err(WriteError::NoHash));
    let len = writer.finish();
    // The tag is all zeros, which must not verify.
    let view = MessageView::parse(&buf[..len]).unwrap();
    assert_eq!(
        key.verify(integrity, &view, &Fips(false)),
        Err(antiphon_stun::IntegrityError::NoHash)
    );
}

#[test]
fn keys_and_clients_do_not_print_their_secrets() {
    let key = IntegrityKey::short_term("hunter2hunter2").unwrap();
    assert_eq!(format!("{key:?}"), "IntegrityKey(14 bytes)");
    let world = world();
    assert!(!format!("{:?}", world.client).contains("horse"));
    let known = KnownUser::new("user".to_owned(), key);
    assert!(!format!("{known:?}").contains("hunter"));
}

/// The example of the text: user, realm, pass.
//= rfc8489#9.2.2
//= type=test
#[test]
fn the_md5_key_of_the_example_comes_out() {
    let key = |user, realm, password| {
        IntegrityKey::long_term(PasswordAlgorithm::Md5, user, realm, password, &Hashes).unwrap()
    };
    let expected = common::hex("8493fbc53ba582fb4c044c456bdc40eb");
    assert_eq!(key("user", "realm", "pass").as_bytes(), expected);
    assert_eq!(key("\"user\"", "\"realm\"\0\0", "pass\0").as_bytes(), expected);
    assert_eq!(ErrorCode::STALE_NONCE, 438);
}
