use std::fmt;

/// How much of a text of others is shown.
const MOST: usize = 64;

/// Text that somebody else chose, made harmless for a log: quoted, escaped, cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars().take(MOST) {
            if c.is_ascii() {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{}", c.escape_debug())?;
            }
        }
        if self.0.chars().nth(MOST).is_some() {
            f.write_str("...")?;
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack: forged log lines through USERNAME
    #[test]
    fn a_name_cannot_begin_a_new_line_or_colour_the_terminal() {
        let name = "a\nlevel=ERROR \u{1b}[31m \"x\" %s\u{202e}";
        let shown = Quoted(name).to_string();
        assert_eq!(shown, r#""a\nlevel=ERROR \u{1b}[31m \"x\" %s\u{202e}""#);
        assert!(Quoted(&"x".repeat(1000)).to_string().len() < 80);
    }
}
