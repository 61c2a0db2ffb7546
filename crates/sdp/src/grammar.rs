//! The small words of the grammar of RFC 8866 section 9.

use std::borrow::Cow;

use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::char;
use nom::combinator::{all_consuming, opt, rest, verify};
use nom::sequence::preceded;
use nom::{IResult, Parser};

pub(crate) type Parsed<'a, T> = IResult<&'a str, T, ()>;

/// Runs `parser` over all of `input`; `None` when something is left over.
pub(crate) fn whole<'a, T>(
    parser: impl Parser<&'a str, Output = T, Error = ()>,
    input: &'a str,
) -> Option<T> {
    all_consuming(parser).parse(input).ok().map(|(_, value)| value)
}

pub(crate) fn is_token_char(c: char) -> bool {
    matches!(c, '!' | '#'..='\'' | '*' | '+' | '-' | '.' | '0'..='9' | 'A'..='Z' | '^'..='~')
}

pub(crate) fn is_ice_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '+' || c == '/'
}

/// `token` of RFC 8866.
pub(crate) fn token(input: &str) -> Parsed<'_, &str> {
    take_while1(is_token_char).parse(input)
}

/// Everything up to the next space, at least one character.
pub(crate) fn word(input: &str) -> Parsed<'_, &str> {
    take_while1(|c| c != ' ').parse(input)
}

/// Decimal digits, at least one, of any value.
pub(crate) fn digits(input: &str) -> Parsed<'_, &str> {
    take_while1(|c: char| c.is_ascii_digit()).parse(input)
}

pub(crate) fn space(input: &str) -> Parsed<'_, char> {
    char(' ').parse(input)
}

/// This very text; `tag` with the error type that the others have.
pub(crate) fn take_tag<'a>(
    text: &'static str,
) -> impl Parser<&'a str, Output = &'a str, Error = ()> {
    tag(text)
}

/// What follows one space, to the end of the line, at least one character.
pub(crate) fn tail(input: &str) -> Parsed<'_, &str> {
    preceded(space, verify(rest, |text: &str| !text.is_empty())).parse(input)
}

pub(crate) fn optional_tail(input: &str) -> Parsed<'_, Option<&str>> {
    opt(tail).parse(input)
}

/// An RTP payload type: seven bits.
pub(crate) fn payload_type(input: &str) -> Parsed<'_, u8> {
    verify(nom::character::complete::u8, |number| *number < 128).parse(input)
}

/// An integer or a number with a decimal point, as written.
pub(crate) fn decimal(input: &str) -> Option<Cow<'_, str>> {
    let fraction = opt((tag("."), take_while(|c: char| c.is_ascii_digit())));
    whole((digits, fraction), input)?;
    Some(Cow::Borrowed(input))
}

/// Keeps the text when it is not empty and made of `allowed` characters only.
pub(crate) fn only(input: &str, allowed: fn(char) -> bool) -> Option<Cow<'_, str>> {
    (!input.is_empty() && input.chars().all(allowed)).then_some(Cow::Borrowed(input))
}

/// Words separated by exactly one space; an empty text holds none.
pub(crate) fn are_words(input: &str) -> bool {
    input.is_empty() || input.split(' ').all(|word| !word.is_empty())
}
