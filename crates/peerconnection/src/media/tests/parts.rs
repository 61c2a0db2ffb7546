//! History, window and list by themselves.

use std::time::Duration;

use super::super::history::History;
use super::super::nack::NackList;
use super::super::sequence::{Sequence, Window};
use proptest::prelude::*;

#[test]
fn the_history_keeps_the_last_packets_within_its_bytes() {
    let mut history = History::new(1000, 100);
    let now = Duration::ZERO;
    for number in 0..50_u16 {
        let byte = u8::try_from(number).unwrap();
        history.push(number.wrapping_add(65_500), &[byte; 90], now);
        let oldest = number.saturating_sub(9);
        for kept in oldest..=number {
            let byte = u8::try_from(kept).unwrap();
            let packet = history.packet(kept.wrapping_add(65_500), now);
            assert_eq!(packet, Some(&[byte; 90][..]), "{kept} of {number}");
        }
    }
    assert_eq!(history.packet(65_500, now), None);
    assert_eq!(history.packet(20_000, now), None);
    let late = Duration::from_secs(3);
    assert_eq!(history.packet(65_500_u16.wrapping_add(49), late), None);
    assert!(!history.take_turn(65_500_u16.wrapping_add(49), late, Duration::ZERO));
}

#[test]
fn the_history_keeps_so_many_packets() {
    let mut history = History::new(1000, 4);
    for number in 0..10 {
        history.push(number, b"packet", Duration::ZERO);
    }
    assert_eq!(history.packet(5, Duration::ZERO), None);
    assert_eq!(history.packet(6, Duration::ZERO), Some(&b"packet"[..]));
    history.push(10, &[0; 1001], Duration::ZERO);
    assert_eq!(history.packet(10, Duration::ZERO), None);
}

#[test]
fn a_restarted_sequence_goes_on_behind_the_old_one() {
    let mut sequence = Sequence::default();
    let before = sequence.unwrap(60_000);
    let after = sequence.restart(10);
    assert!(after > before);
    assert_eq!(after & 0xffff, 10);
    assert_eq!(sequence.unwrap(9), after - 1);
}

#[test]
fn requests_end_after_ten_tries_or_a_second() {
    let interval = Duration::from_millis(20);
    let mut list = NackList::default();
    list.gap(10, 1, &Window::new(), Duration::ZERO);
    let mut tries = 0;
    for step in 0..100 {
        let now = Duration::from_millis(step * 10);
        list.expire(now, interval);
        let due = list.due(now, interval).count();
        list.asked(now, interval, due);
        tries += due;
    }
    assert_eq!((tries, list.next_due(interval)), (10, None));

    let slow = Duration::from_millis(500);
    list.gap(20, 1, &Window::new(), Duration::ZERO);
    list.asked(Duration::ZERO, slow, 1);
    assert!(!list.expire(Duration::from_millis(999), slow));
    assert!(list.expire(Duration::from_secs(1), slow));
}

proptest! {
    #[test]
    fn the_window_tells_each_place_apart_once(steps in prop::collection::vec(-300_i64..400, 1..300)) {
        let mut window = Window::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut place = 100_000_i64;
        for step in steps {
            place = (place + step).max(0);
            let place = place.cast_unsigned();
            let greatest = seen.last().copied().unwrap_or(place);
            let fresh = place + 2048 > greatest && seen.insert(place);
            prop_assert_eq!(window.contains(place), !fresh && place + 2048 > greatest);
            prop_assert_eq!(window.insert(place), fresh);
        }
    }
}
