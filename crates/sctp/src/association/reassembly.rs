use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};

use crate::event::Violation;
use crate::serial::Tsn;
use crate::wire::{DataView, Number};

/// A message put together, not yet ordered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Assembled {
    /// Its last TSN.
    pub(crate) tsn: Tsn,
    pub(crate) stream: u16,
    pub(crate) number: Number,
    pub(crate) ppid: u32,
    pub(crate) ordered: bool,
    pub(crate) payload: Bytes,
}

/// Fragments with consecutive TSNs of one message.
///
/// Bytes that arrive in order are copied once, into the message. Where a gap is filled later
/// the pieces are put together by one more copy at the end.
#[derive(Debug)]
struct Run {
    last: Tsn,
    begins: bool,
    ends: bool,
    stream: u16,
    number: Number,
    ppid: u32,
    ordered: bool,
    pieces: VecDeque<BytesMut>,
    bytes: usize,
}

/// Fragments waiting for the rest of their messages, as runs by their first TSN.
#[derive(Debug)]
pub(crate) struct Reassembly {
    runs: BTreeMap<Tsn, Run>,
    bytes: usize,
    limit: usize,
    /// Length of the last message of several fragments: a guess at the next.
    guess: usize,
}

/// Most bytes set aside by guessing.
const MAX_GUESS: usize = 256 << 10;

impl Reassembly {
    pub(crate) fn new(limit: usize) -> Self {
        Self { runs: BTreeMap::new(), bytes: 0, limit, guess: 0 }
    }

    /// Payload bytes waiting, with a surcharge for each run.
    pub(crate) fn held(&self) -> usize {
        self.bytes.saturating_add(self.runs.len().saturating_mul(crate::config::MESSAGE_OVERHEAD))
    }

    /// Takes a fragment; returns the message if that completes one.
    pub(crate) fn insert(
        &mut self,
        tsn: Tsn,
        data: &DataView<'_>,
        in_order: bool,
    ) -> Result<Option<Assembled>, Violation> {
        let joined = self.join_before(tsn, data)?;
        let first = match joined {
            Some(first) => first,
            None => {
                self.start_run(tsn, data, in_order);
                tsn
            }
        };
        self.bytes = self.bytes.saturating_add(data.payload.len());
        if !data.ends {
            self.join_after(first, tsn)?;
        }
        let Some(run) = self.runs.get(&first) else { return Ok(None) };
        if run.bytes > self.limit {
            return Err(Violation::MessageTooLarge { len: run.bytes, limit: self.limit });
        }
        if !(run.begins && run.ends) {
            return Ok(None);
        }
        Ok(self.runs.remove(&first).map(|run| self.complete(run)))
    }

    /// Appends the fragment to a run that ends right before it.
    fn join_before(&mut self, tsn: Tsn, data: &DataView<'_>) -> Result<Option<Tsn>, Violation> {
        let Some((first, run)) = self.runs.range_mut(..tsn).next_back() else { return Ok(None) };
        if run.last.next() != tsn || run.ends {
            return Ok(None);
        }
        let first = *first;
        if data.begins {
            // The sender gave up the end of the message before: nothing will complete it.
            if let Some(run) = self.runs.remove(&first) {
                self.bytes = self.bytes.saturating_sub(run.bytes);
            }
            return Ok(None);
        }
        if run.stream != data.stream || run.ordered == data.unordered || !same_ssn(run, data) {
            return Err(Violation::BadFragments);
        }
        run.last = tsn;
        run.ends = data.ends;
        run.bytes = run.bytes.saturating_add(data.payload.len());
        match run.pieces.back_mut() {
            Some(piece) => piece.extend_from_slice(data.payload),
            None => run.pieces.push_back(BytesMut::from(data.payload)),
        }
        Ok(Some(first))
    }

    fn start_run(&mut self, tsn: Tsn, data: &DataView<'_>, in_order: bool) {
        let guess = if in_order && data.begins { self.guess.min(MAX_GUESS) } else { 0 };
        let mut piece = BytesMut::with_capacity(guess.max(data.payload.len()));
        piece.extend_from_slice(data.payload);
        let run = Run {
            last: tsn,
            begins: data.begins,
            ends: data.ends,
            stream: data.stream,
            number: data.number,
            ppid: data.ppid,
            ordered: !data.unordered,
            pieces: VecDeque::from([piece]),
            bytes: data.payload.len(),
        };
        self.runs.insert(tsn, run);
    }

    /// Joins the run that starts right after `tsn`, the end of the run at `first`.
    fn join_after(&mut self, first: Tsn, tsn: Tsn) -> Result<(), Violation> {
        let follows = self.runs.get(&tsn.next()).is_some_and(|next| !next.begins);
        if !follows {
            return Ok(());
        }
        let Some(mut next) = self.runs.remove(&tsn.next()) else { return Ok(()) };
        let Some(run) = self.runs.get_mut(&first) else { return Ok(()) };
        if run.stream != next.stream
            || run.ordered != next.ordered
            || (run.ordered && run.number != next.number)
        {
            return Err(Violation::BadFragments);
        }
        run.last = next.last;
        run.ends = next.ends;
        run.bytes = run.bytes.saturating_add(next.bytes);
        // The shorter list moves, so that no order of arrival makes this quadratic.
        if run.pieces.len() >= next.pieces.len() {
            run.pieces.append(&mut next.pieces);
        } else {
            while let Some(piece) = run.pieces.pop_back() {
                next.pieces.push_front(piece);
            }
            run.pieces = next.pieces;
        }
        Ok(())
    }

    fn complete(&mut self, mut run: Run) -> Assembled {
        self.bytes = self.bytes.saturating_sub(run.bytes);
        self.guess = run.bytes;
        let single = if run.pieces.len() == 1 { run.pieces.pop_front() } else { None };
        let payload = match single {
            // A guess far too high is not kept.
            Some(piece) if piece.capacity() / 2 <= piece.len() => piece.freeze(),
            Some(piece) => Bytes::copy_from_slice(&piece),
            None => {
                let mut whole = BytesMut::with_capacity(run.bytes);
                for piece in &run.pieces {
                    whole.extend_from_slice(piece);
                }
                whole.freeze()
            }
        };
        Assembled {
            tsn: run.last,
            stream: run.stream,
            number: run.number,
            ppid: run.ppid,
            ordered: run.ordered,
            payload,
        }
    }

    //= rfc3758#3.6
    // What still misses a TSN at or below the new cumulative one will never be complete.
    pub(crate) fn forward(&mut self, cumulative: Tsn) {
        let mut bytes = self.bytes;
        let keep_from = cumulative.next();
        self.runs.retain(|first, run| {
            let lacks_begin = !run.begins && *first <= keep_from;
            let lacks_end = run.last < cumulative;
            let keep = !(lacks_begin || lacks_end);
            if !keep {
                bytes = bytes.saturating_sub(run.bytes);
            }
            keep
        });
        self.bytes = bytes;
    }
}

fn same_ssn(run: &Run, data: &DataView<'_>) -> bool {
    //= rfc9260#6.6
    // The sequence number of unordered data means nothing.
    data.unordered || run.number == data.number
}
