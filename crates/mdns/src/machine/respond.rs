//! Answering questions about our names.

use std::net::SocketAddr;
use std::time::Duration;

use super::send::{Legacy, Reply};
use super::{Mdns, Task};
use crate::wire::{A, AAAA, ANY, MessageView, QuestionView};
use crate::{From, Name, PORT};

/// How often a record may go to everybody when probes are answered.
const PROBE_INTERVAL: Duration = Duration::from_millis(250);

/// How often otherwise.
const INTERVAL: Duration = Duration::from_secs(1);

/// A name of ours that a query asks about.
#[derive(Clone, Copy)]
struct Asked {
    name: Name,
    /// Asked for the address, not only for what the name does not have.
    positive: bool,
    /// All questions about it want a unicast response.
    unicast: bool,
    /// The first question about it.
    question: QuestionView,
}

impl Mdns {
    pub(super) fn handle_query(&mut self, from: From, message: &MessageView<'_>) {
        let asked = self.asked(from, message);
        self.stats.questions =
            self.stats.questions.saturating_add(u64::try_from(asked.len()).unwrap_or(0));
        self.forget_known(from, message);
        let ours_alone = message
            .questions()
            .all(|question| question.name.is_some_and(|name| self.own.contains_key(&name)));
        let delay = self.delay(message, ours_alone);
        for asked in asked {
            //= rfc6762#7.1
            // What the querier says to know is not repeated, while it knows it for half its life.
            if asked.positive && self.is_known(message, asked.name) {
                continue;
            }
            self.answer(from, message, asked, delay);
        }
    }

    //= rfc6762#6.3
    // Each question of a message is looked at, and those about our names are answered.
    fn asked(&self, from: From, message: &MessageView<'_>) -> Vec<Asked> {
        let mut all: Vec<Asked> = Vec::new();
        for question in message.questions() {
            let Some(name) = question.name.filter(|_| question.is_internet()) else { continue };
            let Some(own) = self.own.get(&name) else { continue };
            //= rfc6762#14
            // Nobody hears of an address that is not valid on the link of the question.
            if own.leaving || own.interface != Some(from.interface) {
                continue;
            }
            let kind = if own.address.is_ipv4() { A } else { AAAA };
            //= rfc6762#6.5
            // A question for everything is one for the address.
            let positive = question.kind == kind || question.kind == ANY;
            //= rfc6762#6.1
            // Others, of whatever type, are told that there is nothing.
            let unicast = question.wants_unicast() || !from.multicast;
            match all.iter_mut().find(|asked| asked.name == name) {
                Some(asked) => {
                    asked.positive |= positive;
                    asked.unicast &= unicast;
                }
                None => all.push(Asked { name, positive, unicast, question }),
            }
        }
        all
    }

    fn is_known(&self, message: &MessageView<'_>, name: Name) -> bool {
        let half = self.ttl() / 2;
        let address = self.own.get(&name).map(|own| own.address);
        message.answers().any(|known| {
            let ours = known.name == Some(name) && known.address.is_some();
            ours && known.is_internet() && known.address == address && known.ttl >= half
        })
    }

    //= rfc6762#7.2
    // A host that sends what it knows in several messages is not answered what it knows.
    fn forget_known(&mut self, from: From, message: &MessageView<'_>) {
        if message.question_count() > 0 {
            return;
        }
        let known: Vec<Name> = message.answers().filter_map(|known| known.name).collect();
        for name in known {
            if !self.is_known(message, name) {
                continue;
            }
            if self.own.get(&name).is_some_and(|own| own.waiting == Some(from.source)) {
                self.unschedule(name);
            }
            self.drop_replies(name, from.source);
        }
    }

    fn drop_replies(&mut self, name: Name, to: SocketAddr) {
        let dropped: Vec<(Duration, u64)> = self
            .replies
            .iter()
            .filter(|(_, reply)| reply.name == name && reply.destination == to)
            .map(|(key, _)| *key)
            .collect();
        self.waiting_replies = self.waiting_replies.saturating_sub(dropped.len());
        for (at, number) in dropped {
            self.replies.remove(&(at, number));
            self.timers.remove(&(at, Task::Reply(number)));
        }
    }

    /// How long others get to answer first, or to say what they know.
    fn delay(&mut self, message: &MessageView<'_>, ours_alone: bool) -> Duration {
        if message.is_probe() {
            //= rfc6762#6
            // Who probes decides soon, and is answered at once.
            Duration::ZERO
        } else if message.is_truncated() {
            self.between(400, 500)
        } else if message.question_count() > 1 && !ours_alone {
            self.between(20, 120)
        } else {
            Duration::ZERO
        }
    }

    fn answer(&mut self, from: From, message: &MessageView<'_>, asked: Asked, delay: Duration) {
        let now = self.clock.now();
        let Asked { name, positive, unicast, question } = asked;
        let mut reply = Reply {
            interface: from.interface,
            destination: from.source,
            name,
            positive,
            legacy: None,
        };
        //= rfc6762#6.7
        // A resolver that knows nothing of multicast gets the reply that a usual server would send.
        if from.source.port() != PORT {
            let (kind, class) = (question.kind, question.class);
            reply.legacy = Some(Legacy { id: message.id(), kind, class });
            return self.reply(reply, Duration::ZERO);
        }
        let Some(own) = self.own.get_mut(&name) else { return };
        //= rfc6762#5.4
        // A reply to one host is enough if all the others heard it lately.
        let lately =
            own.last_multicast.is_some_and(|last| now.saturating_sub(last) < self.config.ttl / 4);
        if unicast && (lately || message.is_probe()) {
            self.reply(reply, delay);
            return;
        }
        own.positive |= positive;
        let first = own.due.is_none();
        own.waiting = (first && message.is_truncated()).then_some(from.source);
        let interval = if message.is_probe() { PROBE_INTERVAL } else { INTERVAL };
        self.schedule(name, now.saturating_add(delay), interval);
    }

    /// Keeps a reply for its time, if not too many are kept.
    fn reply(&mut self, reply: Reply, delay: Duration) {
        // attack: mDNS queries faster than replies can leave
        if self.waiting_replies >= self.config.max_replies {
            self.stats.replies_dropped = self.stats.replies_dropped.saturating_add(1);
            return;
        }
        self.waiting_replies = self.waiting_replies.saturating_add(1);
        let number = self.next_reply;
        self.next_reply = number.wrapping_add(1);
        let at = self.clock.after(delay);
        self.replies.insert((at, number), reply);
        self.timers.insert((at, Task::Reply(number)));
    }
}
