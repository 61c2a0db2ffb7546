//! Why there is no connection, or why it takes so long: evidence, causes, and a trace of what
//! happened.

mod cause;
mod evidence;
mod trace;

pub use cause::{Diagnosis, IceFailure};
pub(crate) use evidence::Evidence;
pub use evidence::{ServerError, ServerErrorKind};
pub(crate) use trace::TraceLog;
pub use trace::{Trace, TraceEntry};
