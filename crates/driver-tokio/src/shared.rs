//! What a connection's handles and its task share: the machine, and who waits for what.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use antiphon_peerconnection as peer;
use antiphon_peerconnection::{ConnectionState, DataChannelId, TransceiverId};

use crate::Event;
use crate::media::{RtpQueue, SenderState};

/// Events that wait for a reader at most; older ones go first.
const MAX_EVENTS: usize = 4096;

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
}

/// Everything that is under the lock. The lock is held for one call, never across an await.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) machine: peer::PeerConnection,
    pub(crate) task: Option<Waker>,
    /// The task has ended: nothing will happen any more.
    pub(crate) finished: bool,
    pub(crate) events: VecDeque<Event>,
    pub(crate) events_reader: Option<Waker>,
    /// Who waits for the connection's state to change.
    pub(crate) state_watchers: Vec<Waker>,
    pub(crate) channels: HashMap<DataChannelId, ChannelWaiters>,
    pub(crate) receivers: HashMap<TransceiverId, RtpQueue>,
    pub(crate) senders: HashMap<TransceiverId, SenderState>,
}

/// Who waits for something of one data channel.
#[derive(Debug, Default)]
pub(crate) struct ChannelWaiters {
    pub(crate) readers: Vec<Waker>,
    pub(crate) writers: Vec<Waker>,
    /// Waits for the channel to open or close.
    pub(crate) watchers: Vec<Waker>,
}

impl ChannelWaiters {
    pub(crate) fn wake_all(&mut self) {
        for waker in
            self.readers.drain(..).chain(self.writers.drain(..)).chain(self.watchers.drain(..))
        {
            waker.wake();
        }
    }
}

/// Registers the caller once, whatever often it polls.
pub(crate) fn register(wakers: &mut Vec<Waker>, cx: &Context<'_>) {
    if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
        wakers.push(cx.waker().clone());
    }
}

impl Shared {
    pub(crate) fn new(machine: peer::PeerConnection) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                machine,
                task: None,
                finished: false,
                events: VecDeque::new(),
                events_reader: None,
                state_watchers: Vec::new(),
                channels: HashMap::new(),
                receivers: HashMap::new(),
                senders: HashMap::new(),
            }),
        })
    }

    /// Locks. A panic elsewhere leaves the machine consistent: each of its verbs is complete or
    /// not begun.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a command on the machine, and has the task look after what came of it.
    pub(crate) fn command<T>(
        &self,
        command: impl FnOnce(&mut peer::PeerConnection, Instant) -> T,
    ) -> T {
        let mut state = self.lock();
        let result = command(&mut state.machine, Instant::now());
        state.wake_task();
        result
    }
}

impl State {
    pub(crate) fn wake_task(&mut self) {
        if let Some(task) = self.task.take() {
            task.wake();
        }
    }

    pub(crate) fn push_event(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            tracing::warn!(limit = MAX_EVENTS, "nobody reads the events; the oldest is dropped");
            self.events.pop_front();
        }
        self.events.push_back(event);
        if let Some(reader) = self.events_reader.take() {
            reader.wake();
        }
    }

    pub(crate) fn wake_state_watchers(&mut self) {
        for waker in self.state_watchers.drain(..) {
            waker.wake();
        }
    }

    /// `Ready` when the connection is connected, or will never be.
    pub(crate) fn poll_connected(&mut self, cx: &Context<'_>) -> Poll<Result<(), crate::Error>> {
        match self.machine.connection_state() {
            ConnectionState::Connected => Poll::Ready(Ok(())),
            ConnectionState::Failed => Poll::Ready(Err(crate::Error::Failed)),
            ConnectionState::Closed => Poll::Ready(Err(crate::Error::Closed)),
            ConnectionState::New | ConnectionState::Connecting | ConnectionState::Disconnected => {
                if self.finished {
                    return Poll::Ready(Err(crate::Error::Closed));
                }
                register(&mut self.state_watchers, cx);
                Poll::Pending
            }
        }
    }

    /// The task has ended: whoever waits is told.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
        self.wake_state_watchers();
        for waiters in self.channels.values_mut() {
            waiters.wake_all();
        }
        for queue in self.receivers.values_mut() {
            queue.end();
        }
        for sender in self.senders.values_mut() {
            sender.end();
        }
        if let Some(reader) = self.events_reader.take() {
            reader.wake();
        }
    }
}
