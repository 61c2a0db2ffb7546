//! Writes a description.

use std::fmt::{self, Display, Write};

use crate::media::Media;
use crate::session::SessionDescription;

/// Lets no value end its line.
struct OneLine<'f, 'g>(&'f mut fmt::Formatter<'g>);

impl Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if !text.bytes().fold(false, |found, byte| found | ends_a_line(byte)) {
            return self.0.write_str(text);
        }
        text.split(['\r', '\n', '\0']).try_for_each(|part| self.0.write_str(part))
    }
}

fn ends_a_line(byte: u8) -> bool {
    byte == b'\r' || byte == b'\n' || byte == 0
}

fn line(f: &mut fmt::Formatter<'_>, letter: &str, value: impl Display) -> fmt::Result {
    f.write_str(letter)?;
    write!(OneLine(f), "{value}")?;
    f.write_str("\r\n")
}

fn lines<T: Display>(
    f: &mut fmt::Formatter<'_>,
    letter: &str,
    values: impl IntoIterator<Item = T>,
) -> fmt::Result {
    values.into_iter().try_for_each(|value| line(f, letter, value))
}

impl Display for SessionDescription<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("v=0\r\n")?;
        line(f, "o=", &self.origin)?;
        line(f, "s=", &self.name)?;
        lines(f, "i=", &self.information)?;
        lines(f, "u=", &self.uri)?;
        lines(f, "e=", &self.emails)?;
        lines(f, "p=", &self.phones)?;
        lines(f, "c=", &self.connection)?;
        lines(f, "b=", &self.bandwidths)?;
        for timing in &self.timings {
            line(f, "t=", format_args!("{} {}", timing.start, timing.stop))?;
            lines(f, "r=", &timing.repeats)?;
            lines(f, "z=", &timing.zone)?;
        }
        lines(f, "k=", &self.key)?;
        lines(f, "a=", &self.attributes)?;
        self.media.iter().try_for_each(|media| media.fmt(f))
    }
}

impl Display for Media<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, port, protocol, formats, .. } = self;
        match self.port_count {
            None => line(f, "m=", format_args!("{kind} {port} {protocol} {formats}"))?,
            Some(count) => {
                line(f, "m=", format_args!("{kind} {port}/{count} {protocol} {formats}"))?;
            }
        }
        lines(f, "i=", &self.information)?;
        lines(f, "c=", &self.connections)?;
        lines(f, "b=", &self.bandwidths)?;
        lines(f, "k=", &self.key)?;
        lines(f, "a=", &self.attributes)
    }
}
