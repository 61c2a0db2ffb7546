use std::time::Duration;

use super::item::{Arg, Item, Packet, Value};

/// When a line happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// With the line before.
    Same,
    /// So long after it.
    After(Duration),
    /// So long after the start.
    At(Duration),
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Config(Item),
    Include(String),
    Let { name: String, value: Value, only_if_unset: bool },
    Call { item: Item, outcome: Item },
    Give { packet: Packet, outcome: Item },
    Take(Packet),
    Event(Item),
    State(Vec<Arg>),
    Nothing,
    Hold,
}

/// One line of a script; `None` when it says nothing.
pub(super) fn line(text: &str) -> Result<Option<(When, Step)>, String> {
    let text = text.trim();
    if text.is_empty() || text.starts_with('#') || text.starts_with("//=") {
        return Ok(None);
    }
    let mut tokens = Tokens { tokens: tokenize(text)?, at: 0 };
    let when = match tokens.peek().unwrap_or_default() {
        token if token.starts_with('@') => When::At(duration(token.get(1..).unwrap_or(""))?),
        token if token.starts_with('+') => When::After(duration(token.get(1..).unwrap_or(""))?),
        _ => When::Same,
    };
    if when != When::Same {
        tokens.at = 1;
    }
    let Some(verb) = tokens.next() else { return Ok(Some((when, Step::Nothing))) };
    let step = tokens.step(&verb)?;
    match tokens.next() {
        Some(token) => Err(format!("what is {token} for?")),
        None => Ok(Some((when, step))),
    }
}

struct Tokens {
    tokens: Vec<String>,
    at: usize,
}

impl Tokens {
    fn peek(&self) -> Option<&str> {
        self.tokens.get(self.at).map(String::as_str)
    }

    fn next(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at).cloned();
        self.at = self.at.saturating_add(1);
        token
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let found = self.peek() == Some(wanted);
        self.at = self.at.saturating_add(usize::from(found));
        found
    }

    fn step(&mut self, verb: &str) -> Result<Step, String> {
        Ok(match verb {
            "config" => {
                Step::Config(Item { name: verb.to_owned(), args: self.args()?, inner: None })
            }
            "include" => Step::Include(self.next().ok_or("include what?")?),
            "let" | "default" => {
                let Some(Arg { name, value }) = self.args()?.pop() else {
                    return Err("a name and a value are missing".to_owned());
                };
                Step::Let { name, value, only_if_unset: verb == "default" }
            }
            "call" => {
                let item = self.item()?;
                Step::Call { item, outcome: self.outcome()? }
            }
            "give" => {
                let packet = self.packet()?;
                Step::Give { packet, outcome: self.outcome()? }
            }
            "take" => Step::Take(self.packet()?),
            "event" => Step::Event(self.item()?),
            "state" => Step::State(self.args()?),
            "nothing" => Step::Nothing,
            "hold" => Step::Hold,
            other => return Err(format!("there is no verb {other}")),
        })
    }

    fn outcome(&mut self) -> Result<Item, String> {
        if self.eat("=>") { self.item() } else { Ok(Item::new("ok")) }
    }

    fn packet(&mut self) -> Result<Packet, String> {
        let mut packet = Packet::default();
        if self.eat("(") {
            packet.header = self.args()?;
            if !self.eat(")") {
                return Err("the header does not end".to_owned());
            }
        }
        loop {
            packet.items.push(self.item()?);
            if !self.eat("|") {
                return Ok(packet);
            }
        }
    }

    fn item(&mut self) -> Result<Item, String> {
        let name = self.next().ok_or("an item is missing")?;
        if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return Err(format!("{name} is no name"));
        }
        let args = self.args()?;
        let mut inner = None;
        if self.eat("{") {
            let mut items = Vec::new();
            while !self.eat("}") {
                items.push(self.item()?);
                self.eat(";");
            }
            inner = Some(items);
        }
        Ok(Item { name, args, inner })
    }

    fn args(&mut self) -> Result<Vec<Arg>, String> {
        let mut args = Vec::new();
        while let Some(token) = self.peek() {
            if matches!(token, "{" | "}" | ";" | "|" | "(" | ")" | "=>") {
                break;
            }
            let (name, text) = match token.split_once('=') {
                Some((name, text)) if is_name(name) => (name, text),
                _ => ("value", token),
            };
            args.push(Arg { name: name.to_owned(), value: value(text)? });
            self.at = self.at.saturating_add(1);
        }
        Ok(args)
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// Words, with quotes kept together and brackets apart.
fn tokenize(text: &str) -> Result<Vec<String>, String> {
    let mut tokens = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for c in text.chars() {
        if quoted || c == '"' {
            quoted ^= c == '"';
            word.push(c);
        } else if c.is_whitespace() || matches!(c, '{' | '}' | ';' | '|' | '(' | ')') {
            if !word.is_empty() {
                tokens.push(std::mem::take(&mut word));
            }
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
        } else if c == '#' && word.is_empty() {
            break;
        } else {
            word.push(c);
        }
    }
    if quoted {
        return Err("a quote does not end".to_owned());
    }
    if !word.is_empty() {
        tokens.push(word);
    }
    Ok(tokens)
}

fn value(text: &str) -> Result<Value, String> {
    if let Some(text) = text.strip_prefix('"') {
        return Ok(Value::Bytes(text.trim_end_matches('"').as_bytes().to_vec()));
    }
    if let Some(list) = text.strip_prefix('[') {
        let list = list.strip_suffix(']').ok_or_else(|| format!("{text} does not end"))?;
        let values = list.split(',').filter(|text| !text.is_empty()).map(value);
        return Ok(Value::List(values.collect::<Result<_, _>>()?));
    }
    if let Some(digits) = text.strip_prefix("hex:") {
        return hex(digits).ok_or_else(|| format!("{text} is no hex")).map(Value::Bytes);
    }
    if let Some(fill) = text.strip_prefix("fill:") {
        let (len, offset) = fill.split_once('@').unwrap_or((fill, "0"));
        let number = |text: &str| text.parse::<usize>().map_err(|error| format!("{text}: {error}"));
        return Ok(Value::Bytes(filling(number(len)?, number(offset)?)));
    }
    if text == "*" {
        return Ok(Value::Any);
    }
    if let Some(name) = text.strip_prefix('?') {
        return Ok(Value::Capture(name.to_owned()));
    }
    if let Some(name) = text.strip_prefix('$') {
        let split = name.find(['+', '-']).unwrap_or(name.len());
        let (name, offset) = name.split_at(split);
        let offset = if offset.is_empty() { Ok(0) } else { offset.parse() };
        let offset = offset.map_err(|error| format!("{text}: {error}"))?;
        return Ok(Value::Variable(name.to_owned(), offset));
    }
    if let Some(number) = number(text) {
        return Ok(Value::Number(number));
    }
    Ok(duration(text).map_or_else(|_| Value::Word(text.to_owned()), Value::Time))
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(digits.get(at..at.checked_add(2)?)?, 16).ok()).collect()
}

