//! DTLS with Firefox in whole calls: versions, groups and roles.
#![allow(clippy::indexing_slicing, clippy::panic, reason = "a failed expectation is a failed test")]

#[path = "dtls/calls.rs"]
mod calls;

use antiphon::crypto::NamedGroup;
use antiphon::peerconnection::DtlsVersion;
use antiphon_interop::BrowserKind;

use crate::calls::Scenario;

/// Has Firefox stop at DTLS 1.2, which goes by the number of TLS 1.2 here.
const ONLY_1_2: &str = "user_pref(\"media.peerconnection.dtls.version.max\", 771);\n";
/// Has Firefox offer no hybrid group.
const NO_HYBRID: &str = "user_pref(\"media.webrtc.enable_pq_hybrid_kex\", false);\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_client_we_speak_1_3_with_a_hybrid_group() -> anyhow::Result<()> {
    let scenario = Scenario::new(BrowserKind::Firefox, true);
    scenario.agrees_on(DtlsVersion::Dtls13, NamedGroup::X25519MlKem768).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_server_we_speak_1_3_with_a_hybrid_group() -> anyhow::Result<()> {
    let scenario = Scenario::new(BrowserKind::Firefox, false);
    scenario.agrees_on(DtlsVersion::Dtls13, NamedGroup::X25519MlKem768).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_client_that_knows_1_2_alone_we_speak_that() -> anyhow::Result<()> {
    let mut scenario = Scenario::new(BrowserKind::Firefox, true);
    scenario.versions = vec![DtlsVersion::Dtls12];
    scenario.agrees_on(DtlsVersion::Dtls12, NamedGroup::X25519).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_server_that_knows_1_2_alone_we_speak_that() -> anyhow::Result<()> {
    let mut scenario = Scenario::new(BrowserKind::Firefox, false);
    scenario.versions = vec![DtlsVersion::Dtls12];
    scenario.agrees_on(DtlsVersion::Dtls12, NamedGroup::X25519).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_client_we_speak_1_2_with_a_firefox_that_knows_no_more() -> anyhow::Result<()> {
    let mut scenario = Scenario::new(BrowserKind::Firefox, true);
    scenario.preferences = ONLY_1_2;
    scenario.agrees_on(DtlsVersion::Dtls12, NamedGroup::X25519).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_server_we_speak_1_2_with_a_firefox_that_knows_no_more() -> anyhow::Result<()> {
    let mut scenario = Scenario::new(BrowserKind::Firefox, false);
    scenario.preferences = ONLY_1_2;
    scenario.agrees_on(DtlsVersion::Dtls12, NamedGroup::X25519).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_server_we_speak_1_3_with_a_firefox_without_the_hybrid_group() -> anyhow::Result<()> {
    let mut scenario = Scenario::new(BrowserKind::Firefox, false);
    scenario.preferences = NO_HYBRID;
    scenario.agrees_on(DtlsVersion::Dtls13, NamedGroup::X25519).await
}
