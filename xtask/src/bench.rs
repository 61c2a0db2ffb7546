//! antiphon beside its peers.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::shell::{self, cargo};

/// What a benchmark wrote: `antiphon_benches::Table` as JSON.
#[derive(Debug, Deserialize)]
struct Table {
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    name: String,
    holds: bool,
}

/// Runs one benchmark, or all.
pub(crate) fn run(name: Option<&str>, check: bool) -> Result<()> {
    let known = names()?;
    let chosen = match name {
        None => known,
        Some(name) if known.iter().any(|known| known == name) => vec![name.to_owned()],
        Some(name) => bail!("no benchmark {name}; there are: {}", known.join(", ")),
    };
    let folder = shell::root().join("target/bench");
    fs::create_dir_all(&folder)?;
    let mut short = Vec::new();
    for name in chosen {
        let json = folder.join(format!("{name}.json"));
        measure(&name, &json)?;
        let table = read(&json)?;
        println!("{}", json.display());
        let falls_short = table.rows.into_iter().filter(|row| !row.holds);
        short.extend(falls_short.map(|row| format!("{name}: {}", row.name)));
    }
    if short.is_empty() {
        return Ok(());
    }
    println!("falls short: {}", short.join("; "));
    if check { bail!("{} rows fall short", short.len()) } else { Ok(()) }
}

/// Builds with the peers and runs one benchmark, which prints its table and writes `json`.
fn measure(name: &str, json: &Path) -> Result<()> {
    if json.exists() {
        fs::remove_file(json)?;
    }
    let mut command = cargo([
        "run",
        "--release",
        "--package",
        "antiphon-benches",
        "--features",
        "peers",
        "--bin",
        name,
    ]);
    shell::run(command.env("ANTIPHON_BENCH_JSON", json))
}

fn read(json: &PathBuf) -> Result<Table> {
    let text = fs::read_to_string(json).with_context(|| format!("no {}", json.display()))?;
    serde_json::from_str(&text).with_context(|| json.display().to_string())
}

/// The binaries of the benches package.
fn names() -> Result<Vec<String>> {
    let folder = shell::root().join("benches/src/bin");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}
