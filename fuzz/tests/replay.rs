//! Runs every input of every committed corpus through its target, on stable.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed expectation is a failed test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use antiphon_fuzz::TARGETS;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The inputs of a target, in the order of their names.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = folder("corpus").join(target);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut inputs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    inputs
}

/// Names the input when its target panics.
struct Name<'a>(&'a Path);

impl Drop for Name<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("input: {}", self.0.display());
        }
    }
}

#[test]
fn no_committed_input_panics() {
    for (target, run) in TARGETS {
        run(&[]);
        for input in &corpus(target) {
            let name = Name(input);
            let bytes = fs::read(input).unwrap();
            run(&bytes);
            // An input cut short at any place is one too.
            for cut in (0..bytes.len()).step_by(bytes.len().div_ceil(16).max(1)) {
                run(bytes.get(..cut).unwrap_or_default());
            }
            drop(name);
        }
    }
}

#[test]
fn each_target_has_a_corpus() {
    let empty: Vec<&str> =
        TARGETS.iter().map(|(name, _)| *name).filter(|name| corpus(name).is_empty()).collect();
    assert!(empty.is_empty(), "no input for {empty:?}");
}

#[test]
fn each_target_is_in_the_table_once() {
    let table: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(table.len(), TARGETS.len());
    let stems = |name: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(folder(name)).unwrap();
        entries
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(stems("fuzz_targets"), table);
    assert_eq!(stems("corpus"), table);
}
