//! The link between real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a failed expectation is a failed test"
)]

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use antiphon_testkit::Forwarder;
use antiphon_testkit::netem::Link;

struct Rig {
    near: UdpSocket,
    far: UdpSocket,
    forwarder: Forwarder,
}

fn rig(up: Link, down: Link) -> Rig {
    let bind = || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    };
    let (near, far) = (bind(), bind());
    let forwarder = Forwarder::new(up, down, 7).unwrap();
    forwarder.attach_near(near.local_addr().unwrap());
    forwarder.attach_far(far.local_addr().unwrap());
    Rig { near, far, forwarder }
}

#[test]
fn each_end_sees_the_other_behind_the_forwarder_and_later() {
    let delay = Duration::from_millis(30);
    let Rig { near, far, forwarder } =
        rig(Link { delay, ..Link::default() }, Link { delay, ..Link::default() });
    let begin = Instant::now();
    near.send_to(b"ping", forwarder.near()).unwrap();
    let mut buffer = [0; 100];
    let (len, from) = far.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..len], from), (&b"ping"[..], forwarder.far()));
    far.send_to(b"pong", forwarder.far()).unwrap();
    let (len, from) = near.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..len], from), (&b"pong"[..], forwarder.near()));
    assert!(begin.elapsed() >= 2 * delay);
    assert_eq!((forwarder.carried(), forwarder.lost()), (2, 0));
}

#[test]
fn what_the_link_loses_and_what_strangers_send_does_not_arrive() {
    let Rig { near, far, forwarder } = rig(Link { loss: 1.0, ..Link::default() }, Link::default());
    near.send_to(b"lost", forwarder.near()).unwrap();
    near.send_to(b"not from the far end", forwarder.far()).unwrap();
    far.send_to(b"arrives", forwarder.far()).unwrap();
    let mut buffer = [0; 100];
    let (len, _) = near.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"arrives");
    assert_eq!((forwarder.carried(), forwarder.lost()), (1, 2));
}

#[test]
fn datagrams_keep_their_sizes_and_their_order() {
    let Rig { near, far, forwarder } =
        rig(Link { delay: Duration::from_millis(5), ..Link::default() }, Link::default());
    let sizes = [1200, 1200, 1200, 40, 1200, 1300, 1200];
    for (number, size) in sizes.iter().enumerate() {
        let mut datagram = vec![0; *size];
        datagram[0] = u8::try_from(number).unwrap();
        near.send_to(&datagram, forwarder.near()).unwrap();
    }
    let mut buffer = [0; 2000];
    for (number, size) in sizes.iter().enumerate() {
        let (len, _) = far.recv_from(&mut buffer).unwrap();
        assert_eq!((len, usize::from(buffer[0])), (*size, number));
    }
}
