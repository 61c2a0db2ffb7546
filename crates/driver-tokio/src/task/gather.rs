//! Which addresses the connection has: sockets, listeners and names.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Task;
use crate::mdns::Names;
use crate::shared::State;
use crate::socket::Socket;
use crate::streams::Listener;
use crate::{Mdns, addresses};

/// How often the machine's addresses are looked at: a new network is used within that time, and it
/// costs some 50 microseconds.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// What a candidate that only connects names as its port (RFC 6544 section 4.5).
const DISCARD: u16 = 9;

impl Task {
    /// Binds a socket for each address of the machine.
    pub(super) fn gather(&mut self, state: &mut State) {
        let now = Instant::now();
        for address in addresses::local(&self.config) {
            self.bind(state, now, address);
        }
        state.machine.end_of_local_addresses(now);
        if self.config.addresses.is_none() {
            self.looks_again = now.checked_add(LOOK_AGAIN);
        }
    }

    fn bind(&mut self, state: &mut State, now: Instant, address: IpAddr) {
        if !self.hide(state, address) {
            return;
        }
        let ports = self.config.port_range.clone();
        match Socket::bind(address, ports, self.config.socket_buffer_bytes) {
            Ok(socket) => {
                state.machine.add_local_address(now, socket.local());
                self.sockets.push(socket);
            }
            Err(error) => tracing::debug!(%error, %address, "this address cannot be bound"),
        }
        if !self.config.ice_tcp {
            return;
        }
        state.machine.add_tcp_origin(now, SocketAddr::new(address, DISCARD));
        match Listener::bind(address, &self.config) {
            Ok(listener) => {
                state.machine.add_tcp_listener(now, listener.local());
                self.listeners.push(listener);
            }
            Err(error) => tracing::debug!(%error, %address, "nothing can listen here"),
        }
    }

    /// Binds the addresses that have come, and lets go of those that have gone.
    pub(super) fn look_at_addresses(&mut self, state: &mut State, now: Instant) {
        if self.looks_again.is_none_or(|due| due > now) {
            return;
        }
        self.looks_again = now.checked_add(LOOK_AGAIN);
        let bound = self.sockets.iter().map(|socket| socket.local().ip()).collect();
        let (come, gone) = addresses::changes(&bound, &addresses::local(&self.config));
        for address in come {
            tracing::debug!(%address, "an address has come");
            self.bind(state, now, address);
        }
        if gone.is_empty() {
            return;
        }
        self.sockets.retain(|socket| {
            let stays = !gone.contains(&socket.local().ip());
            if !stays {
                tracing::debug!(local = %socket.local(), "an address has gone");
                state.machine.remove_local_address(now, socket.local());
            }
            stays
        });
        self.listeners.retain(|listener| {
            let local = listener.local();
            let stays = !gone.contains(&local.ip());
            if !stays {
                state.machine.remove_tcp_address(now, local);
                state.machine.remove_tcp_address(now, SocketAddr::new(local.ip(), DISCARD));
            }
            stays
        });
    }

    /// Sees to it that the peer gets a name for the address, where that is wanted. `false`: there is
    /// none, so the address cannot be used.
    fn hide(&mut self, state: &mut State, address: IpAddr) -> bool {
        // Every machine has loopback: it says nothing of this one, and no name may lead to it.
        if self.config.mdns != Mdns::Hide || address.is_loopback() {
            return true;
        }
        let Some(name) = self.names().hide(address) else {
            tracing::warn!(%address, "no name hides this address: it is not used");
            return false;
        };
        state.machine.hide_local_address(address, &name.to_string());
        true
    }

    /// Finds the address of a peer's name.
    pub(super) fn resolve(&mut self, state: &mut State, name: String) {
        let (shared, text) = (Arc::downgrade(&self.shared), name.clone());
        let told = move |address: Option<IpAddr>| {
            if let Some(shared) = shared.upgrade() {
                shared.command(|machine, now| machine.name_resolved(now, &text, address));
            }
        };
        if self.config.mdns == Mdns::Off || !self.names().resolve(&name, told) {
            state.machine.name_resolved(Instant::now(), &name, None);
        }
    }

    fn names(&mut self) -> &Names {
        let provider = &self.config.provider;
        self.names.get_or_insert_with(|| Names::new(Arc::clone(provider)))
    }
}
