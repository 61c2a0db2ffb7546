//! The steady state allocates nothing.

use std::time::Duration;

use antiphon_testkit::alloc;

use super::*;

/// Sends a frame of four packets, loses the third, and hands everything over at once.
fn round(a: &mut Media, b: &mut Media, n: u32, buf: &mut [u8; MAX_OUTPUT]) -> usize {
    let now = start() + Duration::from_millis(u64::from(n) * 20);
    let payload = [7; 1000];
    let mut received = 0;
    for part in 0..4 {
        let packet = outgoing(VP8, n * 1800, &payload);
        let len = a.send(now, VIDEO, &packet, buf).unwrap();
        if part != 2 {
            received += usize::from(b.handle_rtp(now, &mut buf[..len]).is_ok());
        }
    }
    for _ in 0..2 {
        while let Some(output) = b.poll_output(now, buf).unwrap() {
            assert_eq!(output.kind, OutputKind::Rtcp);
            a.handle_rtcp(now, &buf[..output.len]).unwrap();
        }
        while let Some(output) = a.poll_output(now, buf).unwrap() {
            match output.kind {
                OutputKind::Rtp => {
                    received += usize::from(b.handle_rtp(now, &mut buf[..output.len]).is_ok());
                }
                OutputKind::Rtcp => b.handle_rtcp(now, &buf[..output.len]).unwrap(),
            }
        }
    }
    while a.poll_event().is_some() || b.poll_event().is_some() {}
    received
}

#[test]
fn ten_thousand_packets_with_losses_and_reports_without_an_allocation() {
    let (mut a, mut b) = (media(100), media(200));
    let mut buf = [0; MAX_OUTPUT];
    for n in 0..500 {
        round(&mut a, &mut b, n, &mut buf);
    }
    let (received, usage) =
        alloc::measure(|| (500..3000).map(|n| round(&mut a, &mut b, n, &mut buf)).sum::<usize>());
    assert_eq!((received, usage.allocations), (10_000, 0));
}
