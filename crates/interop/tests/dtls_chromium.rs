//! DTLS with Chromium in whole calls: versions, groups and roles.
#![allow(clippy::indexing_slicing, clippy::panic, reason = "a failed expectation is a failed test")]

#[path = "dtls/calls.rs"]
mod calls;

use antiphon::crypto::NamedGroup;
use antiphon::peerconnection::DtlsVersion;
use antiphon_interop::BrowserKind;

use crate::calls::Scenario;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_client_we_speak_1_3_with_a_hybrid_group() -> anyhow::Result<()> {
    let scenario = Scenario::new(BrowserKind::Chromium, true);
    scenario.agrees_on(DtlsVersion::Dtls13, NamedGroup::X25519MlKem768).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_server_we_speak_1_3_with_a_hybrid_group() -> anyhow::Result<()> {
    let scenario = Scenario::new(BrowserKind::Chromium, false);
    scenario.agrees_on(DtlsVersion::Dtls13, NamedGroup::X25519MlKem768).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_client_that_knows_1_2_alone_we_speak_that() -> anyhow::Result<()> {
    let mut scenario = Scenario::new(BrowserKind::Chromium, true);
    scenario.versions = vec![DtlsVersion::Dtls12];
    scenario.agrees_on(DtlsVersion::Dtls12, NamedGroup::X25519).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_server_that_knows_1_2_alone_we_speak_that() -> anyhow::Result<()> {
    let mut scenario = Scenario::new(BrowserKind::Chromium, false);
    scenario.versions = vec![DtlsVersion::Dtls12];
    scenario.agrees_on(DtlsVersion::Dtls12, NamedGroup::X25519).await
}
