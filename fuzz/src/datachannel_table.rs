//! Data channels: any messages, resets and calls, in any order.

use std::time::Duration;

use antiphon_datachannel::{
    ChannelConfig, ChannelId, Channels, Config, DcepView, DtlsRole, Event, Reliability,
    TransportEnd, ppid,
};
use bytes::Bytes;

/// Runs the target over `data`: each step is an operation, a stream, a length and so many bytes.
///
/// # Panics
///
/// When a DCEP message reads differently after it was written, or when the table is not silent
/// after its end.
pub fn run(data: &[u8]) {
    read_and_write(data);
    let mut config = Config::default();
    config.max_incoming_channels = 4;
    config.max_incoming_names = 200;
    config.early_data = 300;
    config.receive_buffer = 500;
    config.send_buffer = 500;
    let mut player = Player { table: Channels::new(config), ids: Vec::new(), steps: 0 };
    let mut rest = data;
    while let Some(([operation, stream, len], tail)) = rest.split_first_chunk::<3>() {
        let (bytes, tail) = tail.split_at(usize::from(*len).min(tail.len()));
        player.step(*operation, u16::from(*stream), bytes);
        rest = tail;
    }
    player.end();
}

fn read_and_write(data: &[u8]) {
    if let Ok(DcepView::Open(open)) = DcepView::parse(data) {
        let written = open.to_bytes().unwrap_or_default();
        assert_eq!(written.len(), open.wire_len());
        assert_eq!(DcepView::parse(&written), Ok(DcepView::Open(open)));
    }
}

struct Player {
    table: Channels,
    ids: Vec<ChannelId>,
    steps: u32,
}

impl Player {
    fn step(&mut self, operation: u8, stream: u16, bytes: &[u8]) {
        self.steps = self.steps.saturating_add(1);
        let now = antiphon_testkit::start() + Duration::from_millis(u64::from(self.steps));
        let payload = Bytes::copy_from_slice(bytes);
        let id = self.ids.get(usize::from(stream).checked_rem(self.ids.len()).unwrap_or(0));
        let id = id.copied();
        let table = &mut self.table;
        match (operation % 20, id) {
            (0, _) => table.set_role(DtlsRole::Server),
            (1, _) => table.transport_connected(DtlsRole::Client, stream),
            (2, _) => table.set_max_message_size(Some(bytes.len())),
            (3, _) => drop(table.handle_message(stream, ppid::STRING, payload)),
            (4, _) => drop(table.handle_message(stream, ppid::BINARY, payload)),
            (5, _) => drop(table.handle_message(stream, ppid::STRING_EMPTY, payload)),
            (6 | 7, _) => drop(table.handle_message(stream, ppid::DCEP, payload)),
            (8, _) => table.handle_incoming_reset(stream),
            (9, _) => table.handle_outgoing_reset_done(stream),
            (10, _) => table.handle_buffered(stream, bytes.len()),
            (11, _) => {
                let mut config = ChannelConfig::new(String::from_utf8_lossy(bytes));
                config.negotiated = (bytes.len() % 2 == 1).then_some(stream);
                config.reliability = Reliability::Lifetime(Duration::from_millis(3));
                self.ids.extend(table.open(config));
            }
            (12, Some(id)) => drop(table.send_text(now, id, payload)),
            (13, Some(id)) => drop(table.send_binary(now, id, payload)),
            (14, Some(id)) => table.close(id),
            (15, Some(id)) => drop(table.recv(id)),
            (16, _) => self.event(),
            (17, _) => assert!(table.poll_send(now).is_none_or(|sent| !sent.payload.is_empty())),
            (18, _) => drop(table.poll_reset()),
            (19, _) if bytes.is_empty() => table.handle_all_incoming_reset(),
            _ => {}
        }
    }

    fn event(&mut self) {
        match self.table.poll_event() {
            Some(Event::Announced(id)) => self.ids.push(id),
            Some(Event::Closed(id)) => assert_eq!(self.table.info(id), None),
            Some(_) | None => {}
        }
    }

    fn end(mut self) {
        let table = &mut self.table;
        table.transport_closed(TransportEnd::Failed { cause: None });
        for id in &self.ids {
            while table.recv(*id).is_some() {}
        }
        while let Some(event) = table.poll_event() {
            if let Event::Announced(id) = event {
                while table.recv(id).is_some() {}
            }
        }
        assert!(table.is_receptive());
        assert_eq!(table.poll_send(antiphon_testkit::start()), None);
        assert_eq!(table.poll_reset(), None);
        assert!(self.ids.iter().all(|id| table.info(*id).is_none()));
    }
}
