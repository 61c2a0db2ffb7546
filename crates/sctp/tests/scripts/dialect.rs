//! What the items of a script mean to an association.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use antiphon_sctp::{
    Association, CloseReason, Config, CongestionControl, Event, Outgoing, Reliability,
};
use antiphon_testkit::script::{Arg, Dialect, Item, Packet, Towards, Value, Variables};
use bytes::Bytes;

use super::codec::{checksum, read_chunks, write_chunk};

/// An association and its peer, which the script is.
pub struct Sctp {
    config: Config,
    sctp: Option<Association>,
    /// Readable and BufferedLow are shown, too.
    all_events: bool,
    seed: u8,
    /// Packets given.
    pub given: Vec<Vec<u8>>,
    events: VecDeque<Event>,
}

impl Sctp {
    pub fn new() -> Self {
        let mut config = Config::default();
        // Numbers that can be reckoned by hand; extensions where a script asks for them.
        config.congestion = CongestionControl::NewReno;
        config.interleaving = false;
        config.heartbeat_interval = Duration::ZERO;
        config.initial_tsn = Some(1000);
        Self {
            config,
            sctp: None,
            all_events: false,
            seed: 1,
            given: Vec::new(),
            events: VecDeque::new(),
        }
    }

    fn machine(&mut self, now: Instant) -> &mut Association {
        let (config, seed) = (self.config, self.seed);
        self.sctp.get_or_insert_with(|| Association::new(config, [seed; 32], now))
    }

    fn option(&mut self, name: &str, value: &Value) -> Result<(), String> {
        let config = &mut self.config;
        let number = || value.number().ok_or_else(|| format!("{value} is no number"));
        let time = || match value {
            Value::Time(time) => Ok(*time),
            other => Err(format!("{other} is no time")),
        };
        let word = value.to_string();
        match name {
            "local_port" => config.local_port = number()? as u16,
            "remote_port" => config.remote_port = number()? as u16,
            "max_packet" => config.max_packet = number()? as usize,
            "streams" => config.streams = number()? as u16,
            "send_buffer" => config.send_buffer = number()? as usize,
            "receive_buffer" => config.receive_buffer = number()? as usize,
            "max_send_message" => config.max_send_message_size = number()? as usize,
            "max_receive_message" => config.max_receive_message_size = number()? as usize,
            "rto_initial" => config.rto_initial = time()?,
            "rto_min" => config.rto_min = time()?,
            "rto_max" => config.rto_max = time()?,
            "sack_delay" => config.sack_delay = time()?,
            "heartbeat_interval" => config.heartbeat_interval = time()?,
            "max_retransmits" => config.max_retransmits = number()? as u32,
            "max_init_retransmits" => config.max_init_retransmits = number()? as u32,
            "cookie_life" => config.cookie_life = time()?,
            "max_burst" => config.max_burst = number()? as u16,
            "initial_window" => config.initial_window = number()? as u16,
            "interleaving" => config.interleaving = word == "true",
            "zero_checksum" => config.zero_checksum = word == "true",
            "initial_tsn" => config.initial_tsn = Some(number()? as u32),
            "seed" => self.seed = number()? as u8,
            "all_events" => self.all_events = word == "true",
            other => return Err(format!("there is no option {other}")),
        }
        Ok(())
    }
}

/// `ok`, or the name of the error.
fn outcome<T, E: Debug>(result: Result<T, E>) -> Item {
    match result {
        Ok(_) => Item::new("ok"),
        Err(error) => named(&error),
    }
}

/// The name of a variant.
fn named(variant: &impl Debug) -> Item {
    let text = format!("{variant:?}");
    let end = text.find(|c: char| !c.is_alphanumeric()).unwrap_or(text.len());
    Item::new(&text[..end])
}

fn streams(streams: &[u16]) -> Vec<Value> {
    streams.iter().map(|stream| Value::from(*stream)).collect()
}

fn stream_list(call: &Item) -> Vec<u16> {
    call.list("streams").iter().filter_map(Value::number).map(|id| id as u16).collect()
}

