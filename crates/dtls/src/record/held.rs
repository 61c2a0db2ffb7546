use std::collections::VecDeque;

/// How many pieces are kept, however small they are.
const MAX_PIECES: usize = 64;

/// Datagrams or records that came too early, oldest first, bounded in number and bytes.
#[derive(Debug)]
pub(crate) struct Held {
    pieces: VecDeque<Vec<u8>>,
    bytes: usize,
    limit: usize,
}

impl Held {
    pub(crate) fn new(limit: usize) -> Self {
        Self { pieces: VecDeque::new(), bytes: 0, limit }
    }

    /// Keeps a copy of `piece`, or says `false` when there is no room.
    pub(crate) fn push(&mut self, piece: &[u8]) -> bool {
        let bytes = self.bytes.saturating_add(piece.len());
        if bytes > self.limit || self.pieces.len() >= MAX_PIECES {
            return false;
        }
        self.bytes = bytes;
        self.pieces.push_back(piece.to_vec());
        true
    }

    /// Hands everything out and is empty, without memory of its own.
    pub(crate) fn take(&mut self) -> VecDeque<Vec<u8>> {
        self.bytes = 0;
        std::mem::take(&mut self.pieces)
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // attack: early records without end
    #[test]
    fn bytes_and_pieces_are_bounded() {
        let mut held = Held::new(100);
        assert!(held.push(&[0; 60]));
        assert!(!held.push(&[0; 60]));
        assert!(held.push(&[0; 40]));
        assert_eq!(held.take().len(), 2);
        assert_eq!((0..100).filter(|_| held.push(&[])).count(), MAX_PIECES);
    }
}
