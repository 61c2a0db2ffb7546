//! Runs antiphon's machines on tokio: sockets, timers, tasks.
