use std::time::Instant;

use antiphon_stun::attribute as stun;
use antiphon_stun::{
    BindingServer, BindingServerConfig, Class, MessageView, MessageWriter, Method,
    NatBehaviourServer, WriteError,
};

use super::Server;
use super::auth::Auth;
use super::credential::Account;
use super::error::InputError;
use super::hash::TupleKey;
use super::reply::{Problem, Signer};
use super::stats::bump;
use super::types::{FiveTuple, Input, Step, Transport};
use crate::wire::{TurnMessage as _, attribute, code, method};

/// What the server understands of attributes that must be understood.
const KNOWN: [u16; 18] = [
    stun::USERNAME,
    stun::USERHASH,
    stun::REALM,
    stun::NONCE,
    stun::PASSWORD_ALGORITHM,
    stun::MESSAGE_INTEGRITY,
    stun::MESSAGE_INTEGRITY_SHA256,
    attribute::CHANNEL_NUMBER,
    attribute::LIFETIME,
    attribute::XOR_PEER_ADDRESS,
    attribute::DATA,
    attribute::REQUESTED_ADDRESS_FAMILY,
    attribute::EVEN_PORT,
    attribute::REQUESTED_TRANSPORT,
    attribute::DONT_FRAGMENT,
    attribute::ACCESS_TOKEN,
    attribute::RESERVATION_TOKEN,
    attribute::CONNECTION_ID,
];

impl Server {
    /// Takes one datagram of a client, or one frame of its stream.
    ///
    /// # Errors
    ///
    /// Says why it was dropped; a counter knows, too. The state of the server is unchanged then.
    #[inline]
    pub fn handle_input(
        &mut self,
        now: Instant,
        from: FiveTuple,
        bytes: &[u8],
    ) -> Result<Input, InputError> {
        self.handle_batch(now, from, bytes, bytes.len()).outcome
    }

    /// Takes what the kernel joined: datagrams of `stride` bytes from one client one after the
    /// other, the last perhaps shorter. One step covers the longest run that goes the same way;
    /// go on with the bytes behind [`Step::consumed`].
    #[inline]
    pub fn handle_batch(
        &mut self,
        now: Instant,
        from: FiveTuple,
        bytes: &[u8],
        stride: usize,
    ) -> Step<Input> {
        self.clock.advance(now);
        if let Some(0x40..=0x7f) = bytes.first() {
            return self.channel_run(from, bytes, stride);
        }
        let consumed = if stride == 0 { bytes.len() } else { stride.min(bytes.len()) };
        let message = bytes.get(..consumed).unwrap_or_default();
        let outcome = match message.first() {
            Some(0..=3) => self.handle_stun(from, message),
            first => {
                bump(&mut self.stats.malformed);
                let first = first.copied().unwrap_or(0);
                Err(InputError::Unknown { len: message.len(), first })
            }
        };
        Step { consumed, outcome }
    }

    fn handle_stun(&mut self, from: FiveTuple, bytes: &[u8]) -> Result<Input, InputError> {
        let view = match MessageView::parse(bytes) {
            Ok(view) => view,
            Err(error) => {
                bump(&mut self.stats.malformed);
                return Err(error.into());
            }
        };
        if !self.spliced.is_empty() && self.spliced.contains_key(&TupleKey::new(&from)) {
            return Err(InputError::Spliced);
        }
        match (view.class(), view.method()) {
            (Class::Indication, Method::SEND) => self.handle_send(from, &view, bytes),
            (Class::Indication, Method::BINDING) => Ok(Input::Control),
            (Class::Request, Method::BINDING) if self.config.binding => {
                match self.config.nat_behaviour {
                    Some(behaviour) if from.transport == Transport::Udp => {
                        self.handle_discovery(from, bytes, behaviour)
                    }
                    Some(_) | None => self.handle_binding(from, &view),
                }
            }
            (Class::Request, method) if is_known(method) => self.handle_request(from, &view, None),
            (Class::Request | Class::Indication | Class::Success | Class::Error, method) => {
                bump(&mut self.stats.malformed);
                Err(InputError::Unexpected { method: method.number() })
            }
        }
    }

    /// Binding asks for no credentials; its answers are counted against the source all the same.
    fn handle_binding(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
    ) -> Result<Input, InputError> {
        if let Err(refusal) = self.may_answer(from.client) {
            return self.refuse(from, view, refusal).map(|()| Input::Control);
        }
        let mut unknown = view.unknown_comprehension_required(&KNOWN).peekable();
        let problem = unknown.peek().is_some().then(|| Problem::unknown(unknown));
        let class = if problem.is_some() { Class::Error } else { Class::Success };
        let sent = self.out.push(from, class, view.method(), view.transaction_id(), |w| {
            match problem {
                Some(problem) => problem.write(w)?,
                None => drop(w.xor_mapped_address(from.client)?),
            }
            if view.has_fingerprint() {
                w.fingerprint()?;
            }
            Ok::<(), WriteError>(())
        });
        if sent { Ok(Input::Control) } else { Err(self.output_full()) }
    }

