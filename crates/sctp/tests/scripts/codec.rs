//! Text to bytes and back, written for the scripts and independent of the crate's own codec.

use antiphon_testkit::script::{Item, Value};

/// Chunks by name. A name that is not here is `chunk type=N flags=N VALUE`.
const CHUNKS: [(&str, u8); 18] = [
    ("data", 0),
    ("init", 1),
    ("init-ack", 2),
    ("sack", 3),
    ("heartbeat", 4),
    ("heartbeat-ack", 5),
    ("abort", 6),
    ("shutdown", 7),
    ("shutdown-ack", 8),
    ("error", 9),
    ("cookie-echo", 10),
    ("cookie-ack", 11),
    ("shutdown-complete", 14),
    ("i-data", 64),
    ("reconfig", 130),
    ("pad", 132),
    ("forward-tsn", 192),
    ("i-forward-tsn", 194),
];

/// Parameters of INIT, INIT ACK, HEARTBEAT and RE-CONFIG.
const PARAMETERS: [(&str, u16); 17] = [
    ("heartbeat-info", 1),
    ("ipv4", 5),
    ("ipv6", 6),
    ("cookie", 7),
    ("unrecognized", 8),
    ("preservative", 9),
    ("host-name", 11),
    ("address-types", 12),
    ("outgoing-reset", 13),
    ("incoming-reset", 14),
    ("ssn-tsn-reset", 15),
    ("response", 16),
    ("add-outgoing", 17),
    ("add-incoming", 18),
    ("zero-checksum", 0x8001),
    ("extensions", 0x8008),
    ("forward-tsn", 0xC000),
];

/// Error causes.
const CAUSES: [(&str, u16); 13] = [
    ("invalid-stream", 1),
    ("missing-parameter", 2),
    ("stale-cookie", 3),
    ("no-resource", 4),
    ("unresolvable-address", 5),
    ("unrecognized-chunk", 6),
    ("invalid-parameter", 7),
    ("unrecognized-parameters", 8),
    ("no-user-data", 9),
    ("cookie-while-shutting-down", 10),
    ("restart-with-addresses", 11),
    ("user-abort", 12),
    ("protocol-violation", 13),
];

type Written = Result<Vec<u8>, String>;

/// One chunk with its padding.
pub fn write_chunk(item: &Item) -> Written {
    if item.name == "bytes" {
        return item.bytes("value");
    }
    let named = CHUNKS.iter().find(|(name, _)| *name == item.name).map(|(_, kind)| *kind);
    let kind = match named {
        Some(kind) => kind,
        None if item.name == "chunk" => item.number("type", 0)? as u8,
        None => return Err(format!("there is no chunk {}", item.name)),
    };
    let mut value = value_of(item)?;
    let mut chunk = vec![kind, flags_of(item)?];
    let len = item.number("length", value.len() as u64 + 4)? as u16;
    chunk.extend(len.to_be_bytes());
    chunk.append(&mut value);
    if item.get("padded").is_none() {
        chunk.resize(chunk.len().next_multiple_of(4), 0);
    }
    Ok(chunk)
}

fn flags_of(item: &Item) -> Result<u8, String> {
    if item.name == "chunk" {
        return Ok(item.number("flags", 0)? as u8);
    }
    let default = if matches!(item.name.as_str(), "data" | "i-data") { "BE" } else { "-" };
    let word = item.get("flags").map_or(default.to_owned(), ToString::to_string);
    word.chars().try_fold(0, |flags, letter| {
        Ok(flags
            | match letter {
                'E' | 'T' => 1,
                'B' => 2,
                'U' => 4,
                'I' => 8,
                '-' => 0,
                other => return Err(format!("there is no flag {other}")),
            })
    })
}

/// Fields one after the other: name, bytes, default.
fn fields(item: &Item, layout: &[(&str, usize, u64)]) -> Written {
    let mut bytes = Vec::new();
    for (name, width, default) in layout {
        let number = item.number(name, *default)?;
        bytes.extend(&number.to_be_bytes()[8 - width..]);
    }
    Ok(bytes)
}

