/// State per stream, allocated in small pages when a stream is first used.
///
/// A lookup costs two loads whatever the number of streams, and what is announced but not used
/// costs nothing.
#[derive(Debug)]
pub(crate) struct StreamTable<T> {
    pages: Vec<Option<Box<[T; PAGE]>>>,
}

const PAGE: usize = 4;

impl<T: Default> StreamTable<T> {
    pub(crate) fn new() -> Self {
        Self { pages: Vec::new() }
    }

    pub(crate) fn get(&self, stream: u16) -> Option<&T> {
        let (page, row) = place(stream);
        self.pages.get(page)?.as_ref()?.get(row)
    }

    /// The state of a stream already used.
    pub(crate) fn get_mut(&mut self, stream: u16) -> Option<&mut T> {
        let (page, row) = place(stream);
        self.pages.get_mut(page)?.as_mut()?.get_mut(row)
    }

    /// The streams of all pages in use.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &T)> {
        (0..=u16::MAX).step_by(PAGE).zip(&self.pages).flat_map(|(first, page)| {
            page.iter().flat_map(move |page| (first..=u16::MAX).zip(page.iter()))
        })
    }

    /// Runs `f` on the state of a stream, made anew where there was none.
    pub(crate) fn with<R>(&mut self, stream: u16, f: impl FnOnce(&mut T) -> R) -> R {
        let (page, row) = place(stream);
        if self.pages.len() <= page {
            self.pages.resize_with(page + 1, || None);
        }
        let slot = self.pages.get_mut(page);
        let slot = slot.map(|page| {
            page.get_or_insert_with(|| Box::new(std::array::from_fn(|_| T::default())))
        });
        match slot.and_then(|page| page.get_mut(row)) {
            Some(state) => f(state),
            // Both indices were made valid above.
            None => f(&mut T::default()),
        }
    }
}

fn place(stream: u16) -> (usize, usize) {
    let stream = usize::from(stream);
    (stream / PAGE, stream % PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_in_use_exist() {
        let mut table = StreamTable::<u32>::new();
        assert_eq!(table.get(65_535), None);
        table.with(65_535, |state| *state = 7);
        table.with(3, |state| *state = 1);
        assert_eq!(table.get(65_535), Some(&7));
        assert_eq!(table.get(65_534), Some(&0));
        assert_eq!(table.get(100), None);
        assert_eq!(table.pages.iter().flatten().count(), 2);
    }
}