fn message(call: &Item) -> Result<Outgoing, String> {
    let reliability = match (call.get("rtx"), call.get("life")) {
        (Some(most), _) => Reliability::Retransmits(most.number().ok_or("rtx")? as u16),
        (None, Some(Value::Time(life))) => Reliability::Lifetime(*life),
        (None, Some(_)) => return Err("life is a time".to_owned()),
        (None, None) => Reliability::Reliable,
    };
    Ok(Outgoing {
        stream: call.number("stream", 0)? as u16,
        ppid: call.number("ppid", 53)? as u32,
        payload: Bytes::from(call.bytes("value")?),
        ordered: call.word("ordered") != "false",
        reliability,
    })
}

fn event(event: &Event) -> Item {
    let item = named(event);
    match event {
        Event::StreamReset { streams: ids } => item.with("streams", streams(ids)),
        Event::StreamResetDone { streams: ids, result } => {
            item.with("streams", streams(ids)).with("result", named(result).name)
        }
        Event::StreamsAdded { outgoing, incoming } => {
            item.with("out", *outgoing).with("in", *incoming)
        }
        Event::StreamsRefused(result) => item.with("result", named(result).name),
        Event::BufferedLow(stream) => item.with("stream", *stream),
        Event::Closed(reason) => {
            let item = item.with("reason", named(reason).name);
            match reason {
                CloseReason::PeerAborted { cause: Some(cause) } => item.with("cause", *cause),
                CloseReason::PeerMisbehaved(violation) => item.with("how", named(violation).name),
                _ => item,
            }
        }
        _ => item,
    }
}

impl Dialect for Sctp {
    fn configure(&mut self, option: &Item) -> Result<(), String> {
        if self.sctp.is_some() {
            return Err("the association is there already".to_owned());
        }
        option.args.iter().try_for_each(|arg| self.option(&arg.name, &arg.value))
    }

    fn call(&mut self, now: Instant, call: &Item) -> Result<Item, String> {
        let sctp = self.machine(now);
        Ok(match call.name.as_str() {
            "connect" => {
                sctp.connect(now);
                Item::new("ok")
            }
            "send" => outcome(sctp.send(now, message(call)?)),
            "recv" => match sctp.recv() {
                None => Item::new("none"),
                Some(message) => Item::new("message")
                    .with("stream", message.stream)
                    .with("ppid", message.ppid)
                    .with("ordered", message.ordered)
                    .with("value", &*message.payload),
            },
            "reset" => outcome(sctp.reset_streams(now, &stream_list(call))),
            "ask-reset" => outcome(sctp.ask_for_reset(now, &stream_list(call))),
            "add-streams" => {
                let (out, incoming) = (call.number("out", 0)? as u16, call.number("in", 0)? as u16);
                outcome(sctp.add_streams(now, out, incoming))
            }
            "low" => {
                let (stream, bytes) = (call.number("stream", 0)?, call.number("bytes", 0)?);
                sctp.set_buffered_low(stream as u16, bytes as usize);
                Item::new("ok")
            }
            "shutdown" => {
                sctp.shutdown(now);
                Item::new("ok")
            }
            "abort" => {
                sctp.abort(now);
                Item::new("ok")
            }
            other => return Err(format!("there is no call {other}")),
        })
    }

    fn complete(&self, packet: &mut Packet, towards: Towards, variables: &Variables) {
        let has = |packet: &Packet, name| packet.header.iter().any(|arg| arg.name == name);
        let tag = if towards == Towards::Machine { "ours" } else { "theirs" };
        if let Some(tag) = variables.get(tag)
            && !has(packet, "tag")
        {
            packet.header.push(Arg { name: "tag".to_owned(), value: tag.clone() });
        }
        if towards == Towards::Peer && !has(packet, "checksum") {
            packet.header.push(Arg { name: "checksum".to_owned(), value: "sound".into() });
        }
    }

    fn give(&mut self, now: Instant, packet: &Packet) -> Result<Item, String> {
        let header = Item { args: packet.header.clone(), ..Item::default() };
        let (local, remote) = (self.config.local_port, self.config.remote_port);
        let mut bytes = Vec::new();
        bytes.extend((header.number("from", remote.into())? as u16).to_be_bytes());
        bytes.extend((header.number("to", local.into())? as u16).to_be_bytes());
        bytes.extend((header.number("tag", 0)? as u32).to_be_bytes());
        bytes.extend([0; 4]);
        for item in &packet.items {
            bytes.extend(write_chunk(item)?);
        }
        bytes.truncate(header.number("cut", bytes.len() as u64)? as usize);
        if bytes.len() >= 12 {
            let mut sum = checksum(&bytes);
            match header.word("checksum").as_str() {
                "" | "sound" => {}
                "zero" => sum = [0; 4],
                "reversed" => sum.reverse(),
                "wrong" => sum[0] ^= 1,
                other => return Err(format!("there is no checksum {other}")),
            }
            bytes[8..12].copy_from_slice(&sum);
        }
        let result = self.machine(now).handle_input(now, &bytes);
        self.given.push(bytes);
        Ok(outcome(result))
    }

