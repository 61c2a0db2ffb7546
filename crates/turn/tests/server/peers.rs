//! Permissions and channels, and who may be a peer.

use std::time::Duration;

use antiphon_stun::{MessageWriter, Method};
use antiphon_turn::server::{Input, InputError};
use antiphon_turn::wire::{TurnWriter as _, attribute};

use crate::common::*;

fn start() -> (World, Client, std::net::SocketAddr) {
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1"));
    let relayed = client.relayed(&mut world);
    (world, client, relayed)
}

//= rfc8656#9
//= type=test
#[test]
fn a_permission_ends_after_exactly_300_seconds_whatever_is_sent() {
    let (mut world, mut client, relayed) = start();
    let (peer, relay) = (addr(PEER), world.relay(relayed));
    let at = client.at;
    assert_eq!(client.permit(&mut world, &[addr("198.41.0.4:1")]).code(), 200);
    let last = Duration::from_secs(300) - Duration::from_nanos(1);
    let now = world.now + last;
    assert!(world.server.handle_input(now, at, &send(peer, b"x")).is_ok());
    assert!(world.server.handle_relayed(now, relay, peer, b"x", 1).outcome.is_ok());
    let now = world.now + Duration::from_secs(300);
    let refused = Err(InputError::NoPermission);
    assert_eq!(world.server.handle_input(now, at, &send(peer, b"x")), refused);
    let step = world.server.handle_relayed(now, relay, peer, b"x", 1);
    assert_eq!(step.outcome, Err(InputError::NoPermission));
    world.now = now;
    assert_eq!(client.permit(&mut world, &[peer]).code(), 200);
    assert!(world.server.handle_input(now, at, &send(peer, b"x")).is_ok());
}

//= rfc8656#12
//= type=test
#[test]
fn a_channel_ends_after_exactly_600_seconds_and_its_permission_after_300() {
    let (mut world, mut client, relayed) = start();
    let (peer, relay, at) = (addr(PEER), world.relay(relayed), client.at);
    assert_eq!(client.bind(&mut world, 0x4000, peer).code(), 200);
    let born = world.now;
    let data = channel(0x4000, b"x");
    let tell = |world: &mut World, seconds| {
        world.server.handle_input(born + Duration::from_secs(seconds), at, &data)
    };
    assert!(matches!(tell(&mut world, 299), Ok(Input::Relay(_))));
    assert_eq!(tell(&mut world, 300), Err(InputError::NoPermission));
    world.now = born + Duration::from_secs(300);
    let step = world.server.handle_relayed(world.now, relay, peer, b"x", 1);
    assert_eq!(step.outcome, Err(InputError::NoPermission), "channel or not");
    assert_eq!(client.permit(&mut world, &[peer]).code(), 200);
    client.refresh(&mut world, Some(3600));
    assert!(matches!(tell(&mut world, 599), Ok(Input::Relay(_))));
    world.now = born + Duration::from_secs(599);
    assert_eq!(client.permit(&mut world, &[peer]).code(), 200);
    assert_eq!(tell(&mut world, 600), Err(InputError::Unbound { number: 0x4000 }));
    // To the client, data goes as an indication again.
    let step =
        world.server.handle_relayed(world.now + Duration::from_secs(1), relay, peer, b"x", 1);
    assert_eq!(step.outcome.unwrap().prefix(0).len(), 36);
}

//= rfc8656#12.2
//= type=test
// attack: channel number reuse and rebinding
#[test]
fn a_channel_and_a_peer_belong_together_until_the_channel_ends() {
    let (mut world, mut client, _) = start();
    let (one, two) = (addr(PEER), addr("198.41.0.4:9001"));
    assert_eq!(client.bind(&mut world, 0x4000, one).code(), 200);
    assert_eq!(client.bind(&mut world, 0x4000, one).code(), 200, "a refresh");
    assert_eq!(client.bind(&mut world, 0x4000, two).code(), 400);
    assert_eq!(client.bind(&mut world, 0x4001, one).code(), 400);
    assert_eq!(client.bind(&mut world, 0x4001, two).code(), 200);
    assert_eq!(client.bind(&mut world, 0x4001, one).code(), 400, "both bound, crosswise");
    client.refresh(&mut world, Some(3600));
    world.now += Duration::from_secs(600);
    assert_eq!(client.bind(&mut world, 0x4000, two).code(), 200);
    assert_eq!(client.bind(&mut world, 0x4001, one).code(), 200);
    assert_eq!(world.sizes().channels, 2);
}

