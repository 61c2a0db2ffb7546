//! What can be replaced while allocations live.

use std::time::Instant;

use super::config::Config;
use super::credential::CredentialStore;
use super::error::ConfigError;
use super::policy::PeerPolicy;
use super::stats::add;
use super::{Redirect, Server};

impl Server {
    /// Takes up another configuration; allocations live on.
    ///
    /// At once: the policy (as with [`set_policy`](Self::set_policy)), tokens, the redirection,
    /// SOFTWARE, the rates of challenges, and the bandwidth of allocations whose account does not
    /// say its own. From the next request on: quotas, limits and lifetimes; who is above a new
    /// limit keeps what it has, and a lifetime that was granted stays.
    ///
    /// As they were at birth stay `realms`, `listeners`, `relays`, `ports`, `ports_of_all`,
    /// `port_cool_down`, `shard`, `secret`, `nonce_lifetime`, `password_algorithms`,
    /// `username_anonymity`, `tcp_relays`, `nat_behaviour` and `max_output`, whatever `config` says, and the counts
    /// of `quotas`, of which only the limit is taken.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the option; nothing has changed then.
    pub fn reconfigure(&mut self, now: Instant, config: Config) -> Result<(), ConfigError> {
        self.clock.advance(now);
        let old = &self.config;
        let mut config = Config {
            realms: old.realms.clone(),
            listeners: old.listeners.clone(),
            relays: old.relays.clone(),
            ports: old.ports.clone(),
            ports_of_all: old.ports_of_all.clone(),
            port_cool_down: old.port_cool_down,
            shard: old.shard,
            secret: old.secret,
            nonce_lifetime: old.nonce_lifetime,
            password_algorithms: old.password_algorithms,
            username_anonymity: old.username_anonymity,
            tcp_relays: old.tcp_relays,
            nat_behaviour: old.nat_behaviour,
            max_output: old.max_output,
            quotas: old.quotas.with_limit_of(&config.quotas),
            ..config
        };
        config.prepare()?;
        self.limiter.set_rate(config.challenges_per_second, config.challenge_burst);
        if config.bytes_per_second != old.bytes_per_second {
            let now = self.clock.now();
            for allocation in self.table.iter_mut().filter(|found| !found.own_bandwidth) {
                allocation.bandwidth.set_limit(config.bytes_per_second, now);
            }
        }
        self.config = config;
        self.revoke();
        Ok(())
    }

    /// Sends clients elsewhere from now on, or no longer.
    pub fn redirect(&mut self, redirect: Option<Redirect>) {
        self.config.redirect = redirect;
    }

    /// Replaces the rules for peers. Permissions and connections that they forbid end now; a
    /// channel bound to such a peer carries nothing any more.
    pub fn set_policy(&mut self, now: Instant, policy: PeerPolicy) {
        self.clock.advance(now);
        self.config.policy = policy;
        self.config.deny_own();
        self.revoke();
    }

    /// Replaces what knows the users.
    pub fn set_store(&mut self, store: Box<dyn CredentialStore>) {
        self.store = store;
    }

    /// Ends what the policy forbids.
    fn revoke(&mut self) {
        let now = self.clock.now();
        let config = &self.config;
        let mut revoked = 0_usize;
        for allocation in self.table.iter_mut() {
            let ended = allocation.peers.revoke(now, |ip| config.admits_ip(ip));
            revoked = revoked.saturating_add(ended);
        }
        add(&mut self.stats.revoked, revoked);
        self.revoke_connections();
    }
}
