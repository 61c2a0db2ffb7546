//! The scripts themselves: that they hold a machine to what they say, and tell what is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a failed expectation is a failed test"
)]

use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use antiphon_testkit::script::{Dialect, Item, Packet, Value, play};

/// Answers each `ask n` by `answer n+1`, and after a pause by `again`; counts as it does so.
#[derive(Default)]
struct Echo {
    pause: Duration,
    packets: VecDeque<Packet>,
    events: VecDeque<Item>,
    again: Option<Instant>,
    asked: u64,
}

impl Dialect for Echo {
    fn configure(&mut self, option: &Item) -> Result<(), String> {
        match option.get("pause") {
            Some(Value::Time(pause)) => self.pause = *pause,
            _ => return Err("only pause can be set".to_owned()),
        }
        Ok(())
    }

    fn call(&mut self, _: Instant, call: &Item) -> Result<Item, String> {
        match call.name.as_str() {
            "count" => Ok(Item::new("asked").with("times", self.asked)),
            other => Err(format!("there is no call {other}")),
        }
    }

    fn give(&mut self, now: Instant, packet: &Packet) -> Result<Item, String> {
        for item in &packet.items {
            if item.name != "ask" {
                return Ok(Item::new("dropped"));
            }
            self.asked += 1;
            let answer = Item::new("answer").with("value", item.number("value", 0)? + 1);
            self.packets.push_back(Packet { header: Vec::new(), items: vec![answer] });
            self.events.push_back(Item::new("asked"));
            self.again = Some(now + self.pause);
        }
        Ok(Item::new("ok"))
    }

    fn take(&mut self, _: Instant) -> Result<Option<Packet>, String> {
        Ok(self.packets.pop_front())
    }

    fn poll_event(&mut self) -> Option<Item> {
        self.events.pop_front()
    }

    fn state(&self, name: &str) -> Option<Value> {
        (name == "asked").then(|| self.asked.into())
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.again.take_if(|at| *at <= now).is_some() {
            let items = vec![Item::new("again").holding(vec![Item::new("more").with("x", "BE")])];
            self.packets.push_back(Packet { header: Vec::new(), items });
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.again
    }
}

/// What is wrong with a script; its last line tells.
fn failure(text: &str) -> Option<String> {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("script-{}-{count}", std::process::id()));
    std::fs::write(&file, text).unwrap();
    let parts = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let result = play(&mut Echo::default(), &file, parts);
    std::fs::remove_file(file).unwrap();
    result.err().map(|failure| failure.to_string())
}

const GOOD: &str = "
# All verbs.
config pause=50ms
let seven=7
give ask $seven
take answer ?eight
event asked
state asked=1
call count => asked times=1
+49.999ms nothing
@50ms take again { more x=BE }
default seven=9
give ask $eight-1 | ask 0xffffffff
take answer 8
take answer 4294967296
event asked
event asked
give nonsense => dropped
@100ms take again
";

#[test]
fn a_script_that_holds_passes() {
    assert_eq!(failure(GOOD), None);
}

#[test]
fn every_line_that_does_not_hold_fails_with_its_place() {
    for (from, to, said) in [
        ("take answer ?eight", "take answer 9", "value of answer: 9 is wanted, 8 came"),
        ("take answer ?eight", "take reply", "reply is wanted, answer came"),
        ("take answer ?eight", "take answer | answer", "answer is missing"),
        ("take answer ?eight", "nothing", "actual: () answer 8"),
        ("take answer ?eight", "take answer y=1", "answer has no y"),
        ("event asked\nstate", "state", "there is the event"),
        ("state asked=1", "state asked=2", "2 is wanted, 1 came"),
        ("state asked=1", "state deaf=2", "there is no state deaf"),
        ("times=1", "times=3", "times of asked: 3 is wanted"),
        ("+49.999ms", "+51ms", "it is too early for that"),
        ("@50ms take", "take", "nothing to send"),
        ("@50ms take", "@1ms take", "it is 49.999ms already"),
        ("{ more x=BE }", "{ more x=B }", "x of more: B is wanted, BE came"),
        ("{ more x=BE }", "{ }", "more is too much"),
        ("take answer 8", "take answer $nine", "there is no $nine yet"),
        ("=> dropped", "", "ok is wanted, dropped came"),
        ("@100ms take again\n", "@100ms hold\n", "the script ends"),
        ("config pause", "config pulse", "only pause can be set"),
        ("call count => asked times=1", "call home", "there is no call home"),
        ("let seven", "include nowhere\nlet seven", "No such file"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let text = failure(&GOOD.replacen(from, to, 1)).unwrap_or_else(|| panic!("{to} holds"));
        assert!(text.contains(said), "{to}: {text}");
    }
    let text = failure("\n\ngive ask 1\ntake answer 3").unwrap();
    assert!(text.contains(":4 at 0ns") && text.contains("line:   take answer 3"), "{text}");
}
