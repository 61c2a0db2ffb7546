//! Multicast DNS as far as candidates of ICE need it: names that hide addresses.
//!
//! A host candidate tells the whole world an address of its host. Instead, its address gets a random
//! name under `.local`, which only hosts on the same link can resolve
//! ([draft-ietf-mmusic-mdns-ice-candidates]). [`Mdns`] gives such names, answers questions about them, and
//! resolves those of peers. It is no general resolver: it browses no services, and asks for nothing but
//! names of exactly that form.
//!
//! Without I/O: the owner feeds it datagrams and the time, and sends what it writes. All sessions of a
//! process share one machine, because they share port 5353.
//!
//! | Specification | Module | Status |
//! |---|---|---|
//! | draft-ietf-mmusic-mdns-ice-candidates 3.1.1, names and registration | [`Name`], [`Mdns::register`] | complete |
//! | draft 3.2, resolving | [`Mdns::resolve`] | complete |
//! | draft 3.1.2, 3.3: candidates, statistics, TURN | `antiphon-ice`, `antiphon-peerconnection` | theirs |
//! | RFC 6762 5.2, 5.4: queries | [`Mdns::resolve`] | complete; nothing is cached |
//! | RFC 6762 6, 6.1 to 6.7, 7.1, 7.2: responses, also negative and to legacy resolvers | [`Mdns::handle_input`] | complete |
//! | RFC 6762 8.1, 8.2, 9: probing, giving names up | | left out: names are random |
//! | RFC 6762 8.3, 8.4, 10.1, 10.2: announcing, goodbye | [`Mdns::register`], [`Mdns::unregister`] | complete |
//! | RFC 6762 11: only the link | [`Mdns::set_interface`] | complete |
//! | RFC 6762 14: several interfaces | [`InterfaceId`] | complete |
//! | RFC 6762 18: messages | | complete for A, AAAA and NSEC |
//!
//! # What the owner does
//!
//! - For each interface it tells [`Mdns::set_interface`], and has a socket for each family the interface
//!   speaks: bound to [`PORT`] with address and port reuse, member of [`GROUP_V4`] or [`GROUP_V6`], multicast
//!   loop on (peers may be on the same host), time to live 255.
//! - It tells each datagram's interface, source and whether it was sent to the group ([`From`]).
//! - It never says whether a name was registered, announced or resolved: that would let a web page look
//!   into the network.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use antiphon_mdns::{Config, Event, From, InterfaceId, Mdns, Scope, Subnet};
//!
//! # let mut now = Instant::now();
//! let eth0 = InterfaceId(2);
//! let mut ours = Mdns::new(Config::default(), [1; 32], now);
//! ours.set_interface(now, eth0, &[Subnet::new("192.168.1.7".parse()?, 24)]);
//! let mut theirs = Mdns::new(Config::default(), [2; 32], now);
//! theirs.set_interface(now, eth0, &[Subnet::new("192.168.1.8".parse()?, 24)]);
//!
//! // This name stands in our candidate; the peer resolves it.
//! let name = ours.register(now, Scope::default(), "192.168.1.7".parse()?)?;
//! theirs.resolve(now, name)?;
//!
//! let mut buf = [0; 1500];
//! for _ in 0..4 {
//!     while let Some(sent) = ours.poll_output(now, &mut buf)? {
//!         let from = From { interface: eth0, source: "192.168.1.7:5353".parse()?, multicast: true };
//!         theirs.handle_input(now, from, &buf[..sent.len])?;
//!     }
//!     while let Some(sent) = theirs.poll_output(now, &mut buf)? {
//!         let from = From { interface: eth0, source: "192.168.1.8:5353".parse()?, multicast: true };
//!         ours.handle_input(now, from, &buf[..sent.len])?;
//!     }
//!     now += Duration::from_millis(50);
//! }
//! let address = "192.168.1.7".parse()?;
//! assert_eq!(theirs.poll_event(), Some(Event::Resolved { name, address, interface: Some(eth0) }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [draft-ietf-mmusic-mdns-ice-candidates]: https://datatracker.ietf.org/doc/draft-ietf-mmusic-mdns-ice-candidates/

mod clock;
mod config;
mod error;
mod event;
mod interface;
mod machine;
mod name;
mod stats;
mod wire;

pub use config::Config;
pub use error::{BufferTooSmall, InputError, NameError, ParseError, RegisterError, ResolveError};
pub use event::{Event, Unresolved};
pub use interface::{From, GROUP_V4, GROUP_V6, InterfaceId, PORT, Subnet, Transmit};
pub use machine::{Mdns, Scope};
pub use name::Name;
pub use stats::Stats;
