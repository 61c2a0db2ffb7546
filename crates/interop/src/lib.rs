//! antiphon against browsers and other stacks: what its tests share.
//!
//! | Peer | How it is driven |
//! |---|---|
//! | Chromium, Firefox | [`Page`]: a page served by the test, under its control over a WebSocket |
//! | NATs of the kernel | [`lab`]: network namespaces |
//! | coturn | [`coturn`]: its server, started for one test |
//! | OpenSSL, GnuTLS, usrsctp | their command lines, in the tests themselves |
//! | Mbed TLS, wolfSSL, libsrtp | small programs in C, beside the tests |
//!
//! A peer that is not installed makes its test say so loudly; with `CI=true` that is a failure
//! ([`missing`]).

mod browser;
mod call;
pub mod coturn;
pub mod lab;
mod network;
mod page;
mod relay;
pub mod scenarios;

pub use browser::{Browser, BrowserKind, BrowserOptions};
pub use call::{Call, CallOptions, event, patiently};
pub use page::Page;

/// Says that a peer is missing.
///
/// # Panics
///
/// With `CI=true`: there, nothing may be skipped.
pub fn missing(peer: &str, package: &str) {
    let text = format!(
        "SKIPPED: {peer} is not installed. `cargo xtask interop` installs it where it may, or: \
         apt-get install {package}"
    );
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{text}");
    eprintln!("{text}");
}
