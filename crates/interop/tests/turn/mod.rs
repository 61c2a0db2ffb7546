//! A user of TURN for tests: our client machine on blocking sockets.

pub(crate) mod user;
pub(crate) mod wire;
