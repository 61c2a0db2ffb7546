use std::time::Duration;

use super::heartbeat::MAX_HEARTBEAT;
use super::opening::{Echoed, Opening};
use super::reply::Body;
use super::tcb::{End, Identity, Phase, Tcb};
use super::{Association, State, Tags};
use crate::event::{CloseReason, Violation};
use crate::wire::{Cause, Chunk, Cookie, Init, InitView, PacketView, first_cause, kind};
use crate::{Event, InputError};

/// Smallest receive window an association can be built with (RFC 9260 section 3.3.2).
const MIN_WINDOW: u32 = 1500;

/// Tags and states: which packet belongs where, and the four-way handshake with its collisions
/// ([RFC 9260 section 5]).
///
/// [RFC 9260 section 5]: https://www.rfc-editor.org/rfc/rfc9260#section-5
impl Association {
    pub(super) fn dispatch(&mut self, view: &PacketView<'_>) -> Result<(), InputError> {
        let first = view.first_kind();
        //= rfc9260#6.10
        // INIT, INIT ACK and SHUTDOWN COMPLETE are alone in their packets.
        if matches!(first, kind::INIT | kind::INIT_ACK | kind::SHUTDOWN_COMPLETE)
            && view.has_more_than_one()
        {
            return Err(InputError::NotAlone(first));
        }
        let tag = view.header.tag;
        match view.chunks().next() {
            Some(Chunk::Init(init)) if tag == 0 => self.init(&init),
            Some(Chunk::CookieEcho(cookie)) if tag != 0 => self.cookie_echo(view, cookie),
            //= rfc9260#8.5.1
            // A: tag 0 is for INIT only, and INIT for tag 0.
            _ if tag == 0 || first == kind::INIT => Err(InputError::VerificationTag(tag)),
            Some(chunk) => self.chunks(view, &chunk),
            None => Err(InputError::MalformedChunk),
        }
    }

    fn chunks(&mut self, view: &PacketView<'_>, first: &Chunk<'_>) -> Result<(), InputError> {
        let tag = view.header.tag;
        match &mut self.state {
            State::Closed => Err(InputError::OutOfTheBlue(view.first_kind())),
            State::CookieWait(opening) => {
                let local = opening.local.tag;
                self.in_cookie_wait(tag, local, first)
            }
            State::CookieEchoed(echoed) => {
                let (local, peer) = (echoed.opening.local.tag, echoed.tcb.peer_tag);
                self.in_cookie_echoed(tag, Tags { local, peer }, first)?;
                if matches!(first, Chunk::CookieAck) {
                    // What follows the COOKIE ACK in its packet is for the association it made.
                    self.in_association(view, 1);
                }
                Ok(())
            }
            State::Open(tcb) => {
                let tags = Tags { local: tcb.local.tag, peer: tcb.peer_tag };
                check_tag(tag, tags, first)?;
                self.in_association(view, 0);
                Ok(())
            }
            State::Ended(tags) => {
                let tags = *tags;
                self.after_the_end(tag, tags, first)
            }
        }
    }

    /// Gives the chunks from the `skip`-th on to the association.
    fn in_association(&mut self, view: &PacketView<'_>, skip: usize) {
        let (state, mut context) = self.split();
        let State::Open(tcb) = state else { return };
        if let Err(end) = tcb.packet(view.chunks().skip(skip), &mut context) {
            self.end(end);
        }
    }

    fn in_cookie_wait(
        &mut self,
        tag: u32,
        local: u32,
        first: &Chunk<'_>,
    ) -> Result<(), InputError> {
        //= rfc9260#9.2
        // SHUTDOWN ACK for an association we know nothing of: SHUTDOWN COMPLETE, tag reflected.
        if matches!(first, Chunk::ShutdownAck) {
            self.reply(tag, Body::ShutdownComplete { reflected: true });
            return Ok(());
        }
        if tag != local {
            return Err(InputError::VerificationTag(tag));
        }
        if let Chunk::InitAck(init) = first {
            return self.init_ack(init);
        }
        let Chunk::Abort { reflected: false, causes } = first else {
            return Err(InputError::OutOfTheBlue(first.kind()));
        };
        let cause = first_cause(causes);
        self.end(End::silent(CloseReason::PeerAborted { cause }));
        Ok(())
    }

