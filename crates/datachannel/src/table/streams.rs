use crate::ChannelId;

/// What each stream is used for: a table of pages, so that a lookup is two steps and a table with
/// few channels is small.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pages: Vec<Option<Box<Page>>>,
}

type Page = [Use; 256];

/// What a stream is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Use {
    /// Nothing.
    #[default]
    Free,
    /// A channel, from the moment it has an id until both directions are reset.
    Channel(ChannelId),
    /// Messages wait for a negotiated channel that may come.
    Early,
    /// The peer may not use it: our direction is being reset, then the peer's has to be.
    Refused(Resets),
}

/// How far the closing of a stream has come (RFC 8831 section 6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resets {
    pub(super) outgoing: OutgoingReset,
    /// Whether the peer reset its direction.
    pub(super) incoming_done: bool,
}

/// How far the reset of our direction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutgoingReset {
    /// Messages have to leave first.
    Waiting,
    /// `poll_reset` will say it.
    Queued,
    /// `poll_reset` said it.
    Requested,
    /// The transport did it.
    Done,
}

impl Resets {
    pub(super) const fn are_done(self) -> bool {
        self.incoming_done && matches!(self.outgoing, OutgoingReset::Done)
    }

    /// Whether the peer may already see the stream as closed: both directions were reset, but
    /// the transport has not told us about ours.
    pub(super) const fn may_be_done(self) -> bool {
        self.incoming_done && matches!(self.outgoing, OutgoingReset::Requested)
    }
}

impl Streams {
    pub(super) fn get(&self, stream: u16) -> Use {
        let [page, line] = stream.to_be_bytes();
        match self.pages.get(usize::from(page)) {
            Some(Some(lines)) => lines.get(usize::from(line)).copied().unwrap_or_default(),
            Some(None) | None => Use::Free,
        }
    }

    pub(super) fn set(&mut self, stream: u16, usage: Use) {
        let [page, line] = stream.to_be_bytes();
        let page = usize::from(page);
        if self.pages.len() <= page {
            self.pages.resize_with(page.saturating_add(1), || None);
        }
        if let Some(lines) = self.pages.get_mut(page)
            && let Some(place) =
                lines.get_or_insert_with(|| Box::new([Use::Free; 256])).get_mut(usize::from(line))
        {
            *place = usage;
        }
    }

    pub(super) fn is_free(&self, stream: u16) -> bool {
        self.get(stream) == Use::Free
    }

    /// All streams that are used, in order.
    pub(super) fn used(&self) -> Vec<u16> {
        (0u8..=u8::MAX)
            .zip(&self.pages)
            .filter(|(_, lines)| lines.is_some())
            .flat_map(|(page, _)| (0u8..=u8::MAX).map(move |line| u16::from_be_bytes([page, line])))
            .filter(|stream| !self.is_free(*stream))
            .collect()
    }
}
