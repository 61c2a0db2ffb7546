//! Per RFC: how many sections with requirements are cited in the code, tested, excused, open.
//!
//! The code cites a section in a comment of the form `rfcNNNN#section` after `//=`; when the next
//! line is `//= type=test`, a test proves it. `docs/conformance/rfcNNNN.toml` says which sections
//! have how many requirements of MUST level, and which are left out and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::shell;

/// One file of docs/conformance.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// The number of the RFC.
    rfc: u32,
    title: String,
    /// The packages that implement it, without the prefix `antiphon-`.
    crates: Vec<String>,
    /// Section to number of requirements at MUST level in its own text, without subsections.
    musts: BTreeMap<String, u64>,
    #[serde(default)]
    excused: Vec<Excuse>,
}

/// Sections that are left out on purpose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Excuse {
    /// Each with its subsections.
    sections: Vec<String>,
    reason: String,
}

/// Where the code cites sections of one RFC.
#[derive(Debug, Default)]
struct Citations {
    code: BTreeSet<String>,
    tests: BTreeSet<String>,
}

/// Requirements by what became of their sections.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: u64,
    cited: u64,
    tested: u64,
    excused: u64,
    open: u64,
}

/// Prints the table. With `list_open` the open sections follow each RFC.
pub(crate) fn run(list_open: bool) -> Result<()> {
    let citations = scan()?;
    let documents = documents()?;
    println!(
        "Requirements of MUST level, counted by their sections; a section may be cited and tested."
    );
    println!(
        "{:<9}{:>6}{:>7}{:>8}{:>9}{:>6}  title (crates)",
        "RFC", "all", "cited", "tested", "excused", "open"
    );
    let nothing = Citations::default();
    let mut total = Count::default();
    let mut known = BTreeSet::new();
    for document in &documents {
        known.insert(document.rfc);
        let cited = citations.get(&document.rfc).unwrap_or(&nothing);
        let (count, open) = evaluate(document, cited);
        print_row(
            &document.rfc.to_string(),
            count,
            &format!("{} ({})", document.title, document.crates.join(", ")),
        );
        total.add(count);
        if list_open && !open.is_empty() {
            println!("          open: {}", open.join(" "));
        }
    }
    print_row("all", total, "");
    let others: Vec<String> = citations
        .iter()
        .filter(|(rfc, _)| !known.contains(rfc))
        .map(|(rfc, cited)| {
            format!("{rfc} ({})", cited.code.len().saturating_add(cited.tests.len()))
        })
        .collect();
    if !others.is_empty() {
        println!("cited without a file in docs/conformance: {}", others.join(", "));
    }
    Ok(())
}

fn print_row(name: &str, count: Count, title: &str) {
    let Count { all, cited, tested, excused, open } = count;
    println!("{name:<9}{all:>6}{cited:>7}{tested:>8}{excused:>9}{open:>6}  {title}");
}

impl Count {
    fn add(&mut self, other: Self) {
        self.all = self.all.saturating_add(other.all);
        self.cited = self.cited.saturating_add(other.cited);
        self.tested = self.tested.saturating_add(other.tested);
        self.excused = self.excused.saturating_add(other.excused);
        self.open = self.open.saturating_add(other.open);
    }
}

/// What became of the requirements of one RFC, and its open sections.
fn evaluate(document: &Document, cited: &Citations) -> (Count, Vec<String>) {
    let mut count = Count::default();
    let mut open = Vec::new();
    let excuses: Vec<&String> =
        document.excused.iter().flat_map(|excuse| &excuse.sections).collect();
    for (section, musts) in &document.musts {
        let part = Count { all: *musts, ..Count::default() };
        let is_cited = cited.code.contains(section);
        let is_tested = cited.tests.contains(section);
        let is_excused = excuses.iter().any(|excuse| is_within(section, excuse));
        let is_open = !is_cited && !is_tested && !is_excused;
        count.add(Count {
            cited: if is_cited { *musts } else { 0 },
            tested: if is_tested { *musts } else { 0 },
            excused: if is_excused && !is_cited && !is_tested { *musts } else { 0 },
            open: if is_open { *musts } else { 0 },
            ..part
        });
        if is_open {
            open.push(section.clone());
        }
    }
    (count, open)
}

