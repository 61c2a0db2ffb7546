use std::borrow::Cow;
use std::fmt;

use crate::grammar;

/// Words separated by single spaces: payload formats, mids of a group, ICE options.
///
/// ```
/// use antiphon_sdp::Words;
///
/// let formats: Words<'_> = ["96", "97"].into_iter().collect();
/// assert_eq!(formats.as_str(), "96 97");
/// assert!(formats.contains("97"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Words<'a>(Cow<'a, str>);

impl<'a> Words<'a> {
    /// Takes words as they stand in a line; `None` unless exactly one space lies between them.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        grammar::are_words(text).then_some(Self(Cow::Borrowed(text)))
    }

    /// The words as they stand in the line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Each word in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|word| !word.is_empty())
    }

    /// Whether `word` is among them.
    #[must_use]
    pub fn contains(&self, word: &str) -> bool {
        self.iter().any(|other| other == word)
    }

    /// Whether there is no word at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<S: AsRef<str>> FromIterator<S> for Words<'_> {
    fn from_iter<I: IntoIterator<Item = S>>(words: I) -> Self {
        let mut text = String::new();
        for word in words {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word.as_ref());
        }
        Self(Cow::Owned(text))
    }
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
