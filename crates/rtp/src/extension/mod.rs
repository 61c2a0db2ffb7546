//! Header extensions ([RFC 8285]).
//!
//! [RFC 8285]: https://www.rfc-editor.org/rfc/rfc8285

mod elements;
mod kind;
mod map;
mod value;

pub use elements::{Element, Elements, Form};
pub use kind::ExtensionKind;
pub use map::ExtensionMap;
pub use value::{AudioLevel, ExtensionValue, Rotation, VideoOrientation};
