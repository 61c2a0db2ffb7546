use std::net::SocketAddr;
use std::time::Instant;

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::crypto::from_feature_flags;
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output};

use super::{Failure, Machine, SEND_BUFFER};

/// `str0m`, with its default cryptography.
#[derive(Debug)]
pub struct Str0m {
    rtc: str0m::Rtc,
    pending: Option<SdpPendingOffer>,
    channel: Option<ChannelId>,
    received: usize,
}

impl Machine for Str0m {
    const NAME: &'static str = "str0m";
    const VERSION: &'static str = "0.25";
    // It wants its output to be taken after each input.
    const BATCH: usize = 1;

    fn new(local: SocketAddr) -> Result<Self, Failure> {
        from_feature_flags().install_process_default();
        // Its default of 128 KiB is less than a round trip takes with large messages.
        let config = str0m::Rtc::builder().set_sctp_max_buffered_amount(SEND_BUFFER);
        let mut rtc = config.build(Instant::now());
        rtc.add_local_candidate(Candidate::host(local, "udp")?);
        Ok(Self { rtc, pending: None, channel: None, received: 0 })
    }

    fn offer(&mut self) -> Result<String, Failure> {
        let mut change = self.rtc.sdp_api();
        change.add_channel("bench".to_owned());
        let (offer, pending) = change.apply().ok_or("no change")?;
        self.pending = Some(pending);
        Ok(offer.to_sdp_string())
    }

    fn answer(&mut self, offer: String) -> Result<String, Failure> {
        let offer = SdpOffer::from_sdp_string(&offer)?;
        Ok(self.rtc.sdp_api().accept_offer(offer)?.to_sdp_string())
    }

    fn accept(&mut self, answer: String) -> Result<(), Failure> {
        let pending = self.pending.take().ok_or("no offer")?;
        let answer = SdpAnswer::from_sdp_string(&answer)?;
        Ok(self.rtc.sdp_api().accept_answer(pending, answer)?)
    }

    fn input(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), Failure> {
        let contents = datagram.try_into()?;
        let receive =
            Receive { proto: Protocol::Udp, source: remote, destination: local, contents };
        Ok(self.rtc.handle_input(Input::Receive(Instant::now(), receive))?)
    }

    fn output(
        &mut self,
        send: &mut dyn FnMut(SocketAddr, &[u8]),
    ) -> Result<Option<Instant>, Failure> {
        loop {
            match self.rtc.poll_output()? {
                Output::Transmit(transmit) => send(transmit.destination, &transmit.contents),
                Output::Timeout(deadline) => return Ok(Some(deadline)),
                Output::Event(Event::ChannelOpen(channel, _)) => self.channel = Some(channel),
                Output::Event(Event::ChannelData(data)) => {
                    self.received = self.received.saturating_add(data.data.len());
                }
                Output::Event(_) => {}
            }
        }
    }

    fn timeout(&mut self, now: Instant) -> Result<(), Failure> {
        Ok(self.rtc.handle_input(Input::Timeout(now))?)
    }

    fn is_open(&self) -> bool {
        self.channel.is_some()
    }

    fn write(&mut self, message: &[u8]) -> Result<bool, Failure> {
        let channel = self.channel.ok_or("no channel")?;
        let mut channel = self.rtc.channel(channel).ok_or("no channel")?;
        Ok(channel.write(true, message)?)
    }

    fn has_received(&self) -> bool {
        self.received > 0
    }

    fn take_received(&mut self) -> usize {
        std::mem::take(&mut self.received)
    }
}
