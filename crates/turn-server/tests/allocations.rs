//! Relayed packets cost the server no memory: nothing on its threads allocates while they pass.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]
#![expect(unsafe_code, reason = "a global allocator is an unsafe trait")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};

use antiphon_turn_server::Transport;
use common::{Client, SILENCE, Wire, serve_with};

/// Counts what threads allocate that do not belong to the test itself.
struct OthersCounted;

static COUNT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IS_TEST: Cell<bool> = const { Cell::new(false) };
}

fn count() {
    if !IS_TEST.try_with(Cell::get).unwrap_or(true) {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call is passed on to the system's allocator unchanged; the counter allocates
// nothing.
unsafe impl GlobalAlloc for OthersCounted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` came from `System` with this `layout`.
        unsafe { System.dealloc(ptr, layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: as in `dealloc`; the caller promises that `new_size` is valid.
        unsafe { System.realloc(ptr, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: OthersCounted = OthersCounted;

const ROUNDS: usize = 200;

/// Single packets and bursts, over a channel and as indications, both ways; whether all arrived.
fn traffic(client: &mut Client, peer: &UdpSocket, relayed: SocketAddr, burst: usize) -> bool {
    let mut buf = [0; 2048];
    let receive = |socket: &UdpSocket, buf: &mut [u8]| {
        (0..burst).all(|_| socket.recv(buf).is_ok_and(|len| len >= 500))
    };
    for _ in 0..burst {
        client.send(0x4000, &[7; 500]);
    }
    let mut all = receive(peer, &mut buf);
    for _ in 0..burst {
        client.send_to(peer.local_addr().unwrap(), &[7; 500]);
    }
    all &= receive(peer, &mut buf);
    for _ in 0..burst {
        peer.send_to(&[7; 500], relayed).unwrap();
    }
    let Wire::Udp(socket) = &client.wire else { panic!("not UDP") };
    all & receive(socket, &mut buf)
}

#[test]
fn relayed_packets_allocate_nothing_on_the_servers_threads() {
    IS_TEST.set(true);
    let server = serve_with("udp tcp", "shards = 2", "[log]\nlevel = \"error\"\n");
    let peer = common::peer();
    let mut client = Client::udp(&server);
    let relayed = client.prove(&peer);
    let bare = common::peer();
    assert_eq!(client.permit(bare.local_addr().unwrap()), 0);
    // All threads have begun: the shards report, and the one that accepts has done so.
    assert_eq!(server.report().allocations(), 1);
    let mut other = Client::new(Wire::tcp(common::address(&server, Transport::Tcp)));
    assert_eq!(other.try_allocate().code(), 0);
    // Buffers that grow once have grown then.
    for burst in [1, 16, 1] {
        assert!(traffic(&mut client, &peer, relayed, burst));
    }
    let before = COUNT.load(Ordering::SeqCst);
    assert!(before > 0, "the server's start is counted");
    let mut arrived = 0_usize;
    for round in 0..ROUNDS {
        arrived += usize::from(traffic(&mut client, &peer, relayed, 1 + 15 * (round % 2)));
        // Without a channel, data comes back as an indication.
        bare.send_to(&[9; 500], relayed).unwrap();
        let Wire::Udp(socket) = &client.wire else { panic!("not UDP") };
        arrived += usize::from(socket.recv(&mut [0; 2048]).is_ok_and(|len| len == 536));
    }
    let during = COUNT.load(Ordering::SeqCst) - before;
    assert_eq!((during, arrived), (0, 2 * ROUNDS));
    assert_eq!(client.arrived_within(SILENCE), None);
    drop(other);
    // That the count counts: a request does allocate.
    assert_eq!(client.refresh(600).code(), 0);
    assert!(COUNT.load(Ordering::SeqCst) > before);
}
