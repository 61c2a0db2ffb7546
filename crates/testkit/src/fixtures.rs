//! What real peers sent: session descriptions and datagrams.
//!
//! The files are in `fixtures/` of this crate. Session descriptions keep their line ends.

use std::fs;
use std::path::PathBuf;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// All captured session descriptions: file name and text, in the order of the names.
///
/// # Panics
///
/// When the folder cannot be read or is empty: a test over no fixture would prove nothing.
pub fn sdp() -> impl Iterator<Item = (String, String)> {
    let folder = folder("sdp");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "sdp"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no session descriptions in {}", folder.display());
    files.into_iter().map(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        (name.unwrap_or_default(), read_text(&path))
    })
}

/// One captured datagram: the UDP payload, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Name of its file, without folder.
    pub name: String,
    /// `stun`, `dtls`, `rtp` or `rtcp`; the last two are protected by SRTP.
    pub protocol: String,
    /// Who sent it: name and version.
    pub sender: String,
    /// To whom: name and version.
    pub receiver: String,
    /// What it is, in a few words.
    pub description: String,
    /// The UDP payload.
    pub bytes: Vec<u8>,
}

/// All captured datagrams, in the order of `fixtures/datagrams/index.tsv`.
///
/// # Panics
///
/// When the index or a file cannot be read.
pub fn datagrams() -> impl Iterator<Item = Captured> {
    let folder = folder("datagrams");
    let index = read_text(&folder.join("index.tsv"));
    let rows: Vec<Captured> = index
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let [name, protocol, sender, receiver, description] = fields.as_slice() else {
                panic!("index.tsv wants 5 fields in: {line}");
            };
            let bytes = match fs::read(folder.join(name)) {
                Ok(bytes) => bytes,
                Err(error) => panic!("{name}: {error}"),
            };
            Captured {
                name: (*name).to_owned(),
                protocol: (*protocol).to_owned(),
                sender: (*sender).to_owned(),
                receiver: (*receiver).to_owned(),
                description: (*description).to_owned(),
                bytes,
            }
        })
        .collect();
    assert!(!rows.is_empty(), "no captured datagrams");
    rows.into_iter()
}

fn read_text(path: &std::path::Path) -> String {
    match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
