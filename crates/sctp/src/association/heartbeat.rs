use std::time::Duration;

use rand_core::Rng;

use super::tcb::{Context, End, Phase, Tcb};
use crate::timer::Timer;
use crate::wire::{HeartbeatInfo, PacketWriter, write_heartbeat, write_pad};

/// Our own HEARTBEATs ([RFC 9260 section 8.3]).
///
/// [RFC 9260 section 8.3]: https://www.rfc-editor.org/rfc/rfc9260#section-8.3
#[derive(Debug, Default)]
pub(crate) struct Heartbeat {
    /// To be sent.
    pub(crate) due: bool,
    /// HEARTBEATs to send beside the data that T3 repeats.
    pub(crate) extra: u8,
    /// The nonce the answer must repeat.
    awaited: Option<u64>,
}

/// The longest HEARTBEAT that is answered; ours have 24 bytes.
pub(crate) const MAX_HEARTBEAT: usize = 512;

impl Tcb {
    //= rfc9260#8.3
    // The pause is the interval plus the RTO, jittered by half an RTO either way.
    pub(crate) fn schedule_heartbeat(&mut self, context: &mut Context<'_>) {
        if context.config.heartbeat_interval.is_zero() {
            return;
        }
        let rto = self.rtt.rto();
        let percent = context.random.next_u32() % 101;
        let jitter = rto.saturating_mul(percent) / 100;
        let wait = context.config.heartbeat_interval.saturating_add(rto / 2).saturating_add(jitter);
        self.timers.start(Timer::Heartbeat, context.now.saturating_add(wait));
    }

    pub(crate) fn heartbeat_due(&mut self, context: &mut Context<'_>) {
        if self.phase_is_over_for_heartbeats() {
            return;
        }
        let idle = context.now.saturating_sub(self.transmission.last_data);
        //= rfc9260#8.3
        // Only an idle path is asked.
        if self.outstanding.is_empty() && idle >= context.config.heartbeat_interval {
            self.heartbeat.due = true;
        }
        self.schedule_heartbeat(context);
    }

    fn phase_is_over_for_heartbeats(&self) -> bool {
        //= rfc9260#8.3
        // HEARTBEATs end with SHUTDOWN or SHUTDOWN ACK.
        matches!(self.phase, Phase::ShutdownSent | Phase::ShutdownAckSent)
    }

    pub(crate) fn write_heartbeat(
        &mut self,
        packet: &mut PacketWriter<'_>,
        context: &mut Context<'_>,
    ) {
        let info = HeartbeatInfo { nonce: context.random.next_u64(), sent: context.now };
        if write_heartbeat(packet, info) {
            self.heartbeat.due = false;
            self.heartbeat.awaited = Some(info.nonce);
            self.timers.start(Timer::HeartbeatAnswer, context.now.saturating_add(self.rtt.rto()));
        }
    }

    /// The data that T3 repeats may be unlucky again and again on a path that loses much, so that
    /// HEARTBEATs go beside it: the association is to end only when the path is really dead.
    pub(crate) fn ask_for_life(&mut self) {
        if self.errors >= 2 {
            self.heartbeat.extra = 2;
        }
    }

    /// A packet with one HEARTBEAT beside the data; it runs no timer of its own.
    pub(crate) fn write_extra_heartbeat(
        &mut self,
        packet: &mut PacketWriter<'_>,
        context: &mut Context<'_>,
    ) {
        self.heartbeat.extra = self.heartbeat.extra.saturating_sub(1);
        let nonce = *self.heartbeat.awaited.get_or_insert_with(|| context.random.next_u64());
        write_heartbeat(packet, HeartbeatInfo { nonce, sent: context.now });
    }

    //= rfc8899#4.1
    // A probe of the path is a HEARTBEAT padded to the size in question (RFC 4820), alone.
    pub(crate) fn write_path_probe(
        &mut self,
        packet: &mut PacketWriter<'_>,
        size: usize,
        context: &mut Context<'_>,
    ) {
        let nonce = context.random.next_u64();
        packet.set_limit(size);
        if write_heartbeat(packet, HeartbeatInfo { nonce, sent: context.now }) {
            write_pad(packet, size);
            self.path_mtu_sent(nonce, context);
        }
    }

    //= rfc9260#8.3
    // No answer within an RTO counts as an error, backs off and is followed by another.
    pub(crate) fn heartbeat_unanswered(&mut self, context: &mut Context<'_>) -> Result<(), End> {
        if self.heartbeat.awaited.is_none() {
            return Ok(());
        }
        if self.timers.is_running(Timer::T3) {
            // Data has gone out since, and T3 counts already: silence is one error at a time.
            return Ok(());
        }
        self.heartbeat.awaited = None;
        self.rtt.back_off();
        self.count_error(context)?;
        if !self.phase_is_over_for_heartbeats() {
            self.heartbeat.due = true;
        }
        Ok(())
    }

    pub(crate) fn heartbeat_ack(&mut self, value: &[u8], context: &Context<'_>) {
        let Some(info) = HeartbeatInfo::parse(value) else { return };
        if self.path_mtu_answered(info.nonce, context) {
            self.errors = 0;
            return;
        }
        if self.heartbeat.awaited != Some(info.nonce) {
            return;
        }
        self.heartbeat.awaited = None;
        self.timers.stop(Timer::HeartbeatAnswer);
        //= rfc9260#8.3
        // The answer clears the error counter and measures the round trip.
        self.errors = 0;
        let round_trip = context.now.saturating_sub(info.sent);
        self.rtt.measured(round_trip.max(Duration::from_micros(1)));
    }

    /// A HEARTBEAT from the peer, to be answered at once.
    pub(crate) fn heartbeat(&mut self, value: &[u8]) {
        if value.len() <= MAX_HEARTBEAT && !self.phase_is_over_for_heartbeats() {
            self.owed.heartbeat_ack = Some(value.to_vec());
        }
    }
}