    /// Binding where clients may explore their NATs (RFC 5780); a plain request is answered as ever.
    fn handle_discovery(
        &mut self,
        from: FiveTuple,
        bytes: &[u8],
        behaviour: NatBehaviourServer,
    ) -> Result<Input, InputError> {
        if self.may_answer(from.client).is_err() {
            return Err(InputError::RateLimited);
        }
        let mut config = BindingServerConfig::default();
        config.nat_behaviour = Some(behaviour);
        // A 420 that names the unknown attributes is the longest answer.
        let mut buf = [0; 548];
        let binding = BindingServer::new(config);
        let Ok(answer) = binding.handle_input(from.server, from.client, bytes, &mut buf) else {
            bump(&mut self.stats.malformed);
            return Err(InputError::Answer);
        };
        let to = FiveTuple { client: answer.remote, server: answer.local, ..from };
        let message = buf.get(..answer.len).unwrap_or_default();
        if self.out.push_written(to, message) {
            Ok(Input::Control)
        } else {
            Err(self.output_full())
        }
    }

    /// A request that wants credentials. `known` is the driver's answer to a look-up.
    pub(crate) fn handle_request(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        known: Option<Option<Account>>,
    ) -> Result<Input, InputError> {
        let auth = match self.authenticate(from, view, known) {
            Ok(auth) => auth,
            Err(refusal) => {
                return self.refuse(from, view, refusal).map(|()| Input::Control);
            }
        };
        if self.out.is_full() {
            // Whatever is done could not be answered: let the client ask again.
            return Err(self.output_full());
        }
        let signer = auth.signer.clone();
        let result = self.dispatch(from, view, auth);
        if let Err(problem) = result {
            self.reply_error(from, &signer, problem);
        }
        Ok(Input::Control)
    }

    fn dispatch(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        auth: Auth,
    ) -> Result<(), Problem> {
        let mut unknown = view.unknown_comprehension_required(&KNOWN).peekable();
        if unknown.peek().is_some() {
            return Err(Problem::unknown(unknown));
        }
        match view.method().number() {
            0x003 => return self.allocate(from, view, auth),
            0x004 if view.mobility_ticket().is_some() => return self.resume(from, view, auth),
            method::CONNECTION_BIND => return self.connection_bind(from, view, &auth),
            _ => {}
        }
        let slot = self.owned_slot(from, &auth)?;
        match view.method().number() {
            0x004 => self.refresh(from, view, auth, slot),
            0x008 => self.create_permission(from, view, &auth, slot),
            0x009 => self.channel_bind(from, view, &auth, slot),
            _ => self.connect(from, view, auth, slot),
        }
    }

    //= rfc8656#5
    // Without an allocation 437, of another user 441.
    fn owned_slot(&mut self, from: FiveTuple, auth: &Auth) -> Result<u32, Problem> {
        let mismatch = Problem::code(code::ALLOCATION_MISMATCH);
        let slot = self.table.find(&from).ok_or(mismatch)?;
        let allocation = self.table.get(slot).ok_or(mismatch)?;
        if !allocation.is_live() {
            return Err(mismatch);
        }
        if allocation.user != auth.user {
            return Err(Problem::code(code::WRONG_CREDENTIALS));
        }
        Ok(slot)
    }

    /// The allocation that a request is about, before anybody proved anything.
    pub(crate) fn subject(&mut self, from: FiveTuple, view: &MessageView<'_>) -> Option<u32> {
        match view.method().number() {
            0x004 => match view.mobility_ticket() {
                Some(ticket) => self.slot_of_ticket(ticket),
                None => self.table.find(&from),
            },
            method::CONNECTION_BIND => {
                let id = view.connection_id().ok().flatten()?;
                self.connections.get(&id).map(|connection| connection.slot)
            }
            _ => self.table.find(&from),
        }
    }

    pub(crate) fn reply_error(&mut self, to: FiveTuple, signer: &Signer, problem: Problem) {
        bump(&mut self.stats.errors);
        self.reply(to, Class::Error, signer, |w| problem.write(w));
    }

    pub(crate) fn reply_success(
        &mut self,
        to: FiveTuple,
        signer: &Signer,
        write: impl FnOnce(&mut MessageWriter<'_>) -> Result<(), WriteError>,
    ) {
        bump(&mut self.stats.successes);
        self.reply(to, Class::Success, signer, write);
    }

    fn reply(
        &mut self,
        to: FiveTuple,
        class: Class,
        signer: &Signer,
        write: impl FnOnce(&mut MessageWriter<'_>) -> Result<(), WriteError>,
    ) {
        //= rfc8656#5
        // SOFTWARE goes with the answers to Allocate and Refresh.
        let says_software = matches!(signer.method, Method::ALLOCATE | Method::REFRESH);
        let software = self.config.software.as_deref().filter(|_| says_software);
        let sent = self.out.signed(to, class, signer, &*self.provider, |w| {
            write(w)?;
            if let Some(software) = software {
                w.software(software.as_bytes())?;
            }
            Ok(())
        });
        if !sent {
            bump(&mut self.stats.output_full);
        }
    }
}

/// Allocate, Refresh, CreatePermission, ChannelBind, Connect, ConnectionBind.
fn is_known(method: Method) -> bool {
    matches!(
        method.number(),
        0x003 | 0x004 | 0x008 | 0x009 | method::CONNECT | method::CONNECTION_BIND
    )
}