//= rfc8656#12.2
//= type=test
#[test]
fn channel_bind_wants_both_attributes_and_a_number_in_range() {
    let (mut world, mut client, _) = start();
    let peer = addr(PEER);
    let mut code = |write: &dyn Fn(&mut MessageWriter<'_>)| {
        client.ask(&mut world, Method::CHANNEL_BIND, write).code()
    };
    assert_eq!(code(&|_| {}), 400);
    assert_eq!(code(&|w| assert!(w.channel_number(0x4000).is_ok())), 400);
    assert_eq!(code(&|w| assert!(w.xor_peer_address(peer).is_ok())), 400);
    for number in [0, 0x3fff, 0x5000, 0x7ffe, 0xffff] {
        let bind = |w: &mut MessageWriter<'_>| {
            w.channel_number(number).unwrap().xor_peer_address(peer).unwrap();
        };
        assert_eq!(code(&bind), 400, "{number:#x}");
    }
    let odd = |w: &mut MessageWriter<'_>| {
        w.attribute(attribute::CHANNEL_NUMBER, &[0x40, 0]).unwrap();
        w.xor_peer_address(peer).unwrap();
    };
    assert_eq!(code(&odd), 400);
    let v6 = |w: &mut MessageWriter<'_>| {
        w.channel_number(0x4000).unwrap().xor_peer_address(addr(PEER6)).unwrap();
    };
    assert_eq!(code(&v6), 443);
}

#[test]
fn numbers_of_rfc_5766_are_an_option() {
    let mut config = config();
    config.rfc5766_channels = true;
    let mut world = World::with(config);
    let mut client = Client::new(udp("203.0.113.1:1"));
    client.relayed(&mut world);
    assert_eq!(client.bind(&mut world, 0x7ffe, addr(PEER)).code(), 200);
    assert_eq!(client.bind(&mut world, 0x7fff, addr(PEER)).code(), 400);
    let now = world.now;
    assert!(world.server.handle_input(now, client.at, &channel(0x7ffe, b"x")).is_ok());
}

//= rfc8656#10.2
//= type=test
#[test]
fn one_bad_peer_spoils_the_whole_request() {
    let (mut world, mut client, _) = start();
    let good = addr(PEER);
    let code = |world: &mut World, client: &mut Client, write: &dyn Fn(&mut MessageWriter<'_>)| {
        client.ask(world, Method::CREATE_PERMISSION, write).code()
    };
    assert_eq!(code(&mut world, &mut client, &|_| {}), 400);
    let malformed = |w: &mut MessageWriter<'_>| {
        w.xor_peer_address(good).unwrap();
        w.attribute(attribute::XOR_PEER_ADDRESS, &[0, 1, 2]).unwrap();
    };
    assert_eq!(code(&mut world, &mut client, &malformed), 400);
    assert_eq!(client.permit(&mut world, &[good, addr(PEER6)]).code(), 443);
    assert_eq!(client.permit(&mut world, &[good, addr("127.0.0.1:1")]).code(), 403);
    assert_eq!(world.sizes().permissions, 0);
    let now = world.now;
    let refused = Err(InputError::NoPermission);
    assert_eq!(world.server.handle_input(now, client.at, &send(good, b"x")), refused);
    assert_eq!(client.permit(&mut world, &[good, addr("198.41.0.5:1")]).code(), 200);
    assert_eq!(world.sizes().permissions, 2);
}

//= rfc8656#10.2
//= type=test
// attack: permissions and channels as memory
#[test]
fn permissions_and_channels_are_bounded_by_508() {
    let mut config = config();
    config.max_permissions = 4;
    config.max_channels = 3;
    let mut world = World::with(config);
    let mut client = Client::new(udp("203.0.113.1:1"));
    client.relayed(&mut world);
    let peer = |n: u16| addr(&format!("198.41.0.{n}:9"));
    for n in 0..3 {
        assert_eq!(client.bind(&mut world, 0x4000 + n, peer(n)).code(), 200);
    }
    assert_eq!(client.bind(&mut world, 0x4003, peer(3)).code(), 508);
    assert_eq!(client.permit(&mut world, &[peer(3), peer(4)]).code(), 508);
    assert_eq!(client.permit(&mut world, &[peer(3), peer(3)]).code(), 200);
    assert_eq!(client.permit(&mut world, &[peer(4)]).code(), 508);
    assert_eq!(client.permit(&mut world, &[peer(0), peer(3)]).code(), 200, "refreshed");
    world.now += Duration::from_secs(300);
    assert_eq!(client.permit(&mut world, &[peer(4), peer(5)]).code(), 200, "the old are gone");
}

