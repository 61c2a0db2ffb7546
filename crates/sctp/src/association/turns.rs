use super::schedule::Share;
use super::send_queue::SendQueue;
use crate::Scheduler;

/// Whose turn it is: streams enter and leave the line.
impl SendQueue {
    //= rfc8260#3.3
    // With round robin per packet the next stream's turn comes with the next packet.
    pub(crate) fn packet_done(&mut self) {
        if self.packet.take().is_some() {
            let begun = self.current.and_then(|stream| self.streams.get(stream)?.first);
            let begun = begun.and_then(|key| self.get(key)).is_some_and(|m| m.taken > 0);
            if self.interleaving || !begun {
                self.end_turn();
            }
        }
    }

    /// Puts the current stream back in line, if it has more.
    pub(super) fn end_turn(&mut self) {
        if let Some(stream) = self.current.take() {
            self.line_up(stream);
            self.clean();
        }
    }

    pub(super) fn line_up(&mut self, stream: u16) {
        let Some(first) = self.streams.get(stream).and_then(|state| state.first) else { return };
        let arrival = self.get(first).map_or(0, |message| message.arrival);
        if let Some(state) = self.streams.get_mut(stream) {
            state.stamp = self.line.push(stream, &mut state.share, arrival);
        }
        if self.line.len() > self.active.saturating_mul(2).saturating_add(64) {
            self.rebuild();
        }
        self.clean();
    }

    /// Drops places that are no longer valid from the front.
    pub(super) fn clean(&mut self) {
        while let Some(place) = self.line.first() {
            let valid = self
                .streams
                .get(place.stream)
                .is_some_and(|state| state.stamp == place.stamp && state.first.is_some());
            if valid {
                return;
            }
            self.line.pop();
        }
    }

    /// Lines everything up again.
    fn rebuild(&mut self) {
        self.line.clear();
        let waiting: Vec<u16> = self
            .streams
            .iter()
            .filter(|(stream, state)| state.first.is_some() && self.current != Some(*stream))
            .map(|(stream, _)| stream)
            .collect();
        for stream in waiting {
            let first = self.streams.get(stream).and_then(|state| state.first);
            let arrival = first.and_then(|key| self.get(key)).map_or(0, |m| m.arrival);
            if let Some(state) = self.streams.get_mut(stream) {
                state.stamp = self.line.push(stream, &mut state.share, arrival);
            }
        }
    }

    pub(crate) fn set_scheduler(&mut self, scheduler: Scheduler) {
        self.packet = None;
        self.line.set_scheduler(scheduler);
        self.rebuild();
    }

    /// Changes a stream's share; one that waits gets a place that fits.
    pub(crate) fn set_share(&mut self, stream: u16, change: impl FnOnce(&mut Share)) {
        let waits = self.streams.with(stream, |state| {
            change(&mut state.share);
            state.first.is_some()
        });
        if waits && self.current != Some(stream) {
            self.line_up(stream);
        }
    }
}
