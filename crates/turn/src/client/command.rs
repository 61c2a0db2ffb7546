//! What the owner wants.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use antiphon_stun::Attempt;

use super::channels::NoChannel;
use super::config::Credentials;
use super::error::{AllocateError, CommandError, ConfigError, LossReason};
use super::event::{Event, Via};
use super::request::Purpose;
use super::{Client, State, Wanted, authentication};
use crate::wire::ChannelNumber;
use crate::wire::attribute::{Family, Protocol};

impl Client {
    /// Asks for an allocation. [`Event::Allocated`] or [`Event::AllocateFailed`] is the answer.
    ///
    /// # Errors
    ///
    /// [`CommandError::AlreadyAllocated`] and [`CommandError::TooSoon`].
    pub fn allocate(&mut self, now: Instant) -> Result<(), CommandError> {
        self.handle_time(now);
        match self.state {
            State::Idle => {}
            State::Allocating | State::Waiting(_) | State::Allocated(_) | State::Releasing => {
                return Err(CommandError::AlreadyAllocated);
            }
        }
        //= rfc8656#7.4
        // A server that is full, or that we bothered in vain, is left alone for a while.
        let wait = self.not_before.saturating_sub(self.clock.now());
        if !wait.is_zero() {
            return Err(CommandError::TooSoon { wait });
        }
        self.ports_tried = 1;
        self.server = self.config.server;
        self.visited.clear();
        self.begin();
        Ok(())
    }

    /// The owner has a new connection, or a new local port, to `server`: the allocation goes on
    /// there, after [`Event::NewLocalPortWanted`] or [`Event::Redirected`].
    ///
    /// # Errors
    ///
    /// [`CommandError::Unexpected`] when neither was said.
    pub fn reconnected(&mut self, now: Instant, server: SocketAddr) -> Result<(), CommandError> {
        self.handle_time(now);
        match self.state {
            State::Waiting(Wanted::Connection) => {
                self.server = server;
                self.begin();
                Ok(())
            }
            State::Idle
            | State::Allocating
            | State::Waiting(Wanted::Credentials)
            | State::Allocated(_)
            | State::Releasing => Err(CommandError::Unexpected),
        }
    }

    /// Who we are: the answer to [`Event::CredentialsWanted`], or a fresh token or password for the
    /// requests to come.
    ///
    /// # Errors
    ///
    /// [`ConfigError`]; the old ones then stay.
    pub fn set_credentials(
        &mut self,
        now: Instant,
        credentials: Credentials,
    ) -> Result<(), ConfigError> {
        self.handle_time(now);
        let (auth, token) = authentication(&self.config, credentials, &self.hashes)?;
        (self.auth, self.token) = (auth, token);
        if matches!(self.state, State::Waiting(Wanted::Credentials)) && self.auth.is_some() {
            self.begin();
        }
        Ok(())
    }

    pub(super) fn begin(&mut self) {
        let now = self.clock.now();
        self.visited.push((self.server, now));
        self.state = State::Allocating;
        self.ask(Purpose::Allocate, Via::Control, Attempt::default());
        self.schedule();
    }

    /// Gives the allocation back. [`Event::Released`] follows, whatever the server says.
    ///
    /// # Errors
    ///
    /// [`CommandError::NotAllocated`].
    pub fn release(&mut self, now: Instant) -> Result<(), CommandError> {
        self.handle_time(now);
        match self.state {
            State::Allocated(_) => {
                self.end();
                self.state = State::Releasing;
                self.ask(Purpose::Release, Via::Control, Attempt::default());
            }
            // Nothing there yet that could be given back.
            State::Allocating | State::Waiting(_) => {
                self.end();
                self.tell(Event::Released);
            }
            State::Idle | State::Releasing => return Err(CommandError::NotAllocated),
        }
        self.schedule();
        Ok(())
    }