fn value_of(item: &Item) -> Written {
    let mut value = match item.name.as_str() {
        "data" => fields(item, &[("tsn", 4, 0), ("stream", 2, 0), ("ssn", 2, 0), ("ppid", 4, 53)])?,
        "i-data" => {
            let last = if item.get("fsn").is_some() { "fsn" } else { "ppid" };
            fields(
                item,
                &[
                    ("tsn", 4, 0),
                    ("stream", 2, 0),
                    ("reserved", 2, 0),
                    ("mid", 4, 0),
                    (last, 4, 53),
                ],
            )?
        }
        "init" | "init-ack" => fields(
            item,
            &[("tag", 4, 0), ("window", 4, 100_000), ("out", 2, 1), ("in", 2, 1), ("tsn", 4, 0)],
        )?,
        "sack" => sack(item)?,
        "shutdown" => fields(item, &[("cum", 4, 0)])?,
        "heartbeat" | "heartbeat-ack" if item.get("info").is_some() => tlv(1, item.bytes("info")?),
        "pad" => vec![0; item.number("len", 0)? as usize],
        "forward-tsn" | "i-forward-tsn" => forward(item)?,
        _ => Vec::new(),
    };
    value.extend(item.bytes("value")?);
    let inner = item.inner.as_deref().unwrap_or_default();
    for (index, part) in inner.iter().enumerate() {
        let written = write_part(&item.name, part)?;
        value.extend(&written);
        if index + 1 < inner.len() {
            value.resize(value.len().next_multiple_of(4), 0);
        }
    }
    Ok(value)
}

fn sack(item: &Item) -> Written {
    let mut value = fields(item, &[("cum", 4, 0), ("window", 4, 100_000)])?;
    let (gaps, dups) = (item.list("gaps"), item.list("dups"));
    value.extend((gaps.len() as u16).to_be_bytes());
    value.extend((dups.len() as u16).to_be_bytes());
    for gap in gaps {
        for number in numbers(&gap, '-')? {
            value.extend((number as u16).to_be_bytes());
        }
    }
    for dup in dups {
        value.extend((dup.number().ok_or("a duplicate is no number")? as u32).to_be_bytes());
    }
    Ok(value)
}

fn forward(item: &Item) -> Written {
    let mut value = fields(item, &[("cum", 4, 0)])?;
    for skip in item.list("skips") {
        let skip = numbers(&skip, ':')?;
        value.extend((skip[0] as u16).to_be_bytes());
        if item.name == "forward-tsn" {
            value.extend((skip[1] as u16).to_be_bytes());
        } else {
            // Stream, U bit, message.
            value.extend((skip[1] as u16).to_be_bytes());
            value.extend((skip[2] as u32).to_be_bytes());
        }
    }
    Ok(value)
}

/// `2-3`, `7:0:5`.
fn numbers(value: &Value, between: char) -> Result<Vec<u64>, String> {
    let text = value.to_string();
    let numbers = text.split(between).map(|part| part.parse::<u64>());
    numbers.collect::<Result<_, _>>().map_err(|error| format!("{text}: {error}"))
}

fn tlv(kind: u16, value: Vec<u8>) -> Vec<u8> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend((value.len() as u16 + 4).to_be_bytes());
    bytes.extend(value);
    bytes
}

/// One parameter or cause, without padding.
fn write_part(chunk: &str, part: &Item) -> Written {
    let table: &[(&str, u16)] =
        if matches!(chunk, "error" | "abort") { &CAUSES } else { &PARAMETERS };
    let kind = match table.iter().find(|(name, _)| *name == part.name) {
        Some((_, kind)) => *kind,
        None if matches!(part.name.as_str(), "parameter" | "cause") => {
            part.number("type", 0)? as u16
        }
        None => return Err(format!("there is no {} in {chunk}", part.name)),
    };
    let mut value = match part.name.as_str() {
        "invalid-stream" => fields(part, &[("stream", 2, 0), ("reserved", 2, 0)])?,
        "stale-cookie" => fields(part, &[("micros", 4, 0)])?,
        "no-user-data" => fields(part, &[("tsn", 4, 0)])?,
        "missing-parameter" => {
            let mut value = (part.list("types").len() as u32).to_be_bytes().to_vec();
            value.extend(shorts(part, "types")?);
            value
        }
        "outgoing-reset" => {
            let mut value = fields(part, &[("request", 4, 0), ("response", 4, 0), ("last", 4, 0)])?;
            value.extend(shorts(part, "streams")?);
            value
        }
        "incoming-reset" => {
            let mut value = fields(part, &[("request", 4, 0)])?;
            value.extend(shorts(part, "streams")?);
            value
        }
        "ssn-tsn-reset" => fields(part, &[("request", 4, 0)])?,
        "response" => fields(part, &[("request", 4, 0), ("result", 4, 0)])?,
        "add-outgoing" | "add-incoming" => {
            fields(part, &[("request", 4, 0), ("count", 2, 0), ("reserved", 2, 0)])?
        }
        "zero-checksum" => fields(part, &[("method", 4, 1)])?,
        "preservative" => fields(part, &[("increment", 4, 0)])?,
        "extensions" => {
            let types = part.list("types");
            types.iter().filter_map(Value::number).map(|kind| kind as u8).collect()
        }
        "unrecognized" | "unrecognized-chunk" | "unrecognized-parameters" => {
            let mut value = Vec::new();
            for inner in part.inner.as_deref().unwrap_or_default() {
                value.extend(write_part("init", inner)?);
            }
            value
        }
        _ => Vec::new(),
    };
    value.extend(part.bytes("value")?);
    let mut bytes = tlv(kind, value);
    if part.get("length").is_some() {
        let len = part.number("length", 0)? as u16;
        bytes[2..4].copy_from_slice(&len.to_be_bytes());
    }
    Ok(bytes)
}