    fn in_cookie_echoed(
        &mut self,
        tag: u32,
        tags: Tags,
        first: &Chunk<'_>,
    ) -> Result<(), InputError> {
        if matches!(first, Chunk::ShutdownAck) {
            self.reply(tag, Body::ShutdownComplete { reflected: true });
            return Ok(());
        }
        check_tag(tag, tags, first)?;
        if matches!(first, Chunk::CookieAck) {
            self.established(None);
            return Ok(());
        }
        if let Chunk::Abort { causes, .. } = first {
            let cause = first_cause(causes);
            self.end(End::silent(CloseReason::PeerAborted { cause }));
            return Ok(());
        }
        if let Chunk::Heartbeat(value) = first {
            //= rfc9260#8.3
            // The peer may be up already, its COOKIE ACK lost.
            if value.len() <= MAX_HEARTBEAT {
                self.reply(tags.peer, Body::HeartbeatAck(value.to_vec()));
            }
            return Ok(());
        }
        let stale = matches!(first, Chunk::Error(causes) if first_cause(causes) == Some(3));
        let State::CookieEchoed(echoed) = &mut self.state else { return Ok(()) };
        if !stale {
            return Err(InputError::OutOfTheBlue(first.kind()));
        }
        //= rfc9260#5.2.6
        // The cookie was too old: start again with a new INIT.
        let mut opening = Opening::new(echoed.opening.local);
        opening.attempts = echoed.opening.attempts.saturating_add(1);
        if opening.attempts > self.config.max_init_retransmits {
            self.end(End::silent(CloseReason::ConnectTimeout));
        } else {
            self.state = State::CookieWait(opening);
        }
        Ok(())
    }

    /// The peer still speaks to an association that has ended here.
    fn after_the_end(
        &mut self,
        tag: u32,
        tags: Option<Tags>,
        first: &Chunk<'_>,
    ) -> Result<(), InputError> {
        let Some(tags) = tags.filter(|tags| tags.local == tag) else {
            return Err(InputError::Closed);
        };
        if matches!(first, Chunk::ShutdownAck) {
            //= rfc9260#8.4
            // 5: SHUTDOWN ACK is answered by SHUTDOWN COMPLETE with the tag reflected.
            self.reply(tag, Body::ShutdownComplete { reflected: true });
        } else if matches!(
            first,
            Chunk::Data(_) | Chunk::Heartbeat(_) | Chunk::Sack(_) | Chunk::Shutdown { .. }
        ) {
            //= rfc9260#8.4
            // 8: our ABORT was lost, or never sent. The peer's tag is known.
            self.reply(tags.peer, Body::Abort(Cause::UserInitiated));
        } else {
            return Err(InputError::Closed);
        }
        Ok(())
    }

    /// INIT, with tag 0 and alone.
    fn init(&mut self, view: &InitView<'_>) -> Result<(), InputError> {
        let init = view.init;
        //= rfc9260#3.3.2
        // An initiate tag of 0 is ignored; other unusable values are answered by ABORT.
        if init.tag == 0 {
            return Err(InputError::BadInit);
        }
        if matches!(self.state, State::Ended(_)) {
            return Err(InputError::Closed);
        }
        if let Some(cause) = unusable(view) {
            self.reply(init.tag, Body::Abort(cause));
            return Ok(());
        }
        let mut ties = (0, 0);
        let local = match &mut self.state {
            //= rfc9260#5.2.1
            // In COOKIE-WAIT and COOKIE-ECHOED the INIT ACK repeats what our INIT said.
            State::CookieWait(opening) => opening.local,
            State::CookieEchoed(echoed) => {
                ties = echoed.tcb.ties;
                echoed.opening.local
            }
            State::Open(tcb) if tcb.phase == Phase::ShutdownAckSent => {
                //= rfc9260#9.2
                // In SHUTDOWN-ACK-SENT an INIT is answered by another SHUTDOWN ACK.
                tcb.owed.shutdown_ack = true;
                return Ok(());
            }
            //= rfc9260#5.2.2
            // With an association, the answer has a new tag, and the cookie the tie tags.
            State::Open(tcb) => {
                ties = tcb.ties;
                Identity::draw(&self.config, &mut self.random)
            }
            State::Closed | State::Ended(_) => Identity::draw(&self.config, &mut self.random),
        };
        let cookie = Cookie {
            created: self.clock.now(),
            life: self.config.cookie_life,
            local_tag: local.tag,
            local_tsn: local.tsn,
            peer: init,
            local_tie: ties.0,
            peer_tie: ties.1,
            local_port: self.config.local_port,
            remote_port: self.config.remote_port,
            capabilities: view.capabilities(),
        };
        let ours = local.init(&self.config);
        //= rfc9260#3.3.3
        // Not more outbound streams than the peer accepts.
        let answer = Init { outbound: ours.outbound.min(init.inbound), ..ours };
        self.reply(init.tag, Body::InitAck { init: answer, cookie, unknown: view.report() });
        Ok(())
    }

