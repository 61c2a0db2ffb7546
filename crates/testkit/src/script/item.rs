use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// A value in a script, or in what a machine has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `7`, `0x1f`.
    Number(u64),
    /// `40ms`, `2s`, `300us`.
    Time(Duration),
    /// `"text"`, `hex:00ff`, `fill:1000@0`.
    Bytes(Vec<u8>),
    /// Anything else: `BE`, `true`, `2-3`.
    Word(String),
    /// `[1,2]`.
    List(Vec<Value>),
    /// `*`: matches anything.
    Any,
    /// `?name`: matches anything and remembers it.
    Capture(String),
    /// `$name`, `$name+1`, `$name-1`: what was remembered, plus a number.
    Variable(String, i64),
}

/// What a script has remembered.
pub type Variables = BTreeMap<String, Value>;

/// An argument of an item; a bare value has the name `value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg {
    /// Before the equals sign.
    pub name: String,
    /// After it.
    pub value: Value,
}

/// A chunk, a parameter, a call, an event: a name with arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// The first word.
    pub name: String,
    /// In the order written.
    pub args: Vec<Arg>,
    /// What stands in braces.
    pub inner: Option<Vec<Self>>,
}

/// A header and items behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// What stands in parentheses.
    pub header: Vec<Arg>,
    /// The rest.
    pub items: Vec<Item>,
}

impl Item {
    /// An item without arguments.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same with an argument more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.args.push(Arg { name: name.to_owned(), value: value.into() });
        self
    }

    /// The same with items within.
    #[must_use]
    pub fn holding(mut self, inner: Vec<Self>) -> Self {
        self.inner = Some(inner);
        self
    }

    /// An argument by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.args.iter().find(|arg| arg.name == name).map(|arg| &arg.value)
    }

    /// A number by its name, `otherwise` where there is none.
    ///
    /// # Errors
    ///
    /// When it is not a number.
    pub fn number(&self, name: &str, otherwise: u64) -> Result<u64, String> {
        match self.get(name) {
            None => Ok(otherwise),
            Some(value) => value.number().ok_or_else(|| format!("{name}={value}: not a number")),
        }
    }

    /// Bytes by their name; none where there are none.
    ///
    /// # Errors
    ///
    /// When they are not bytes.
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, String> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Bytes(bytes)) => Ok(bytes.clone()),
            Some(value) => Err(format!("{name}={value}: not bytes")),
        }
    }

    /// A word by its name; an empty one where there is none.
    #[must_use]
    pub fn word(&self, name: &str) -> String {
        self.get(name).map(ToString::to_string).unwrap_or_default()
    }

    /// A list by its name; an empty one where there is none. A single value is a list of one.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<Value> {
        match self.get(name) {
            None => Vec::new(),
            Some(Value::List(values)) => values.clone(),
            Some(value) => vec![value.clone()],
        }
    }
}

impl Value {
    /// The number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for Value {
    fn from(word: &str) -> Self {
        Self::Word(word.to_owned())
    }
}

impl From<String> for Value {
    fn from(word: String) -> Self {
        Self::Word(word)
    }
}

impl From<bool> for Value {
    fn from(word: bool) -> Self {
        Self::Word(word.to_string())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<Duration> for Value {
    fn from(time: Duration) -> Self {
        Self::Time(time)
    }
}

impl From<Vec<Value>> for Value {
    fn from(values: Vec<Value>) -> Self {
        Self::List(values)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Time(time) => write!(f, "{time:?}"),
            Self::Bytes(bytes) => write_bytes(f, bytes),
            Self::Word(word) => f.write_str(word),
            Self::List(values) => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if index > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Any => f.write_str("*"),
            Self::Capture(name) => write!(f, "?{name}"),
            Self::Variable(name, 0) => write!(f, "${name}"),
            Self::Variable(name, offset) => write!(f, "${name}{offset:+}"),
        }
    }
}

/// Text as text, the rest in hex, and not all of it.
fn write_bytes(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    const SHOWN: usize = 48;
    let shown = bytes.get(..SHOWN).unwrap_or(bytes);
    if !bytes.is_empty() && shown.iter().all(|byte| (32..127).contains(byte)) {
        write!(f, "\"{}\"", String::from_utf8_lossy(shown))?;
    } else {
        f.write_str("hex:")?;
        for byte in shown {
            write!(f, "{byte:02x}")?;
        }
    }
    if shown.len() < bytes.len() {
        write!(f, "..({} bytes)", bytes.len())?;
    }
    Ok(())
}

impl fmt::Display for Arg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name == "value" {
            write!(f, "{}", self.value)
        } else {
            write!(f, "{}={}", self.name, self.value)
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for arg in &self.args {
            write!(f, " {arg}")?;
        }
        if let Some(inner) = &self.inner {
            f.write_str(" {")?;
            for (index, item) in inner.iter().enumerate() {
                write!(f, "{} {item}", if index > 0 { ";" } else { "" })?;
            }
            f.write_str(" }")?;
        }
        Ok(())
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (index, arg) in self.header.iter().enumerate() {
            write!(f, "{}{arg}", if index > 0 { " " } else { "" })?;
        }
        f.write_str(")")?;
        for (index, item) in self.items.iter().enumerate() {
            write!(f, "{} {item}", if index > 0 { " |" } else { "" })?;
        }
        Ok(())
    }
}
