//! Two SCTP associations with a hostile middle: calls in any order, packets lost, kept, repeated,
//! changed (with the checksum put right) and invented.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use antiphon_sctp::{Association, Config, Outgoing, Reliability, Scheduler};
use bytes::Bytes;

/// Runs the target over `data`: each byte is a step, some with arguments.
pub fn run(data: &[u8]) {
    let mut now = antiphon_testkit::start();
    let config = config(data);
    let mut ends = [1, 2].map(|seed| Association::new(config, [seed; 32], now));
    for end in &mut ends {
        end.connect(now);
    }
    let mut wire: [VecDeque<Vec<u8>>; 2] = [VecDeque::new(), VecDeque::new()];
    let mut steps = data.iter().copied();
    let mut buf = [0; 1500];
    while let Some(step) = steps.next() {
        let side = usize::from(step & 1);
        let (Some(end), Some(incoming)) = (ends.get_mut(side), wire.get_mut(1 - side)) else {
            return;
        };
        let argument = steps.next().unwrap_or(0);
        match (step >> 1) % 12 {
            kind @ 0..=6 => interfere(kind, argument, &mut steps, incoming, end, now),
            7 => now += Duration::from_millis(u64::from(argument) * u64::from(argument)),
            8 => send(end, argument, now),
            9 => while end.recv().is_some() {},
            10 => command(end, argument, config, now),
            _ if argument == 255 => end.shutdown(now),
            _ => while end.poll_event().is_some() {},
        }
        for (end, outgoing) in ends.iter_mut().zip(&mut wire) {
            while let Ok(Some(sent)) = end.poll_output(now, &mut buf) {
                if outgoing.len() < 64 {
                    outgoing.extend(buf.get(..sent.len).map(<[u8]>::to_vec));
                }
            }
            assert!(end.poll_timeout().is_none_or(|at| at > now), "drained, yet due");
        }
    }
}

fn config(data: &[u8]) -> Config {
    let mut config = Config::default();
    config.initial_tsn = Some(u32::MAX - 2);
    config.receive_buffer = 20_000;
    config.max_receive_message_size = 20_000;
    // Both kinds of data, and path probes, by the length of the input.
    config.interleaving = data.len().is_multiple_of(2);
    config.packet_ceiling = if data.len().is_multiple_of(3) { 1400 } else { 0 };
    config
}

/// What the middle does to the next packet.
fn interfere(
    kind: u8,
    argument: u8,
    steps: &mut impl Iterator<Item = u8>,
    incoming: &mut VecDeque<Vec<u8>>,
    end: &mut Association,
    now: Instant,
) {
    match kind {
        0..=2 => {
            if let Some(packet) = incoming.pop_front() {
                let _ = end.handle_input(now, &packet);
            }
        }
        3 => drop(incoming.pop_front()),
        4 => incoming.rotate_left(incoming.len().min(1)),
        5 => {
            if let Some(packet) = incoming.front() {
                let _ = end.handle_input(now, packet);
            }
        }
        _ => {
            // A change somewhere behind the header, or a chunk more.
            let Some(packet) = incoming.front_mut() else { return };
            match packet.get_mut(12 + usize::from(argument)) {
                Some(byte) => *byte ^= steps.next().unwrap_or(1),
                None => {
                    packet.truncate(1000);
                    packet.extend(steps.take(24));
                }
            }
            seal(packet);
        }
    }
}

fn send(end: &mut Association, argument: u8, now: Instant) {
    let message = Outgoing {
        stream: u16::from(argument % 4),
        ppid: 53,
        payload: Bytes::from(vec![argument; usize::from(argument) * 40 + 1]),
        ordered: argument & 4 == 0,
        reliability: match argument >> 5 {
            0 => Reliability::Retransmits(0),
            1 => Reliability::Lifetime(Duration::from_millis(30)),
            _ => Reliability::Reliable,
        },
    };
    let _ = end.send(now, message);
}

fn command(end: &mut Association, argument: u8, config: Config, now: Instant) {
    let stream = u16::from(argument % 4);
    match argument {
        0..64 => _ = end.reset_streams(now, &[stream]),
        64..96 => _ = end.ask_for_reset(now, &[stream]),
        96..112 => {
            _ = end.add_streams(now, u16::from(argument & 1), u16::from(argument & 2));
        }
        112..144 => end.set_scheduler(match argument % 6 {
            0 => Scheduler::FirstCome,
            1 => Scheduler::RoundRobinPacket,
            2 => Scheduler::Priority,
            3 => Scheduler::FairBytes,
            4 => Scheduler::Weighted,
            _ => Scheduler::RoundRobin,
        }),
        144..176 => {
            end.set_priority(stream, u16::from(argument));
            end.set_weight(stream, u16::from(argument));
        }
        176..192 => end.set_packet_ceiling(now, 1191 + usize::from(argument)),
        192.. => {
            // An association that may change hands does.
            if let Ok(bytes) = end.export() {
                let taken = Association::import(config, [argument; 32], now, &bytes);
                *end = taken.expect("what was exported can be imported");
            }
        }
    }
}

/// Puts the CRC32c right, so that the change gets past it.
fn seal(packet: &mut [u8]) {
    let mut crc = u32::MAX;
    if let Some(field) = packet.get_mut(8..12) {
        field.fill(0);
    }
    for byte in packet.iter() {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    if let Some(field) = packet.get_mut(8..12) {
        field.copy_from_slice(&(!crc).to_le_bytes());
    }
}