    /// INIT ACK in COOKIE-WAIT, with our tag.
    fn init_ack(&mut self, view: &InitView<'_>) -> Result<(), InputError> {
        let init = view.init;
        //= rfc9260#3.3.3
        // Too small a window: the packet is dropped, the peer told, the state unchanged.
        if init.window < MIN_WINDOW && init.tag != 0 {
            self.reply(init.tag, Body::Abort(Cause::InvalidMandatoryParameter));
            return Ok(());
        }
        let cookie = view.cookie().filter(|cookie| !cookie.is_empty());
        let fits = |cookie: &&[u8]| cookie.len() <= self.config.chunk_room().saturating_sub(4);
        let cause = match cookie {
            _ if init.tag == 0 => Some(Cause::InvalidMandatoryParameter),
            None => Some(Cause::MissingCookie),
            Some(_) => unusable(view),
        };
        let Some(cookie) = cookie.filter(fits).filter(|_| cause.is_none()) else {
            let cause = cause.unwrap_or(Cause::InvalidMandatoryParameter);
            self.end(End::silent(CloseReason::PeerMisbehaved(Violation::BadInit)));
            self.reply(init.tag, Body::Abort(cause));
            return Ok(());
        };
        let cookie: Box<[u8]> = cookie.into();
        let report = view.reportable().flatten().copied().take(256).collect::<Vec<u8>>();
        let (state, mut context) = self.split();
        let State::CookieWait(opening) = state else { return Ok(()) };
        let local = opening.local;
        let mut tcb = Tcb::new(local, init, view.capabilities(), &mut context);
        if let Some(round_trip) = opening.round_trip(context.now) {
            tcb.rtt.measured(round_trip);
        }
        if !report.is_empty() {
            tcb.owed.error(Cause::UnrecognizedParameters(report));
        }
        let mut opening = Opening::new(local);
        opening.again();
        *state = State::CookieEchoed(Box::new(Echoed { opening, cookie, tcb }));
        Ok(())
    }

    /// A packet that begins with COOKIE ECHO.
    fn cookie_echo(&mut self, view: &PacketView<'_>, bytes: &[u8]) -> Result<(), InputError> {
        if matches!(self.state, State::Ended(_)) {
            return Err(InputError::Closed);
        }
        let cookie = Cookie::open(bytes, &self.secret).ok_or(InputError::Cookie)?;
        //= rfc9260#5.1.5
        // 3: ports and tag are those the cookie was made for.
        let ports = (cookie.local_port, cookie.remote_port);
        if ports != (self.config.local_port, self.config.remote_port)
            || cookie.local_tag != view.header.tag
        {
            return Err(InputError::Cookie);
        }
        let verdict = self.compare(&cookie);
        let age = self.clock.now().saturating_sub(cookie.created);
        //= rfc9260#5.2.4
        // 3: a cookie past its life is stale, unless both its tags are those in use.
        if age > cookie.life && verdict != Some(Collision::Same) {
            let stale = age.saturating_sub(cookie.life);
            let micros = u32::try_from(stale.as_micros()).unwrap_or(u32::MAX);
            self.reply(cookie.peer.tag, Body::Error(Cause::StaleCookie(micros)));
            return Ok(());
        }
        match verdict {
            None => return Err(InputError::Cookie),
            Some(Collision::Fresh | Collision::Simultaneous) => self.established(Some(&cookie)),
            Some(Collision::Same) => self.confirm(),
            Some(Collision::Restart) => {
                if !self.restart(&cookie) {
                    return Ok(());
                }
            }
        }
        // What follows the COOKIE ECHO in its packet is for the association it made.
        self.in_association(view, 1);
        Ok(())
    }

    //= rfc9260#5.2.4
    // Table 12: how a cookie relates to the association there is.
    fn compare(&self, cookie: &Cookie) -> Option<Collision> {
        let (local, tcb) = match &self.state {
            State::Closed => return Some(Collision::Fresh),
            State::Ended(_) => return None,
            State::CookieWait(opening) => (opening.local.tag, None),
            State::CookieEchoed(echoed) => (echoed.opening.local.tag, Some(&echoed.tcb)),
            State::Open(tcb) => (tcb.local.tag, Some(&**tcb)),
        };
        let local_matches = cookie.local_tag == local;
        let Some(tcb) = tcb else {
            return local_matches.then_some(Collision::Simultaneous);
        };
        let peer_matches = cookie.peer.tag == tcb.peer_tag;
        let ties_match = (cookie.local_tie, cookie.peer_tie) == tcb.ties;
        match (local_matches, peer_matches) {
            (true, true) => Some(Collision::Same),
            // Once data has been exchanged under another tag this is no collision any more.
            (true, false) if matches!(self.state, State::CookieEchoed(_)) => {
                Some(Collision::Simultaneous)
            }
            (false, false) if ties_match => Some(Collision::Restart),
            (true, false) | (false, true) | (false, false) => None,
        }
    }

