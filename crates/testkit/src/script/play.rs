use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::item::{Item, Packet, Value, Variables};
use super::matching::{Matching, resolve, resolve_item, resolve_packet};
use super::parse::{self, Step, When};

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Towards {
    /// It is given.
    Machine,
    /// It is taken.
    Peer,
}

/// What the items of a script mean to one kind of machine. An `Err` says that the script is wrong.
pub trait Dialect {
    /// Sets an option, before anything else.
    ///
    /// # Errors
    ///
    /// There is no such option.
    fn configure(&mut self, option: &Item) -> Result<(), String>;

    /// Calls the machine; what came of it.
    ///
    /// # Errors
    ///
    /// There is no such call.
    fn call(&mut self, now: Instant, call: &Item) -> Result<Item, String>;

    /// Puts in what goes without saying in a packet of the script.
    fn complete(&self, _packet: &mut Packet, _towards: Towards, _variables: &Variables) {}

    /// Gives the machine a packet; what it said.
    ///
    /// # Errors
    ///
    /// There is no such packet.
    fn give(&mut self, now: Instant, packet: &Packet) -> Result<Item, String>;

    /// The next packet of the machine.
    ///
    /// # Errors
    ///
    /// It cannot be read, which fails the script.
    fn take(&mut self, now: Instant) -> Result<Option<Packet>, String>;

    /// The next event.
    fn poll_event(&mut self) -> Option<Item>;

    /// What the machine says of itself.
    fn state(&self, name: &str) -> Option<Value>;

    /// Lets time pass.
    fn handle_timeout(&mut self, now: Instant);

    /// When the next timer fires.
    fn poll_timeout(&self) -> Option<Instant>;

    /// The script is over: says what is left that nobody expected.
    ///
    /// # Errors
    ///
    /// Something is.
    fn finish(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// Why and where a script failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// File and line.
    pub place: String,
    /// Since the start.
    pub time: Duration,
    /// What the line says.
    pub line: String,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, time, line, text } = self;
        write!(f, "{place} at {time:?}\n  line:   {line}\n  {text}")
    }
}

impl std::error::Error for Failure {}

/// Plays the script in `file`; its parts are in `parts`.
///
/// # Errors
///
/// The first line that does not hold.
pub fn play(dialect: &mut dyn Dialect, file: &Path, parts: &Path) -> Result<(), Failure> {
    let mut player = Player {
        dialect,
        parts: parts.to_owned(),
        begin: crate::start(),
        elapsed: Duration::ZERO,
        variables: Variables::new(),
        packets: VecDeque::new(),
        events: VecDeque::new(),
        held: false,
    };
    player.file(file, 0)?;
    let end = player.settle("the script ends").and_then(|()| player.dialect.finish());
    end.map_err(|text| Failure {
        place: file.display().to_string(),
        time: player.elapsed,
        line: "(the end)".to_owned(),
        text,
    })
}

struct Player<'a> {
    dialect: &'a mut dyn Dialect,
    parts: PathBuf,
    begin: Instant,
    elapsed: Duration,
    variables: Variables,
    packets: VecDeque<Packet>,
    events: VecDeque<Item>,
    /// The machine is not asked for packets.
    held: bool,
}

/// Parts that include parts.
const MAX_DEPTH: u32 = 8;
/// Timers that fire without the clock moving on.
const MAX_TIMERS: u32 = 10_000;