// attack: relay to loopback, private, metadata, in every disguise, through every method
#[test]
fn no_method_reaches_a_peer_that_the_policy_denies() {
    let denied = [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.8",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.77",
        "203.0.113.5",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.88.99.1",
        "::",
        "::1",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::77",
        "100::1",
        "3fff::1",
        "5f00::1",
        "2001:10::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0.0.0.0",
        "::127.0.0.1",
        "::10.0.0.1",
        "2002:7f00:1::1",
        "2002:a00:1::",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::127.0.0.1",
        "64:ff9b:1:7f00:0:100::",
        "64:ff9b:1::198.41.0.4",
        "2001:0:c629:4::1",
        "2001::80ff:fffe",
        "2600::5efe:127.0.0.1",
        "2600::200:5efe:192.168.0.1",
        // The server itself: where it listens and where it relays.
        "192.0.2.10",
        "198.51.100.5",
        "2001:db8::5",
        "::ffff:198.51.100.5",
        "2002:c633:6405::",
    ];
    let mut world = World::new();
    let mut client = Client::new(udp("203.0.113.1:1"));
    let answer = client.ask(&mut world, Method::ALLOCATE, |w| {
        w.requested_transport(attribute::Protocol::Udp).unwrap();
        w.additional_address_family().unwrap();
    });
    assert_eq!(answer.code(), 200);
    for ip in denied {
        let peer = std::net::SocketAddr::new(ip.parse().unwrap(), 80);
        assert_eq!(client.permit(&mut world, &[peer]).code(), 403, "CreatePermission {ip}");
        assert_eq!(client.bind(&mut world, 0x4000, peer).code(), 403, "ChannelBind {ip}");
        let now = world.now;
        let sent = world.server.handle_input(now, client.at, &send(peer, b"x"));
        assert_eq!(sent, Err(InputError::Forbidden), "Send {ip}");
    }
    assert_eq!((world.sizes().permissions, world.sizes().channels), (0, 0));
    for ip in ["198.41.0.4", "2600::7", "64:ff9b::198.41.0.4", "::ffff:198.41.0.4", "1.1.1.1"] {
        let peer = std::net::SocketAddr::new(ip.parse().unwrap(), 80);
        assert_eq!(client.permit(&mut world, &[peer]).code(), 200, "{ip}");
    }
}

//= rfc8656#21.1.7
//= type=test
// attack: loops through relayed addresses and listeners
#[test]
fn relay_to_relay_is_a_choice_and_never_reaches_a_listener() {
    let mut config = config();
    config.policy.allow_relay_to_relay(true);
    config.listeners.push(addr("198.51.100.5:50000"));
    let mut world = World::with(config);
    let mut client = Client::new(udp("203.0.113.1:1"));
    client.relayed(&mut world);
    for (peer, code) in [
        ("198.51.100.5:50001", 200),
        ("198.51.100.5:50000", 403),
        ("198.51.100.5:3478", 403),
        ("198.51.100.5:22", 403),
        ("192.0.2.10:50001", 403),
        ("192.0.2.10:3478", 403),
    ] {
        assert_eq!(client.bind(&mut world, 0x4000, addr(peer)).code(), code, "{peer}");
    }
    //= rfc8656#10.2
    //= type=test
    // The permission is for the address, whatever the port; that is looked at with each Send.
    assert_eq!(client.permit(&mut world, &[addr("198.51.100.5:0")]).code(), 200);
    assert_eq!(client.permit(&mut world, &[addr("192.0.2.10:0")]).code(), 403);
    let now = world.now;
    let sent = world.server.handle_input(now, client.at, &send(addr("198.51.100.5:3478"), b"x"));
    assert_eq!(sent, Err(InputError::Forbidden));
    let sent = world.server.handle_input(now, client.at, &send(addr("198.51.100.5:60000"), b"x"));
    assert!(sent.is_ok());
}

//= rfc8656#21.4
//= type=test
#[test]
fn tunnels_are_neither_clients_nor_peers() {
    for client in ["[2002:c629:4::1]:9", "[2001:0:c629:4::1]:9"] {
        let mut world = World::new();
        assert_eq!(Client::new(udp(client)).allocate(&mut world).code(), 403);
    }
    let mut policy = antiphon_turn::server::PeerPolicy::default();
    let range = ("2000::".parse().unwrap(), "3fff::".parse().unwrap());
    assert!(policy.allow(range.0, range.1));
    assert!(!policy.permits("2002:c629:4::1".parse().unwrap()), "allowed or not");
    assert!(!policy.permits("2001:0:c629:4::1".parse().unwrap()));
}