    /// Action D: the tags are those in use. COOKIE ACK, and nothing begins anew.
    fn confirm(&mut self) {
        match &mut self.state {
            State::CookieEchoed(_) => self.established(None),
            State::Open(_) | State::Closed | State::CookieWait(_) | State::Ended(_) => {}
        }
        if let State::Open(tcb) = &mut self.state {
            tcb.owed.cookie_ack = true;
        }
    }

    /// The association is up: from a cookie, or from what INIT ACK said.
    fn established(&mut self, cookie: Option<&Cookie>) {
        let old = std::mem::replace(&mut self.state, State::Closed);
        let (state, mut context) = self.split();
        let mut tcb = match (cookie, old) {
            (Some(cookie), _) => {
                let local = Identity { tag: cookie.local_tag, tsn: cookie.local_tsn };
                let mut tcb = Tcb::new(local, cookie.peer, cookie.capabilities, &mut context);
                let age = context.now.saturating_sub(cookie.created);
                tcb.rtt.measured(age.max(Duration::from_micros(1)));
                tcb.owed.cookie_ack = true;
                Box::new(tcb)
            }
            (None, State::CookieEchoed(echoed)) => {
                let Echoed { opening, mut tcb, .. } = *echoed;
                if let Some(round_trip) = opening.round_trip(context.now) {
                    tcb.rtt.measured(round_trip);
                }
                Box::new(tcb)
            }
            (None, old) => {
                *state = old;
                return;
            }
        };
        tcb.start(&mut context);
        context.inbox.event(Event::Connected);
        *state = State::Open(tcb);
    }

    /// Action A: the peer has started over. `false` when ours is shutting down.
    fn restart(&mut self, cookie: &Cookie) -> bool {
        let (state, mut context) = self.split();
        if let State::Open(tcb) = state
            && tcb.phase == Phase::ShutdownAckSent
        {
            //= rfc9260#5.2.4
            // A shutdown that is nearly done is not restarted.
            tcb.owed.shutdown_ack = true;
            tcb.owed.error(Cause::CookieWhileShuttingDown);
            return false;
        }
        let local = Identity { tag: cookie.local_tag, tsn: cookie.local_tsn };
        let mut tcb = Tcb::new(local, cookie.peer, cookie.capabilities, &mut context);
        tcb.owed.cookie_ack = true;
        tcb.start(&mut context);
        let event =
            if matches!(state, State::Open(_)) { Event::Restarted } else { Event::Connected };
        context.inbox.event(event);
        *state = State::Open(Box::new(tcb));
        true
    }
}

/// How a cookie relates to the association there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Collision {
    /// There is none.
    Fresh,
    /// Action A.
    Restart,
    /// Action B.
    Simultaneous,
    /// Action D.
    Same,
}

/// Why no association can be built from INIT or INIT ACK.
pub(super) fn unusable(view: &InitView<'_>) -> Option<Cause> {
    let Init { window, outbound, inbound, .. } = view.init;
    //= rfc9260#3.3.2
    // No streams or a window below 1500 bytes.
    if outbound == 0 || inbound == 0 || window < MIN_WINDOW {
        return Some(Cause::InvalidMandatoryParameter);
    }
    //= rfc9260#5.1.2
    // B: host names are refused.
    view.has_host_name().then_some(Cause::UnresolvableAddress)
}

/// The verification tag of a packet for an association with these tags.
fn check_tag(tag: u32, tags: Tags, first: &Chunk<'_>) -> Result<(), InputError> {
    let reflected = matches!(
        first,
        Chunk::Abort { reflected: true, .. } | Chunk::ShutdownComplete { reflected: true }
    );
    //= rfc9260#8.5.1
    // B and C: with the T bit the tag is the peer's, without it ours.
    let expected = if reflected { tags.peer } else { tags.local };
    //= rfc9260#8.5
    // Anything else with another tag than ours is discarded.
    if tag == expected { Ok(()) } else { Err(InputError::VerificationTag(tag)) }
}