impl Player<'_> {
    fn now(&self) -> Instant {
        self.begin.checked_add(self.elapsed).unwrap_or(self.begin)
    }

    fn file(&mut self, file: &Path, depth: u32) -> Result<(), Failure> {
        let failure = |place: String, time, line: &str, text| Failure {
            place,
            time,
            line: line.trim().to_owned(),
            text,
        };
        let text = std::fs::read_to_string(file)
            .map_err(|error| error.to_string())
            .and_then(|text| if depth < MAX_DEPTH { Ok(text) } else { Err("too deep".to_owned()) });
        let text = text.map_err(|text| {
            failure(file.display().to_string(), self.elapsed, "(the file)", text)
        })?;
        for (index, line) in text.lines().enumerate() {
            let place = || format!("{}:{}", file.display(), index.saturating_add(1));
            let step = parse::line(line);
            let step = step.map_err(|text| failure(place(), self.elapsed, line, text))?;
            let Some((when, step)) = step else { continue };
            if let Step::Include(name) = &step {
                let part = self.parts.join(format!("{name}.part"));
                self.file(&part, depth.saturating_add(1))?;
                continue;
            }
            let result = self.reach(when).and_then(|()| self.step(step));
            result.map_err(|text| failure(place(), self.elapsed, line, text))?;
        }
        Ok(())
    }

    /// Lets the clock run; whatever happens before its end is a surprise.
    fn reach(&mut self, when: When) -> Result<(), String> {
        let target = match when {
            When::Same => return Ok(()),
            When::After(time) => self.elapsed.saturating_add(time),
            When::At(time) => time,
        };
        if target < self.elapsed {
            return Err(format!("it is {:?} already", self.elapsed));
        }
        self.settle("time goes on")?;
        let mut timers = 0_u32;
        while let Some(at) = self.dialect.poll_timeout() {
            let at = at.saturating_duration_since(self.begin).max(self.elapsed);
            if at >= target {
                break;
            }
            timers = if at > self.elapsed { 0 } else { timers.saturating_add(1) };
            if timers > MAX_TIMERS {
                return Err(format!("timers fire without end at {at:?}"));
            }
            self.elapsed = at;
            self.dialect.handle_timeout(self.now());
            self.settle("it is too early for that")?;
        }
        self.elapsed = target;
        self.dialect.handle_timeout(self.now());
        self.collect()
    }

    /// Nothing may be left of packets and events.
    fn settle(&mut self, why: &str) -> Result<(), String> {
        self.held = false;
        self.collect()?;
        if let Some(packet) = self.packets.front() {
            return Err(format!("{why}, but the machine has sent\n  actual: {packet}"));
        }
        match self.events.front() {
            Some(event) => Err(format!("{why}, but there is the event\n  actual: {event}")),
            None => Ok(()),
        }
    }

    fn collect(&mut self) -> Result<(), String> {
        while !self.held {
            let Some(packet) = self.dialect.take(self.now())? else { break };
            self.packets.push_back(packet);
        }
        while let Some(event) = self.dialect.poll_event() {
            self.events.push_back(event);
        }
        Ok(())
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        let now = self.now();
        match step {
            // Read by its caller.
            Step::Include(_) => Ok(()),
            Step::Config(item) => self.dialect.configure(&resolve_item(&item, &self.variables)?),
            Step::Let { name, value, only_if_unset } => {
                if !(only_if_unset && self.variables.contains_key(&name)) {
                    let value = resolve(&value, &self.variables)?;
                    self.variables.insert(name, value);
                }
                Ok(())
            }
            Step::Call { item, outcome } => {
                self.nothing_left()?;
                let item = resolve_item(&item, &self.variables)?;
                let actual = self.dialect.call(now, &item)?;
                self.compare(&outcome, &actual)?;
                self.collect()
            }
            Step::Give { packet, outcome } => {
                self.nothing_left()?;
                let mut packet = resolve_packet(&packet, &self.variables)?;
                self.dialect.complete(&mut packet, Towards::Machine, &self.variables);
                let actual = self.dialect.give(now, &packet)?;
                self.compare(&outcome, &actual)?;
                self.collect()
            }
            Step::Take(packet) => self.take(packet),
            Step::Event(wanted) => {
                let Some(actual) = self.events.pop_front() else {
                    return Err("there is no event".to_owned());
                };
                self.compare(&wanted, &actual)
            }
            Step::State(args) => {
                for arg in args {
                    let Some(actual) = self.dialect.state(&arg.name) else {
                        return Err(format!("there is no state {}", arg.name));
                    };
                    let mut matching = Matching { variables: &mut self.variables };
                    let result = matching.value(&arg.value, &actual);
                    result.map_err(|text| format!("{}: {text}", arg.name))?;
                }
                Ok(())
            }
            Step::Nothing => self.settle("nothing is expected"),
            Step::Hold => {
                self.held = true;
                Ok(())
            }
        }
    }

    /// Packets are expected before something new is done.
    fn nothing_left(&self) -> Result<(), String> {
        match self.packets.front() {
            Some(packet) => Err(format!("the machine had sent before\n  actual: {packet}")),
            None => Ok(()),
        }
    }

    fn take(&mut self, mut wanted: Packet) -> Result<(), String> {
        self.held = false;
        self.collect()?;
        self.dialect.complete(&mut wanted, Towards::Peer, &self.variables);
        let Some(actual) = self.packets.pop_front() else {
            let at = self.dialect.poll_timeout();
            let at = at.map(|at| at.saturating_duration_since(self.begin));
            return Err(format!("the machine has nothing to send (its next timer: {at:?})"));
        };
        let mut matching = Matching { variables: &mut self.variables };
        matching
            .packet(&wanted, &actual)
            .map_err(|text| format!("wanted: {wanted}\n  actual: {actual}\n  {text}"))
    }

    fn compare(&mut self, wanted: &Item, actual: &Item) -> Result<(), String> {
        let mut matching = Matching { variables: &mut self.variables };
        matching
            .item(wanted, actual)
            .map_err(|text| format!("wanted: {wanted}\n  actual: {actual}\n  {text}"))
    }
}