/// Whether `section` is `outer` or one of its subsections.
fn is_within(section: &str, outer: &str) -> bool {
    section.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// All files of docs/conformance.
fn documents() -> Result<Vec<Document>> {
    let folder = shell::root().join("docs/conformance");
    let mut documents = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let document: Document =
            toml::from_str(&text).with_context(|| path.display().to_string())?;
        if path
            .file_stem()
            .is_none_or(|stem| stem.to_string_lossy() != format!("rfc{}", document.rfc))
        {
            bail!("{} is about RFC {}", path.display(), document.rfc);
        }
        for excuse in &document.excused {
            if excuse.sections.is_empty() || excuse.reason.trim().is_empty() {
                bail!("{}: an excuse without sections or reason", path.display());
            }
        }
        documents.push(document);
    }
    documents.sort_by_key(|document| document.rfc);
    Ok(documents)
}

/// Reads the citations of all Rust files in crates/, and of the scripts of their tests.
fn scan() -> Result<BTreeMap<u32, Citations>> {
    let mut citations = BTreeMap::new();
    let mut folders = vec![shell::root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path: PathBuf = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "rs" || extension == "script")
            {
                scan_file(&path, &mut citations)?;
            }
        }
    }
    Ok(citations)
}

fn scan_file(path: &Path, citations: &mut BTreeMap<u32, Citations>) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    for (rfc, section, is_test) in citations_in(&text) {
        let of_rfc: &mut Citations = citations.entry(rfc).or_default();
        let kind = if is_test { &mut of_rfc.tests } else { &mut of_rfc.code };
        kind.insert(section);
    }
    Ok(())
}

/// RFC, section, and whether a test says so, for each citation in a source text.
///
/// Several citations may stand above one `type=test`.
fn citations_in(text: &str) -> Vec<(u32, String, bool)> {
    let mut found: Vec<(u32, String, bool)> = Vec::new();
    let mut group = 0;
    for line in text.lines() {
        let Some(annotation) = line.trim_start().strip_prefix("//=").map(str::trim) else {
            group = found.len();
            continue;
        };
        if annotation == "type=test" {
            for citation in found.iter_mut().skip(group) {
                citation.2 = true;
            }
        } else if let Some(citation) = parse_citation(annotation) {
            found.push((citation.0, citation.1, false));
        }
    }
    found
}

/// Reads `rfc8445#7.2.5` or `rfc8445#section-7.2.5`.
fn parse_citation(annotation: &str) -> Option<(u32, String)> {
    let (rfc, section) = annotation.strip_prefix("rfc")?.split_once('#')?;
    let section = section.strip_prefix("section-").unwrap_or(section);
    let section = section.split_whitespace().next()?.trim_end_matches('.');
    Some((rfc.parse().ok()?, section.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_are_read_with_their_kind() {
        let text = "\
            //= rfc8445#7.2.5\n\
            // Our sentence.\n\
            call();\n\
            //= rfc8445#section-6.1\n\
            //= rfc8489#14.3.\n\
            //= type=test\n\
            #[test]\n";
        let expected = [(8445, "7.2.5", false), (8445, "6.1", true), (8489, "14.3", true)];
        let found = citations_in(text);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert_eq!((found.0, found.1.as_str(), found.2), expected);
        }
    }

    #[test]
    fn a_section_lies_within_its_parents_only() {
        assert!(is_within("7.2.5", "7.2"));
        assert!(is_within("7.2", "7.2"));
        assert!(!is_within("7.25", "7.2"));
        assert!(!is_within("7", "7.2"));
    }
}