/// Bytes that tell their place in a message.
fn filling(len: usize, offset: usize) -> Vec<u8> {
    let byte = |at: usize| u8::try_from(at % 251).unwrap_or(0);
    (0..len).map(|at| byte(at.saturating_add(offset))).collect()
}

fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let number: f64 = digits.parse().map_err(|_| format!("{text} is no time"))?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        _ => return Err(format!("{text} has no unit: us, ms or s")),
    };
    let time = Duration::try_from_secs_f64(seconds).map_err(|error| format!("{text}: {error}"))?;
    // Decimal fractions of a second are not exact in binary.
    let micros = time.as_nanos().saturating_add(500) / 1000;
    Ok(Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_time_verb_items_and_an_outcome() {
        let text = r#"+1.5ms give (tag=$a+1) x a=1 "b | c" { y [1,2-3]; z } | w => no # why"#;
        let (when, step) = line(text).expect("sound").expect("a line");
        assert_eq!(when, When::After(Duration::from_micros(1500)));
        let list = Value::List(vec![1_u64.into(), "2-3".into()]);
        let inner = vec![Item::new("y").with("value", list), Item::new("z")];
        let x = Item::new("x").with("a", 1_u64).with("value", &b"b | c"[..]).holding(inner);
        let tag = Arg { name: "tag".to_owned(), value: Value::Variable("a".to_owned(), 1) };
        let packet = Packet { header: vec![tag], items: vec![x, Item::new("w")] };
        assert_eq!(step, Step::Give { packet, outcome: Item::new("no") });
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        for text in ["+1x nothing", "dance", "call", "give (a=1 x", "take 7", "call a \"b", "+1s"] {
            let read = line(text);
            assert!(read.is_err() || text == "+1s", "{text}: {read:?}");
        }
        assert_eq!(line("  # a comment"), Ok(None));
        assert_eq!(line("//= rfc1#2"), Ok(None));
    }
}
