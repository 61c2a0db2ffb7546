//! Builds wolfSSL, whose version in Debian has no DTLS 1.3.
//!
//! The sources come with the crate `wolfssl-sys`, out of the registry. It is a dependency of
//! nothing here: its licence is not ours, its own build takes libclang, and nobody but these tests
//! would have use for it. They compile the sources once per target folder, which takes some
//! fifteen seconds of a core.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

const MANIFEST: &str = r#"[package]
name = "wolfssl-source"
version = "0.0.0"
edition = "2024"
publish = false

[lib]
path = "lib.rs"

[dependencies]
wolfssl-sys = { version = "=5.3.0", default-features = false }

[workspace]
"#;

/// Files that others include, or that have nothing to do with DTLS.
const LEFT_OUT: [&str; 18] = [
    "bio",
    "conf",
    "evp",
    "evp_pk",
    "misc",
    "pk",
    "quic",
    "sniffer",
    "ssl_asn1",
    "ssl_bn",
    "ssl_certman",
    "ssl_crypto",
    "ssl_ech",
    "ssl_load",
    "ssl_misc",
    "ssl_p7p12",
    "ssl_sess",
    "ssl_sk",
];

/// The peer's program.
pub fn program() -> PathBuf {
    super::compile("wolfssl", || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wolfssl-5.9.4");
        let source = source(&folder);
        let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dtls");
        let mut arguments: Vec<OsString> = vec!["-DWOLFSSL_USER_SETTINGS".into()];
        for path in [&settings, &source] {
            arguments.extend(["-I".into(), path.into()]);
        }
        let library = library(&folder, &source, &settings, &arguments);
        arguments.extend([library.into(), "-lm".into()]);
        arguments
    })
}

/// Has the registry's client fetch the sources, and finds them.
fn source(folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("Cargo.toml"), MANIFEST).unwrap();
    fs::write(folder.join("lib.rs"), "").unwrap();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["metadata", "--format-version", "1"]).current_dir(folder);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "wolfssl-sys").unwrap();
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().join("wolfssl-src")
}

/// The library, unless it was built with the same settings before.
fn library(folder: &Path, source: &Path, settings: &Path, includes: &[OsString]) -> PathBuf {
    let library = folder.join("libwolfssl.a");
    let settings = fs::read(settings.join("user_settings.h")).unwrap();
    let mark = folder.join("built-with.h");
    if fs::read(&mark).is_ok_and(|built| built == settings) && library.is_file() {
        return library;
    }
    let mut files: Vec<PathBuf> = ["src", "wolfcrypt/src"]
        .iter()
        .flat_map(|part| fs::read_dir(source.join(part)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension() == Some(OsStr::new("c")) && !is_left_out(path))
        .collect();
    files.sort();
    let objects: Vec<PathBuf> = files
        .iter()
        .map(|path| folder.join(path.file_name().unwrap()).with_extension("o"))
        .collect();
    let queue = Mutex::new(files.iter().zip(&objects));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, Into::into) {
            scope.spawn(|| {
                loop {
                    let Some((file, object)) = queue.lock().unwrap().next() else { return };
                    let mut cc = Command::new("cc");
                    cc.args(["-c", "-O1", "-w"]).args(includes).arg(file).arg("-o").arg(object);
                    assert!(cc.status().expect("a C compiler").success(), "{cc:?}");
                }
            });
        }
    });
    let _ = fs::remove_file(&library);
    let status = Command::new("ar").arg("rcs").arg(&library).args(&objects).status().unwrap();
    assert!(status.success(), "ar: {status}");
    fs::write(mark, settings).unwrap();
    library
}

fn is_left_out(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_string_lossy();
    LEFT_OUT.contains(&&*name)
        || ["pk_", "ssl_api_", "x509"].iter().any(|begin| name.starts_with(begin))
}