fn shorts(item: &Item, name: &str) -> Written {
    let mut bytes = Vec::new();
    for value in item.list(name) {
        let number = value.number().ok_or_else(|| format!("{name}: {value} is no number"))?;
        bytes.extend((number as u16).to_be_bytes());
    }
    Ok(bytes)
}

fn be(bytes: &[u8], at: usize, width: usize) -> Result<u64, String> {
    let part = bytes.get(at..at + width).ok_or("a chunk is too short")?;
    Ok(part.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

/// All chunks of a packet of the machine, which must be sound to the last byte.
pub fn read_chunks(mut rest: &[u8]) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    while !rest.is_empty() {
        let len = be(rest, 2, 2)? as usize;
        let padded = len.next_multiple_of(4);
        if len < 4 || padded > rest.len() {
            return Err(format!("a chunk of {len} bytes in {}", rest.len()));
        }
        if rest[len..padded].iter().any(|byte| *byte != 0) {
            return Err("padding is not zero".to_owned());
        }
        items.push(read_chunk(rest[0], rest[1], &rest[4..len])?);
        rest = &rest[padded..];
    }
    Ok(items)
}

fn read_chunk(kind: u8, flags: u8, value: &[u8]) -> Result<Item, String> {
    let Some((name, _)) = CHUNKS.iter().find(|(_, number)| *number == kind) else {
        return Err(format!("the machine sent a chunk of type {kind}"));
    };
    let letters = if matches!(*name, "data" | "i-data") { "EBUI" } else { "T" };
    let flags: String = letters
        .chars()
        .enumerate()
        .filter(|(bit, _)| flags & (1 << bit) != 0)
        .map(|(_, letter)| letter)
        .collect();
    // Written in the order I, U, B, E.
    let flags: String = flags.chars().rev().collect();
    let flags = if flags.is_empty() { "-".to_owned() } else { flags };
    let item = Item::new(*name);
    let number = |at, width| be(value, at, width);
    let rest = |at: usize| value.get(at..).ok_or("a chunk is too short".to_owned());
    Ok(match *name {
        "data" => item
            .with("flags", flags)
            .with("tsn", number(0, 4)?)
            .with("stream", number(4, 2)?)
            .with("ssn", number(6, 2)?)
            .with("ppid", number(8, 4)?)
            .with("value", rest(12)?),
        "i-data" => {
            let last = if flags.contains('B') { "ppid" } else { "fsn" };
            item.with("flags", flags)
                .with("tsn", number(0, 4)?)
                .with("stream", number(4, 2)?)
                .with("mid", number(8, 4)?)
                .with(last, number(12, 4)?)
                .with("value", rest(16)?)
        }
        "init" | "init-ack" => item
            .with("tag", number(0, 4)?)
            .with("window", number(4, 4)?)
            .with("out", number(8, 2)?)
            .with("in", number(10, 2)?)
            .with("tsn", number(12, 4)?)
            .holding(read_parts(rest(16)?, &PARAMETERS)?),
        "sack" => read_sack(item, value)?,
        "abort" => item.with("flags", flags).holding(read_parts(value, &CAUSES)?),
        "error" => item.holding(read_parts(value, &CAUSES)?),
        "shutdown" => item.with("cum", number(0, 4)?),
        "shutdown-complete" => item.with("flags", flags),
        "reconfig" => item.holding(read_parts(value, &PARAMETERS)?),
        "heartbeat" | "heartbeat-ack" if value.len() >= 4 && value[..2] == [0, 1] => {
            item.with("info", rest(4)?).with("value", value)
        }
        "pad" => item.with("len", value.len() as u64),
        "forward-tsn" | "i-forward-tsn" => read_forward(item, value)?,
        _ => item.with("value", value),
    })
}

fn read_sack(item: Item, value: &[u8]) -> Result<Item, String> {
    let (gaps, dups) = (be(value, 8, 2)? as usize, be(value, 10, 2)? as usize);
    if value.len() != 12 + 4 * (gaps + dups) {
        return Err(format!("a SACK of {} bytes, {gaps} gaps, {dups} duplicates", value.len()));
    }
    let mut blocks = Vec::new();
    for at in (12..12 + 4 * gaps).step_by(4) {
        blocks.push(Value::from(format!("{}-{}", be(value, at, 2)?, be(value, at + 2, 2)?)));
    }
    let mut duplicates = Vec::new();
    for at in (12 + 4 * gaps..value.len()).step_by(4) {
        duplicates.push(Value::from(be(value, at, 4)?));
    }
    Ok(item
        .with("cum", be(value, 0, 4)?)
        .with("window", be(value, 4, 4)?)
        .with("gaps", blocks)
        .with("dups", duplicates))
}

fn read_forward(item: Item, value: &[u8]) -> Result<Item, String> {
    let mut skips = Vec::new();
    let step = if item.name == "forward-tsn" { 4 } else { 8 };
    for at in (4..value.len()).step_by(step) {
        let (stream, second) = (be(value, at, 2)?, be(value, at + 2, 2)?);
        skips.push(Value::from(if step == 4 {
            format!("{stream}:{second}")
        } else {
            format!("{stream}:{second}:{}", be(value, at + 4, 4)?)
        }));
    }
    Ok(item.with("cum", be(value, 0, 4)?).with("skips", skips))
}

fn read_parts(mut rest: &[u8], table: &[(&str, u16)]) -> Result<Vec<Item>, String> {
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let (kind, len) = (be(rest, 0, 2)? as u16, be(rest, 2, 2)? as usize);
        let value = rest.get(4..len).ok_or_else(|| format!("a parameter of {len} bytes"))?;
        parts.push(read_part(kind, value, table)?);
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(parts)
}

fn read_part(kind: u16, value: &[u8], table: &[(&str, u16)]) -> Result<Item, String> {
    let name = table.iter().find(|(_, number)| *number == kind);
    let Some((name, _)) = name else {
        return Ok(Item::new("parameter").with("type", kind).with("value", value));
    };
    let item = Item::new(*name);
    let number = |at, width| be(value, at, width);
    let shorts = |at: usize| -> Result<Vec<Value>, String> {
        let part = value.get(at..).ok_or("a parameter is too short")?;
        Ok(part.chunks(2).map(|two| Value::from(u16::from_be_bytes([two[0], two[1]]))).collect())
    };
    Ok(match *name {
        "invalid-stream" => item.with("stream", number(0, 2)?),
        "stale-cookie" => item.with("micros", number(0, 4)?),
        "no-user-data" => item.with("tsn", number(0, 4)?),
        "missing-parameter" => item.with("types", shorts(4)?),
        "outgoing-reset" => item
            .with("request", number(0, 4)?)
            .with("response", number(4, 4)?)
            .with("last", number(8, 4)?)
            .with("streams", shorts(12)?),
        "incoming-reset" => item.with("request", number(0, 4)?).with("streams", shorts(4)?),
        "response" => item.with("request", number(0, 4)?).with("result", number(4, 4)?),
        "add-outgoing" | "add-incoming" => {
            item.with("request", number(0, 4)?).with("count", number(4, 2)?)
        }
        "zero-checksum" => item.with("method", number(0, 4)?),
        "extensions" => {
            let types: Vec<Value> =
                value.iter().map(|kind| Value::from(u16::from(*kind))).collect();
            item.with("types", types)
        }
        "unrecognized" => item.with("value", value).holding(read_parts(value, &PARAMETERS)?),
        _ => item.with("value", value),
    })
}

/// The CRC32c of a packet whose field for it is zero, bit by bit.
pub fn checksum(packet: &[u8]) -> [u8; 4] {
    let mut crc = u32::MAX;
    for byte in packet {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
        }
    }
    (!crc).to_le_bytes()
}
