//! Two SCTP associations with a hostile middle: calls in any order, packets lost, kept, repeated,
//! changed (with the checksum put right) and invented.

use std::collections::VecDeque;
use std::time::Duration;

use antiphon_sctp::{Association, Config, Outgoing, Reliability, Scheduler};
use bytes::Bytes;

/// Runs the target over `data`: each byte is a step, some with arguments.
pub fn run(data: &[u8]) {
    let mut now = antiphon_testkit::start();
    let mut config = Config::default();
    config.initial_tsn = Some(u32::MAX - 2);
    config.receive_buffer = 20_000;
    config.max_receive_message_size = 20_000;
    // Both kinds of data, and path probes, by the length of the input.
    config.interleaving = data.len() % 2 == 0;
    config.packet_ceiling = if data.len() % 3 == 0 { 1400 } else { 0 };
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
            6 => {
                // A change somewhere behind the header, or a chunk more.
                if let Some(packet) = incoming.front_mut() {
                    let at = 12 + usize::from(argument);
                    match packet.get_mut(at) {
                        Some(byte) => *byte ^= steps.next().unwrap_or(1),
                        None => {
                            packet.truncate(1000);
                            packet.extend(steps.by_ref().take(24));
                        }
                    }
                    seal(packet);
                }
            }
            7 => now += Duration::from_millis(u64::from(argument) * u64::from(argument)),
            8 => {
                let _ = end.send(
                    now,
                    Outgoing {
                        stream: u16::from(argument % 4),
                        ppid: 53,
                        payload: Bytes::from(vec![argument; usize::from(argument) * 40 + 1]),
                        ordered: argument & 4 == 0,
                        reliability: match argument >> 5 {
                            0 => Reliability::Retransmits(0),
                            1 => Reliability::Lifetime(Duration::from_millis(30)),
                            _ => Reliability::Reliable,
                        },
                    },
                );
            }
            9 => while end.recv().is_some() {},
            10 if argument < 64 => {
                let _ = end.reset_streams(now, &[u16::from(argument % 4)]);
            }
            10 if argument < 96 => {
                let _ = end.ask_for_reset(now, &[u16::from(argument % 4)]);
            }
            10 if argument < 112 => {
                let _ = end.add_streams(now, u16::from(argument & 1), u16::from(argument & 2));
            }
            10 if argument < 144 => end.set_scheduler(match argument % 6 {
                0 => Scheduler::FirstCome,
                1 => Scheduler::RoundRobinPacket,
                2 => Scheduler::Priority,
                3 => Scheduler::FairBytes,
                4 => Scheduler::Weighted,
                _ => Scheduler::RoundRobin,
            }),
            10 if argument < 176 => {
                end.set_priority(u16::from(argument % 4), u16::from(argument));
                end.set_weight(u16::from(argument % 4), u16::from(argument));
            }
            10 if argument < 192 => end.set_packet_ceiling(now, 1191 + usize::from(argument)),
            10 => {
                // An association that may change hands does.
                if let Ok(bytes) = end.export() {
                    let taken = Association::import(config, [argument; 32], now, &bytes);
                    *end = taken.expect("what was exported can be imported");
                }
            }
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
