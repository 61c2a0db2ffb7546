use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use antiphon_crypto::{CryptoProvider, HashAlgorithm};
use antiphon_stun::attribute as stun;
use antiphon_stun::{Class, ErrorCode, MessageView, Method, WriteError};

use super::Server;
use super::credential::{Account, Answer, Identity, Query};
use super::error::InputError;
use super::nonce::{Nonce, Worth};
use super::quota::User;
use super::reply::{Problem, Signer};
use super::stats::bump;
use super::types::FiveTuple;
use crate::wire::{TurnMessage as _, TurnWriter as _, attribute};
use rand_core::Rng as _;

/// SHA-256 before MD5, without parameters (RFC 8489 section 14.11).
const ALGORITHMS: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];
const MD5: [u8; 4] = [0, 1, 0, 0];
const SHA256: [u8; 4] = [0, 2, 0, 0];

/// A request from somebody who proved to be `user`.
#[derive(Debug)]
pub(crate) struct Auth {
    pub(crate) user: User,
    /// USERNAME.
    pub(crate) name: Arc<[u8]>,
    /// Whether the key is one of SHA-256.
    pub(crate) sha256_key: bool,
    pub(crate) signer: Signer,
    /// The end of the access token.
    pub(crate) token_until: Option<Duration>,
    pub(crate) max_allocations: Option<u32>,
    pub(crate) bytes_per_second: Option<u64>,
}

/// Why a request goes no further.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// 401 or 438 with a nonce.
    Challenge(u16, Nonce),
    /// An error without integrity: nobody proved anything.
    Unsigned(Problem),
    /// The driver looks the user up.
    Pending,
    /// Not a word.
    Silent(InputError),
}

/// What a request says about its user, before anything is proven.
struct Claim<'a> {
    identity: Identity<'a>,
    sha256_key: bool,
    /// Whether the client chose an algorithm; the answer is signed with SHA-256 then.
    explicit: bool,
    realm: usize,
}

impl Server {
    //= rfc8656#5
    // Every request is authenticated by the long-term mechanism or a token.
    /// The checks of RFC 8489 section 9.2.4, with the nonce first: it costs one HMAC and no look-up
    /// to find out that nobody can be reached at the source.
    ///
    /// `known` is the driver's answer to a look-up.
    pub(crate) fn authenticate(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        known: Option<Option<Account>>,
    ) -> Result<Auth, Refusal> {
        let claim = self.claim(from, view)?;
        if let Some(token) = view.access_token() {
            return self.check_token(from, view, &claim, token);
        }
        let name: Option<Arc<[u8]>> = match claim.identity {
            Identity::Name(name) => Some(name.into()),
            Identity::Hash(_) => None,
        };
        if let Some(auth) = self.check_cached(from, view, &claim, name.as_deref())? {
            return Ok(auth);
        }
        let account = match known {
            Some(account) => account,
            None => {
                let realm = self.config.realm_name(claim.realm);
                let unix = self.unix();
                match self.store.look_up(&Query { realm, user: claim.identity, unix }) {
                    Answer::Known(account) => Some(account),
                    Answer::Unknown => None,
                    Answer::Later => return Err(self.defer(from, view, &claim)),
                }
            }
        };
        self.check_account(from, view, &claim, name, account)
    }

