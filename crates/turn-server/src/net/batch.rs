use quinn_udp::EcnCodepoint;

/// What fits one call: the longest UDP payload over IPv4, rounded down.
const CAPACITY: usize = 65_000;
/// What Linux takes at most.
const MAX_SEGMENTS: usize = 64;
/// Longer datagrams go out alone. A segment that does not fit the interface makes the kernel refuse
/// the whole batch, and refused batches make us stop batching: nobody may provoke that.
const LONGEST_SEGMENT: usize = 1400;

/// Datagrams of one size for one destination, side by side, for one call of the kernel.
///
/// `D` is the destination. Only the last datagram may be shorter than the others.
#[derive(Debug)]
pub(crate) struct Batch<D> {
    buf: Box<[u8]>,
    len: usize,
    segment: usize,
    count: usize,
    open: bool,
    to: Option<(D, Option<EcnCodepoint>)>,
}

/// A batch that is ready to be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ready<'a, D> {
    pub(crate) to: D,
    pub(crate) ecn: Option<EcnCodepoint>,
    pub(crate) bytes: &'a [u8],
    /// The size of each datagram but the last.
    pub(crate) segment: usize,
    /// How many datagrams.
    pub(crate) count: usize,
}

impl<D: Copy + PartialEq> Batch<D> {
    pub(crate) fn new() -> Self {
        let buf = vec![0; CAPACITY].into_boxed_slice();
        Self { buf, len: 0, segment: 0, count: 0, open: true, to: None }
    }

    /// Adds a datagram made of a header, a payload and zeros; `false` says that what is there has to be
    /// taken first.
    pub(crate) fn push(
        &mut self,
        to: D,
        ecn: Option<EcnCodepoint>,
        header: &[u8],
        payload: &[u8],
        padding: usize,
    ) -> bool {
        let len = header.len().saturating_add(payload.len()).saturating_add(padding);
        if self.to.is_some() && !self.takes(to, ecn, len) {
            return false;
        }
        let end = self.len.saturating_add(len);
        let Some(room) = self.buf.get_mut(self.len..end) else {
            // Longer than any datagram can be: there is nothing to wait for.
            return true;
        };
        let (front, room) = room.split_at_mut(header.len());
        let (middle, back) = room.split_at_mut(payload.len());
        front.copy_from_slice(header);
        middle.copy_from_slice(payload);
        back.fill(0);
        if self.to.is_none() {
            (self.to, self.segment, self.open) = (Some((to, ecn)), len, true);
        }
        self.open = self.open && len == self.segment && (1..=LONGEST_SEGMENT).contains(&len);
        self.len = end;
        self.count = self.count.saturating_add(1);
        true
    }

    fn takes(&self, to: D, ecn: Option<EcnCodepoint>, len: usize) -> bool {
        self.open
            && self.to == Some((to, ecn))
            && len <= self.segment
            && len > 0
            && self.count < MAX_SEGMENTS
            && self.len.saturating_add(len) <= self.buf.len()
    }

    /// What is there; afterwards the batch is empty.
    pub(crate) fn take(&mut self) -> Option<Ready<'_, D>> {
        let (to, ecn) = self.to.take()?;
        let bytes = self.buf.get(..self.len).unwrap_or_default();
        let (segment, count) = (self.segment, self.count);
        (self.len, self.count) = (0, 0);
        Some(Ready { to, ecn, bytes, segment, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(batch: &mut Batch<u8>, to: u8, len: usize) -> bool {
        batch.push(to, None, &[], &vec![to; len], 0)
    }

    #[test]
    fn datagrams_of_one_size_for_one_destination_are_joined() {
        let mut batch = Batch::new();
        assert!(push(&mut batch, 1, 1000) && push(&mut batch, 1, 1000));
        assert!(!push(&mut batch, 2, 1000), "another destination");
        assert!(!push(&mut batch, 1, 1001), "a longer one");
        assert!(push(&mut batch, 1, 500), "a shorter one ends it");
        assert!(!push(&mut batch, 1, 500));
        let ready = batch.take().unwrap();
        assert_eq!((ready.to, ready.segment, ready.count, ready.bytes.len()), (1, 1000, 3, 2500));
        assert_eq!(batch.take(), None);
        assert!(push(&mut batch, 2, 7), "begins anew");
        assert_eq!(batch.take().unwrap().segment, 7);
    }

    #[test]
    fn a_batch_has_limits() {
        let mut batch = Batch::new();
        assert!((0..64).all(|_| push(&mut batch, 1, 100)));
        assert!(!push(&mut batch, 1, 100), "the kernel takes 64");
        batch.take();
        assert!((0..46).all(|_| push(&mut batch, 1, 1400)));
        assert!(!push(&mut batch, 1, 1400), "65,000 bytes");
        batch.take();
        assert!(push(&mut batch, 1, 1401));
        assert!(!push(&mut batch, 1, 1401), "too long for an interface, perhaps");
    }

    #[test]
    fn empty_datagrams_go_out_alone() {
        let mut batch = Batch::new();
        assert!(push(&mut batch, 1, 0));
        assert!(!push(&mut batch, 1, 0));
        assert_eq!(batch.take().unwrap().count, 1);
        assert!(push(&mut batch, 1, 5));
        assert!(!push(&mut batch, 1, 0));
    }

    #[test]
    fn marks_of_congestion_are_kept_apart() {
        let mut batch = Batch::new();
        assert!(batch.push(1, Some(EcnCodepoint::Ect0), &[1, 2], &[3], 0));
        assert!(!batch.push(1, Some(EcnCodepoint::Ce), &[1, 2], &[3], 0));
        let ready = batch.take().unwrap();
        assert_eq!((ready.ecn, ready.bytes), (Some(EcnCodepoint::Ect0), &[1, 2, 3][..]));
    }
}
