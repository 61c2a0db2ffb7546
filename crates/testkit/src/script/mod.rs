//! Scripted exchanges with a machine: text files that say what it is given, what it must send, and
//! when.
//!
//! ```text
//! # The second packet with data is acknowledged at once.
//! //= rfc9260#6.2
//! //= type=test
//! config sack_delay=40ms
//! include open
//! +1s    give data tsn=5000 "one"
//! +39ms  nothing
//! +1ms   take sack cum=5000 gaps=[] window=?window
//!        call recv => message "one"
//! ```
//!
//! | Line | Meaning |
//! |---|---|
//! | `# ..`, `//= ..` | a comment; a citation |
//! | `config NAME=VALUE ..` | options, before the first call or packet |
//! | `include NAME` | the lines of `NAME.part` in the folder of parts |
//! | `let NAME=VALUE`, `default NAME=VALUE` | sets a variable; the latter only where there is none |
//! | `call NAME ARGUMENT ..` | a call of the application, which returns `ok`; `=> ITEM` says what else |
//! | `give (HEADER) ITEM \| ITEM` | a packet for the machine, which takes it; `=> ITEM` says what else |
//! | `take (HEADER) ITEM \| ITEM` | the next packet of the machine |
//! | `event ITEM` | the next event |
//! | `state NAME=VALUE ..` | what the machine says of itself |
//! | `nothing` | no packet and no event waits |
//! | `hold` | the machine is not asked for packets before the next `take` or `nothing` |
//!
//! An item is a name, arguments `NAME=VALUE`, a bare value, and items within: `{ ITEM; ITEM }`.
//! Values: numbers, times (`40ms`), words, `"text"`, `hex:00ff`, `fill:LENGTH@OFFSET` (bytes that
//! tell their place), lists `[1,2]`, `*` for any, `?name` for any to be remembered, `$name`,
//! `$name+1` for what was (32 bits, which wrap). What an expectation does not name is not compared;
//! items within are compared when there are braces.
//!
//! A line may begin with its time: `@1s` since the start, `+1s` since the line before. The clock is
//! simulated and tolerance is nought: a packet or event at any other moment than its line's fails
//! the script, and so does one that no line expects.

mod item;
mod matching;
mod parse;
mod play;

pub use item::{Arg, Item, Packet, Value, Variables};
pub use play::{Dialect, Failure, Towards, play};