    fn claim<'a>(&mut self, from: FiveTuple, view: &MessageView<'a>) -> Result<Claim<'a>, Refusal> {
        let is_signed = view.has_message_integrity() || view.has_message_integrity_sha256();
        if !is_signed {
            self.may_answer(from.client)?;
            return Err(Refusal::Challenge(ErrorCode::UNAUTHENTICATED, self.fresh_nonce(from)));
        }
        let hash = view.find(stun::USERHASH).and_then(|hash| <&[u8; 32]>::try_from(hash).ok());
        let identity = view.username().map(Identity::Name).or(hash.map(Identity::Hash));
        let (Some(identity), Some(realm), Some(nonce)) = (identity, view.realm(), view.nonce())
        else {
            self.may_answer(from.client)?;
            return Err(Refusal::Unsigned(Problem::code(ErrorCode::BAD_REQUEST)));
        };
        let salt = self.salt();
        if let Worth::Stale(good) = self.nonces.check(nonce, from.client, self.unix(), salt) {
            self.may_answer(from.client)?;
            return Err(Refusal::Challenge(ErrorCode::STALE_NONCE, good));
        }
        let chosen = (view.find(stun::PASSWORD_ALGORITHMS), view.find(stun::PASSWORD_ALGORITHM));
        let (sha256_key, explicit) = match chosen {
            (None, None) => (false, false),
            (Some(list), Some(one)) if self.config.password_algorithms && list == ALGORITHMS => {
                match one {
                    one if one == MD5 => (false, true),
                    one if one == SHA256 => (true, true),
                    _ => return Err(self.bad_request(from.client)),
                }
            }
            _ => return Err(self.bad_request(from.client)),
        };
        let index = self.config.realm_at(from.server);
        if realm != self.config.realm_name(index).as_bytes() {
            self.may_answer(from.client)?;
            return Err(Refusal::Challenge(ErrorCode::UNAUTHENTICATED, self.fresh_nonce(from)));
        }
        Ok(Claim { identity, sha256_key, explicit, realm: index })
    }

    /// A user of tokens (RFC 7635 section 7).
    fn check_token(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        claim: &Claim<'_>,
        token: &[u8],
    ) -> Result<Auth, Refusal> {
        let unix = self.unix();
        //= rfc7635#7
        // A token that nobody asked for is an unknown attribute.
        let Some(tokens) = &self.config.tokens else {
            self.may_answer(from.client)?;
            let unknown = Problem::unknown(std::iter::once(attribute::ACCESS_TOKEN));
            return Err(Refusal::Unsigned(unknown));
        };
        let Identity::Name(kid) = claim.identity else { return Err(self.unproven(from)) };
        let Some(grant) = tokens.open(kid, token, unix) else { return Err(self.unproven(from)) };
        if !verify(&*self.provider, view, grant.mac_key.expose()) {
            return Err(self.unproven(from));
        }
        // All who hold tokens share the kid; the key tells them apart, and its hash may be seen.
        let digest = self.provider.hmac(HashAlgorithm::Sha256, &self.config.secret).map(|hmac| {
            hmac.sign(&[b"token", grant.mac_key.expose()]).prefix::<16>().unwrap_or([0; 16])
        });
        Ok(Auth {
            user: User {
                realm: u16::try_from(claim.realm).unwrap_or(u16::MAX),
                name: digest.unwrap_or([0; 16]).as_slice().into(),
            },
            name: kid.into(),
            sha256_key: claim.sha256_key,
            signer: Signer::new(view, grant.mac_key, claim.explicit),
            token_until: Some(grant.until),
            max_allocations: None,
            bytes_per_second: None,
        })
    }

    /// The user of an allocation that exists, by the key that made it. Allocate and Refresh of
    /// passwords go to the store each time: it may have changed its mind.
    fn check_cached(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        claim: &Claim<'_>,
        name: Option<&[u8]>,
    ) -> Result<Option<Auth>, Refusal> {
        let asks_store = matches!(view.method(), Method::ALLOCATE | Method::REFRESH);
        let unix = self.unix();
        let Some(slot) = self.subject(from, view) else { return Ok(None) };
        let Some(allocation) = self.table.get(slot) else { return Ok(None) };
        let credential = &allocation.credential;
        let is_same = name == Some(&*credential.name)
            && credential.sha256 == claim.sha256_key
            && usize::from(allocation.user.realm) == claim.realm;
        if !is_same || (asks_store && credential.token_until.is_none()) {
            return Ok(None);
        }
        let is_over = credential.token_until.is_some_and(|until| until <= unix);
        if is_over || !verify(&*self.provider, view, credential.key.expose()) {
            // Not this key: a changed password is the store's to know, a token's is not.
            let is_token = credential.token_until.is_some();
            return if is_token { Err(self.unproven(from)) } else { Ok(None) };
        }
        let auth = Auth {
            user: allocation.user.clone(),
            name: credential.name.clone(),
            sha256_key: claim.sha256_key,
            signer: Signer::new(view, credential.key.clone(), claim.explicit),
            token_until: credential.token_until,
            max_allocations: None,
            bytes_per_second: None,
        };
        bump(&mut self.stats.authenticated);
        Ok(Some(auth))
    }

    fn check_account(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        claim: &Claim<'_>,
        name: Option<Arc<[u8]>>,
        account: Option<Account>,
    ) -> Result<Auth, Refusal> {
        let Some(account) = account else {
            // A user who does not exist takes as long as one who does.
            let _ = std::hint::black_box(verify(&*self.provider, view, &[0; 16]));
            return Err(self.unproven(from));
        };
        let proven = account.keys.iter().take(4).find_map(|keys| {
            let key = if claim.sha256_key { &keys.sha256 } else { &keys.md5 };
            key.as_ref().filter(|key| verify(&*self.provider, view, key.expose()))
        });
        let Some(key) = proven else { return Err(self.unproven(from)) };
        let signer = Signer::new(view, key.clone(), claim.explicit);
        bump(&mut self.stats.authenticated);
        Ok(Auth {
            user: User {
                realm: u16::try_from(claim.realm).unwrap_or(u16::MAX),
                name: account.identity.clone(),
            },
            name: name.unwrap_or(account.identity),
            sha256_key: claim.sha256_key,
            signer,
            token_until: None,
            max_allocations: account.max_allocations,
            bytes_per_second: account.bytes_per_second,
        })
    }

    fn defer(&mut self, from: FiveTuple, view: &MessageView<'_>, claim: &Claim<'_>) -> Refusal {
        let realm = self.config.realm_name(claim.realm).into();
        match self.look_up_later(from, view, realm, claim.identity.into()) {
            Ok(()) => Refusal::Pending,
            Err(error) => Refusal::Silent(error),
        }
    }

    /// The right nonce, the wrong key.
    fn unproven(&mut self, from: FiveTuple) -> Refusal {
        match self.may_answer(from.client) {
            Ok(()) => Refusal::Challenge(ErrorCode::UNAUTHENTICATED, self.fresh_nonce(from)),
            Err(refusal) => refusal,
        }
    }

    fn bad_request(&mut self, client: SocketAddr) -> Refusal {
        match self.may_answer(client) {
            Ok(()) => Refusal::Unsigned(Problem::code(ErrorCode::BAD_REQUEST)),
            Err(refusal) => refusal,
        }
    }

    /// Whether somebody unproven at this address may have an answer.
    pub(crate) fn may_answer(&mut self, client: SocketAddr) -> Result<(), Refusal> {
        if self.limiter.allow(client.ip(), self.clock.now()) {
            return Ok(());
        }
        bump(&mut self.stats.rate_limited);
        Err(Refusal::Silent(InputError::RateLimited))
    }

    fn fresh_nonce(&mut self, from: FiveTuple) -> Nonce {
        let salt = self.salt();
        self.nonces.issue(from.client, self.unix(), salt)
    }

    fn salt(&mut self) -> u16 {
        u16::try_from(self.random.next_u32() >> 16).unwrap_or(0)
    }

    /// Writes what a refusal says.
    pub(crate) fn refuse(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        refusal: Refusal,
    ) -> Result<(), InputError> {
        let (code, nonce, problem) = match refusal {
            Refusal::Challenge(code, nonce) => (code, Some(nonce), None),
            Refusal::Unsigned(problem) => (problem.code, None, Some(problem)),
            Refusal::Pending => return Ok(()),
            Refusal::Silent(error) => return Err(error),
        };
        let counter = match code {
            ErrorCode::UNAUTHENTICATED => &mut self.stats.challenges,
            ErrorCode::STALE_NONCE => &mut self.stats.stale_nonces,
            _ => &mut self.stats.errors,
        };
        bump(counter);
        let realm = self.config.realm_name(self.config.realm_at(from.server)).as_bytes();
        let config = &self.config;
        let sent = self.out.push(from, Class::Error, view.method(), view.transaction_id(), |w| {
            if let Some(problem) = problem {
                problem.write(w)?;
            }
            if let Some(nonce) = nonce {
                w.error_code(code, "")?.realm(realm)?.nonce(&nonce)?;
                if config.password_algorithms {
                    w.attribute(stun::PASSWORD_ALGORITHMS, &ALGORITHMS)?;
                }
                if let Some(tokens) = &config.tokens {
                    w.third_party_authorization(tokens.server_name.as_bytes())?;
                }
            }
            if view.has_fingerprint() {
                w.fingerprint()?;
            }
            Ok::<(), WriteError>(())
        });
        if sent { Ok(()) } else { Err(self.output_full()) }
    }

    pub(crate) fn output_full(&mut self) -> InputError {
        bump(&mut self.stats.output_full);
        InputError::Full { limit: self.config.max_output }
    }
}

/// Whether `view` was signed with `key`, in constant time.
fn verify(provider: &dyn CryptoProvider, view: &MessageView<'_>, key: &[u8]) -> bool {
    let sign = |algorithm, parts: &[&[u8]]| {
        provider.hmac(algorithm, key).map(|hmac| hmac.sign(parts)).ok()
    };
    if view.has_message_integrity_sha256() {
        let mut lacks = false;
        let result = view.verify_message_integrity_sha256(|parts| {
            let tag = sign(HashAlgorithm::Sha256, parts).and_then(|tag| tag.prefix());
            lacks = tag.is_none();
            tag.unwrap_or([0; 32])
        });
        return result.is_ok() && !lacks;
    }
    let mut lacks = false;
    let result = view.verify_message_integrity(|parts| {
        let tag = sign(HashAlgorithm::Sha1, parts).and_then(|tag| tag.prefix());
        lacks = tag.is_none();
        tag.unwrap_or([0; 20])
    });
    result.is_ok() && !lacks
}