    /// Lets `peer` send to the relayed address, from any port; kept until
    /// [`remove_permission`](Self::remove_permission). Asking again changes nothing.
    ///
    /// # Errors
    ///
    /// [`CommandError::NotAllocated`], [`CommandError::Family`] and [`CommandError::Limit`].
    pub fn create_permission(&mut self, now: Instant, peer: IpAddr) -> Result<(), CommandError> {
        self.handle_time(now);
        self.check_family(peer)?;
        let limit = self.config.max_permissions;
        if !self.permissions.contains(peer) && self.permissions.len() >= limit {
            return Err(CommandError::Limit { limit });
        }
        self.permissions.want(self.clock.now(), peer);
        self.keep_peers();
        self.schedule();
        Ok(())
    }

    /// No longer refreshes the permission of `peer`; it ends by itself within five minutes. Says
    /// whether there was one.
    pub fn remove_permission(&mut self, now: Instant, peer: IpAddr) -> bool {
        self.handle_time(now);
        let removed = self.permissions.remove(peer);
        self.schedule();
        removed
    }

    /// Asks for a channel to `peer`, and for the permission that goes with it. Until
    /// [`Event::ChannelBound`] data goes in indications by itself.
    ///
    /// # Errors
    ///
    /// [`CommandError`]: not allocated, another family, a limit, or [`CommandError::TooSoon`] for
    /// five minutes after the peer's last channel ended.
    pub fn bind_channel(
        &mut self,
        now: Instant,
        peer: SocketAddr,
    ) -> Result<ChannelNumber, CommandError> {
        self.handle_time(now);
        if self.config.protocol != Protocol::Udp {
            return Err(CommandError::Protocol);
        }
        self.create_permission(now, peer.ip())?;
        let moment = self.clock.now();
        let limit = self.config.max_channels;
        let number = self.channels.want(moment, peer, limit).map_err(|error| match error {
            NoChannel::Limit => CommandError::Limit { limit },
            NoChannel::Until(at) => CommandError::TooSoon { wait: at.saturating_sub(moment) },
        })?;
        self.keep_peers();
        self.schedule();
        Ok(number)
    }

    /// The owner sends from another address from now on (RFC 8016): the allocation follows, and
    /// [`Event::Moved`] says so.
    ///
    /// # Errors
    ///
    /// [`CommandError::NotAllocated`] and [`CommandError::NoTicket`].
    pub fn moved(&mut self, now: Instant) -> Result<(), CommandError> {
        self.handle_time(now);
        let moment = self.clock.now();
        let State::Allocated(lease) = &mut self.state else {
            return Err(CommandError::NotAllocated);
        };
        if lease.ticket.is_none() {
            return Err(CommandError::NoTicket);
        }
        lease.refresh = None;
        // What was on its way went the old way; it is asked anew once the server knows us again.
        let requests = std::mem::take(&mut self.requests);
        for request in requests {
            match request.purpose {
                Purpose::Permission(peers) => self.permissions.ask_again(moment, &peers),
                Purpose::Channel(number, _) => self.channels.ask_again(moment, number),
                Purpose::Connect(_)
                | Purpose::ConnectionBind(_)
                | Purpose::Allocate
                | Purpose::Refresh
                | Purpose::Move
                | Purpose::Release => {}
            }
        }
        self.ask(Purpose::Move, Via::Control, Attempt::default());
        self.schedule();
        Ok(())
    }

    /// The transport to the server is gone: a closed TCP connection, or a hard ICMP error.
    pub fn transport_failed(&mut self, now: Instant) {
        self.handle_time(now);
        match self.state {
            State::Idle => {}
            State::Allocating | State::Waiting(_) => {
                self.end();
                self.tell(Event::AllocateFailed(AllocateError::TransportFailed));
            }
            State::Allocated(_) => self.lose(LossReason::TransportFailed),
            State::Releasing => {
                self.end();
                self.tell(Event::Released);
            }
        }
        self.schedule();
    }

    /// The peer must be of a family that the allocation has (RFC 8656 section 9).
    pub(super) fn check_family(&self, peer: IpAddr) -> Result<(), CommandError> {
        let allocation = self.allocation().ok_or(CommandError::NotAllocated)?;
        match allocation.relayed(Family::of(peer)) {
            Some(_) => Ok(()),
            None => Err(CommandError::Family),
        }
    }

    /// Until then the server is left alone.
    pub(super) fn leave_alone(&mut self, delay: Duration) {
        self.not_before = self.clock.after(delay);
    }
}
