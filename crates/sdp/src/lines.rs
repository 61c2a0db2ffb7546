//! Cuts a text into lines, counts them and checks what holds for each of them.

use crate::error::{ErrorKind, ParseError};

/// Longest text that is parsed, in bytes.
pub const MAX_TEXT: usize = 1 << 20;
/// Longest line that is parsed, in bytes, without its line end.
pub const MAX_LINE: usize = 64 << 10;
/// Most media sections that are parsed.
pub const MAX_SECTIONS: usize = 1024;
/// Most attributes that are parsed in one media section, and in the session section.
pub const MAX_ATTRIBUTES: usize = 10_000;

/// One line: its letter, what follows the equals sign, and its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) letter: char,
    pub(crate) value: &'a str,
    pub(crate) number: u32,
}

impl Line<'_> {
    pub(crate) fn error(&self, kind: ErrorKind) -> ParseError {
        ParseError { line: self.number, kind }
    }

    pub(crate) fn malformed(&self) -> ParseError {
        self.error(ErrorKind::Malformed(self.letter))
    }
}

/// The lines of a text with one line of look-ahead.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    rest: &'a str,
    /// Number of the line last cut.
    number: u32,
    ahead: Option<Line<'a>>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Result<Self, ParseError> {
        if text.len() > MAX_TEXT {
            let kind = ErrorKind::TextTooLong { len: text.len(), limit: MAX_TEXT };
            return Err(ParseError { line: 0, kind });
        }
        let mut lines = Self { rest: text, number: 0, ahead: None };
        lines.advance()?;
        Ok(lines)
    }

    pub(crate) fn peek(&self) -> Option<Line<'a>> {
        self.ahead
    }

    /// Takes the next line whatever it is.
    pub(crate) fn next(&mut self) -> Result<Option<Line<'a>>, ParseError> {
        let line = self.ahead;
        self.advance()?;
        Ok(line)
    }

    /// Takes the next line when it has this letter.
    pub(crate) fn next_if(&mut self, letter: char) -> Result<Option<Line<'a>>, ParseError> {
        match self.ahead {
            Some(line) if line.letter == letter => self.next(),
            Some(_) | None => Ok(None),
        }
    }

    /// Takes the next line, which must have this letter.
    pub(crate) fn expect(&mut self, letter: char) -> Result<Line<'a>, ParseError> {
        let number = self.ahead.map_or(self.number.saturating_add(1), |line| line.number);
        self.next_if(letter)?.ok_or(ParseError { line: number, kind: ErrorKind::Missing(letter) })
    }

    fn advance(&mut self) -> Result<(), ParseError> {
        if self.rest.is_empty() {
            self.ahead = None;
            return Ok(());
        }
        self.number = self.number.saturating_add(1);
        let fail = |kind| Err(ParseError { line: self.number, kind });
        // A bare line feed ends a line too, and the last line may lack its end.
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.len() > MAX_LINE {
            return fail(ErrorKind::LineTooLong { len: line.len(), limit: MAX_LINE });
        }
        if has_forbidden(line) {
            let byte = line.bytes().find(|byte| is_forbidden(*byte)).unwrap_or(0);
            return fail(ErrorKind::ForbiddenByte(byte));
        }
        let mut parts = line.chars();
        //= rfc8866#5
        // One letter, the equals sign, and no white space around either.
        let (Some(letter @ 'a'..='z'), Some('=')) = (parts.next(), parts.next()) else {
            return fail(ErrorKind::NotALine);
        };
        self.rest = rest;
        self.ahead = Some(Line { letter, value: parts.as_str(), number: self.number });
        Ok(())
    }
}

fn is_forbidden(byte: u8) -> bool {
    byte == 0 || byte == b'\r'
}

/// Looks at every byte without an early exit, so that the compiler can take many at once.
fn has_forbidden(line: &str) -> bool {
    line.bytes().fold(false, |found, byte| found | is_forbidden(byte))
}