    fn take(&mut self, now: Instant) -> Result<Option<Packet>, String> {
        let mut buf = [0; 65_536];
        let (local, remote) = (self.config.local_port, self.config.remote_port);
        let max = self.config.max_packet;
        let sent =
            self.machine(now).poll_output(now, &mut buf).map_err(|error| error.to_string())?;
        let Some(sent) = sent else { return Ok(None) };
        let packet = &mut buf[..sent.len];
        if sent.len > max || sent.len < 16 {
            return Err(format!("a packet of {} bytes", sent.len));
        }
        let ports = [local.to_be_bytes(), remote.to_be_bytes()].concat();
        if packet[..4] != ports {
            return Err("the ports are wrong".to_owned());
        }
        let field: [u8; 4] = packet[8..12].try_into().unwrap_or_default();
        packet[8..12].fill(0);
        let sum = match field {
            [0, 0, 0, 0] => "zero",
            field if field == checksum(packet) => "sound",
            _ => "wrong",
        };
        let tag = u32::from_be_bytes(packet[4..8].try_into().unwrap_or_default());
        let header = Item::default().with("tag", tag).with("checksum", sum);
        let header = header.with("size", sent.len as u64).args;
        Ok(Some(Packet { header, items: read_chunks(&packet[12..])? }))
    }

    fn poll_event(&mut self) -> Option<Item> {
        self.events.extend(std::iter::from_fn(|| self.sctp.as_mut()?.poll_event()));
        loop {
            let next = self.events.pop_front()?;
            let is_news = !matches!(next, Event::Readable | Event::BufferedLow(_));
            if is_news || self.all_events {
                return Some(event(&next));
            }
        }
    }

    fn state(&self, name: &str) -> Option<Value> {
        let sctp = self.sctp.as_ref()?;
        let stats = sctp.stats();
        Some(match name {
            "connected" => sctp.is_connected().into(),
            "closed" => sctp.is_closed().into(),
            "out" => sctp.outgoing_streams()?.into(),
            "in" => sctp.incoming_streams()?.into(),
            "rtt" => sctp.round_trip()?.into(),
            "rto" => stats.rto.into(),
            "flight" => (stats.in_flight as u64).into(),
            "window" => (stats.congestion_window as u64).into(),
            "peer-window" => (stats.peer_window as u64).into(),
            "buffered" => (stats.buffered as u64).into(),
            "timeouts" => stats.timeouts.into(),
            "retransmitted" => stats.chunks_retransmitted.into(),
            "duplicates" => stats.duplicates_received.into(),
            "abandoned" => stats.messages_abandoned.into(),
            "timer" => match sctp.poll_timeout() {
                None => "none".into(),
                Some(_) => "running".into(),
            },
            _ => return None,
        })
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.machine(now).handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.sctp.as_ref()?.poll_timeout()
    }

    fn finish(&mut self) -> Result<(), String> {
        match self.sctp.as_mut().and_then(Association::recv) {
            None => Ok(()),
            Some(message) => Err(format!("a message was not taken: {message:?}")),
        }
    }
}

impl Sctp {
    /// Leaves what the script gave as seeds for the fuzz targets: chunks for an association that
    /// is up, packets apart by 0xFF.
    pub fn leave_seeds(&self, corpus: &std::path::Path, name: &str) {
        let mut seed = vec![u8::from(self.config.interleaving)];
        // INIT and COOKIE ECHO are for those that are not up yet.
        let later = |packet: &&Vec<u8>| packet.len() > 15 && !matches!(packet[12], 1 | 10);
        for packet in self.given.iter().filter(later) {
            if seed.len() > 1 {
                seed.push(0xFF);
            }
            seed.extend(&packet[12..]);
        }
        if seed.len() > 1 {
            std::fs::write(corpus.join(name), seed).expect("a folder for seeds");
        }
    }
}
