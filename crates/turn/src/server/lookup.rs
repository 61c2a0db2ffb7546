use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use antiphon_stun::MessageView;

use super::Server;
use super::credential::{Account, UserName};
use super::error::InputError;
use super::event::Event;
use super::stats::bump;
use super::timers::Timer;
use super::types::{FiveTuple, LookUpId};

/// Requests that wait for the driver to find their user. All came with a good nonce, so their
/// sources are real.
#[derive(Debug, Default)]
pub(crate) struct LookUps {
    waiting: BTreeMap<u64, Waiting>,
    by_tuple: BTreeMap<FiveTuple, u64>,
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    from: FiveTuple,
    request: Box<[u8]>,
    until: Duration,
}

impl LookUps {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes a request out: its source, its bytes and the time of its timer.
    pub(crate) fn remove(&mut self, id: u64) -> Option<(FiveTuple, Box<[u8]>, Duration)> {
        let waiting = self.waiting.remove(&id)?;
        self.by_tuple.remove(&waiting.from);
        Some((waiting.from, waiting.request, waiting.until))
    }
}

/// The longest request that is kept; one with a ticket and long names takes half of it.
const MAX_REQUEST: usize = 2048;

impl Server {
    /// Keeps a request for later; one per 5-tuple.
    pub(crate) fn look_up_later(
        &mut self,
        from: FiveTuple,
        view: &MessageView<'_>,
        realm: Arc<str>,
        user: UserName,
    ) -> Result<(), InputError> {
        let limit = self.config.max_look_ups;
        if self.look_ups.by_tuple.contains_key(&from) {
            // A retransmission, or impatience: the answer to the first will do.
            return Ok(());
        }
        if self.look_ups.len() >= limit || view.as_bytes().len() > MAX_REQUEST {
            return Err(InputError::Full { limit });
        }
        let id = self.look_ups.next;
        self.look_ups.next = id.wrapping_add(1);
        let until = self.clock.after(self.config.look_up_timeout);
        let waiting = Waiting { from, request: view.as_bytes().into(), until };
        self.look_ups.waiting.insert(id, waiting);
        self.look_ups.by_tuple.insert(from, id);
        self.timers.set(until, Timer::LookUp(id));
        bump(&mut self.stats.look_ups);
        self.events.push_back(Event::LookUp { id: LookUpId(id), realm, user });
        Ok(())
    }

    /// Answers [`Event::LookUp`]: `None` when there is no such user. Late answers do nothing.
    pub fn answer_look_up(&mut self, now: Instant, id: LookUpId, account: Option<Account>) {
        self.clock.advance(now);
        let Some((from, request, until)) = self.look_ups.remove(id.0) else { return };
        self.timers.cancel(until, Timer::LookUp(id.0));
        if let Ok(view) = MessageView::parse(&request) {
            // What is wrong with it was counted where it was found.
            let _ = self.handle_request(from, &view, Some(account));
        }
    }
}
