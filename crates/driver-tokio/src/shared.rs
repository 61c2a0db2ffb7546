//! What a connection's handles and its task share: the machine, and who waits for what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use antiphon_peerconnection as peer;
use antiphon_peerconnection::{ConnectionState, TransceiverId};

use crate::Error;
use crate::events::{Handlers, Raised};
use crate::media::RtpQueue;
use crate::wait::{Slot, Topic, Wait, Waiters};

/// Events that wait for a reader at most; older ones go first.
const MAX_EVENTS: usize = 4096;

pub(crate) struct Shared {
    state: Mutex<State>,
}

impl fmt::Debug for Shared {
    /// Names nothing: the machine holds keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

/// Packets that wait to be read, by the transceiver that received them.
pub(crate) type Receivers = BTreeMap<TransceiverId, RtpQueue>;

/// Everything that is under the lock. The lock is held for one call, never across an await.
///
/// Nothing in here holds a handle, which would keep all of it alive for ever; handlers may, and go
/// when the task ends.
pub(crate) struct State {
    pub(crate) machine: peer::PeerConnection,
    pub(crate) task: Option<Waker>,
    /// The task has ended: nothing will happen any more.
    pub(crate) finished: bool,
    pub(crate) events: VecDeque<Raised>,
    pub(crate) handlers: Handlers,
    pub(crate) waiters: Waiters,
    /// Packets for tracks that have a receiver, or whose event was not read yet.
    pub(crate) receivers: Receivers,
    /// Whose peer has asked for a key frame.
    pub(crate) key_frames: BTreeSet<TransceiverId>,
}

/// The state, locked. Who was woken meanwhile runs when it is free again: a waker is foreign code.
pub(crate) struct Locked<'a> {
    state: MutexGuard<'a, State>,
    /// Dropped after the guard.
    woken: Woken,
}

#[derive(Default)]
struct Woken(Vec<Waker>);

impl Drop for Woken {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.woken.0 = self.state.waiters.take_woken();
    }
}

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
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
                handlers: Handlers::default(),
                waiters: Waiters::default(),
                receivers: BTreeMap::new(),
                key_frames: BTreeSet::new(),
            }),
        })
    }

    /// Locks. A panic elsewhere leaves the machine consistent: each of its verbs is complete or
    /// not begun.
    pub(crate) fn lock(&self) -> Locked<'_> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Locked { state, woken: Woken::default() }
    }

    /// Runs a command on the machine, and has the task look after what came of it.
    pub(crate) fn command<T>(
        &self,
        command: impl FnOnce(&mut peer::PeerConnection, Instant) -> T,
    ) -> T {
        self.lock().command(command)
    }

    /// Takes `step` again and again, until it has not to wait.
    pub(crate) async fn wait<T>(
        self: &Arc<Self>,
        mut step: impl FnMut(&mut State) -> Wait<T>,
    ) -> T {
        let mut slot = Slot::new(Arc::clone(self));
        std::future::poll_fn(|cx| slot.poll(cx, &mut step)).await
    }

    /// The task has ended: whoever waits is told, and handlers go, with all that they hold.
    pub(crate) fn finish(&self) {
        let handlers = self.lock().finish();
        // They may hold the last handle of this very connection, which locks.
        drop(handlers);
    }
}

impl State {
    /// As [`Shared::command`].
    pub(crate) fn command<T>(
        &mut self,
        command: impl FnOnce(&mut peer::PeerConnection, Instant) -> T,
    ) -> T {
        let result = command(&mut self.machine, Instant::now());
        self.wake_task();
        result
    }

    pub(crate) fn wake_task(&mut self) {
        if let Some(task) = self.task.take() {
            self.waiters.wake_other(task);
        }
    }

    pub(crate) fn push_event(&mut self, event: Raised) {
        if self.events.len() >= MAX_EVENTS {
            tracing::warn!(limit = MAX_EVENTS, "nobody reads the events; the oldest is dropped");
            if let Some(Raised::DataChannel { id, .. }) = self.events.pop_front() {
                self.command(|machine, now| machine.close_data_channel(now, id));
            }
        }
        self.events.push_back(event);
        self.waiters.wake(Topic::Event);
    }

    /// Done when the connection is connected, or will never be.
    pub(crate) fn connected(&mut self) -> Wait<Result<(), Error>> {
        match self.machine.connection_state() {
            ConnectionState::Closed => Wait::Done(Err(Error::Closed)),
            ConnectionState::Failed => Wait::Done(Err(Error::Failed)),
            ConnectionState::Connected => Wait::Done(Ok(())),
            ConnectionState::New | ConnectionState::Connecting | ConnectionState::Disconnected => {
                Wait::For(Topic::Connection)
            }
        }
    }

    /// Whether nothing will be sent or received by this transceiver any more.
    pub(crate) fn is_stopped(&self, id: TransceiverId) -> bool {
        self.finished || !self.machine.transceivers().contains(&id)
    }

    /// Descriptions have changed: tells those who wait for what stopped, and forgets it.
    pub(crate) fn settle_transceivers(&mut self) {
        let Self { machine, receivers, key_frames, waiters, .. } = self;
        let live = machine.transceivers();
        waiters.wake_stopped(&live);
        key_frames.retain(|id| live.contains(id));
        receivers.retain(|id, queue| live.contains(id) || queue.is_held());
    }

    fn finish(&mut self) -> Handlers {
        self.finished = true;
        // Without its task the machine says nothing more; the handles shall see that.
        self.machine.close(Instant::now());
        self.waiters.wake_all();
        std::mem::take(&mut self.handlers)
    }
}
