//! Where files from a page lie: bounded in bytes and number, gone when the page or the program is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::bail;

/// The files that one page may leave.
const MAX_FILES: usize = 256;

/// The folder and the bytes that all pages share.
#[derive(Debug)]
pub(crate) struct Storage {
    folder: PathBuf,
    limit: u64,
    used: AtomicU64,
    next: AtomicU64,
}

impl Storage {
    /// Files go into this folder, up to `limit` bytes together.
    pub(crate) fn new(folder: PathBuf, limit: u64) -> Self {
        Self { folder, limit, used: AtomicU64::new(0), next: AtomicU64::new(0) }
    }
}

/// The files of one page, by the names that it gave them.
#[derive(Debug)]
pub(crate) struct Shelf {
    storage: Arc<Storage>,
    files: Mutex<HashMap<String, Arc<Place>>>,
}

impl Shelf {
    pub(crate) fn new(storage: Arc<Storage>) -> Self {
        Self { storage, files: Mutex::default() }
    }

    /// Room for a file of that many bytes, which is taken before the first of them comes.
    pub(crate) fn place(&self, size: u64) -> anyhow::Result<Place> {
        let Storage { folder, limit, used, next } = &*self.storage;
        let more = |used: u64| used.checked_add(size).filter(|sum| sum <= limit);
        if let Err(used) = used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            bail!(
                "{size} bytes do not fit, because {} of {limit} are free here; close other pages, or \
                 start the program with a larger --space",
                limit.saturating_sub(used)
            );
        }
        // What the page calls a file is never part of a path.
        let path = folder.join(next.fetch_add(1, Ordering::Relaxed).to_string());
        Ok(Place { storage: Arc::clone(&self.storage), path, size })
    }

    /// Keeps a file under that name, in place of the one before.
    pub(crate) fn store(&self, name: String, place: Place) -> anyhow::Result<()> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if files.len() >= MAX_FILES && !files.contains_key(&name) {
            bail!("{MAX_FILES} files of this page are here already; reload it to start anew");
        }
        files.insert(name, Arc::new(place));
        Ok(())
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Place>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

/// A file's place and the bytes reserved for it. Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct Place {
    storage: Arc<Storage>,
    path: PathBuf,
    size: u64,
}

impl Place {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // It may never have been made; and what cannot be removed goes with the folder.
        let _ = std::fs::remove_file(&self.path);
        self.storage.used.fetch_sub(self.size, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf(limit: u64) -> (tempfile::TempDir, Arc<Storage>, Shelf) {
        let folder = tempfile::tempdir().unwrap();
        let storage = Arc::new(Storage::new(folder.path().to_owned(), limit));
        let shelf = Shelf::new(Arc::clone(&storage));
        (folder, storage, shelf)
    }

    // attack: pages that fill the disk, each with files that fit.
    #[test]
    fn all_pages_share_the_limit() {
        let (_folder, storage, one) = shelf(100);
        let other = Shelf::new(storage);
        let first = one.place(60).unwrap();
        assert!(other.place(41).unwrap_err().to_string().contains("40 of 100 are free"));
        assert!(other.place(u64::MAX).is_err());
        let _second = other.place(40).unwrap();
        drop(first);
        assert!(one.place(60).is_ok());
    }

    #[test]
    fn a_file_goes_with_its_page_and_when_it_is_replaced() {
        let (folder, storage, shelf) = shelf(100);
        for text in ["first", "second"] {
            let place = shelf.place(50).unwrap();
            std::fs::write(place.path(), text).unwrap();
            shelf.store("../name".to_owned(), place).unwrap();
        }
        let kept = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!((kept, storage.used.load(Ordering::Relaxed)), (1, 50));
        assert_eq!(std::fs::read(shelf.find("../name").unwrap().path()).unwrap(), b"second");
        drop(shelf);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(storage.used.load(Ordering::Relaxed), 0);
    }

    // attack: endless empty files, each with a name of its own.
    #[test]
    fn a_page_leaves_so_many_files_and_no_more() {
        let (_folder, _storage, shelf) = shelf(100);
        for number in 0..MAX_FILES {
            shelf.store(number.to_string(), shelf.place(0).unwrap()).unwrap();
        }
        assert!(shelf.store("one more".to_owned(), shelf.place(0).unwrap()).is_err());
        shelf.store("7".to_owned(), shelf.place(0).unwrap()).unwrap();
    }
}
