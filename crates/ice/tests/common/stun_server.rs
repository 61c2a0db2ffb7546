use std::time::Instant;

use antiphon_stun::{Class, MessageView, MessageWriter, Method, TransactionId};
use antiphon_testkit::{Machine, Sent};

/// A STUN server that tells who asks.
#[derive(Default)]
pub struct StunServer(Vec<(antiphon_testkit::Path, TransactionId)>);

impl Machine for StunServer {
    type Event = ();
    type Error = ();

    fn handle_input(
        &mut self,
        _: Instant,
        path: antiphon_testkit::Path,
        datagram: &mut [u8],
    ) -> Result<(), ()> {
        let message = MessageView::parse(datagram).map_err(drop)?;
        self.0.push((path, message.transaction_id()));
        Ok(())
    }

    fn poll_output(&mut self, _: Instant, buf: &mut [u8]) -> Option<Sent> {
        let (path, id) = self.0.pop()?;
        let mut writer = MessageWriter::new(buf, Class::Success, Method::BINDING, id).unwrap();
        writer.xor_mapped_address(path.remote).unwrap();
        Some(Sent::to(path, writer.finish()))
    }

    fn poll_event(&mut self) -> Option<()> {
        None
    }

    fn handle_timeout(&mut self, _: Instant) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
