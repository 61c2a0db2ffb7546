//! antiphon and Chromium: every scenario, with real browsers.

use antiphon_interop::{BrowserKind, missing, scenarios};

const BROWSER: BrowserKind = BrowserKind::Chromium;

macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() -> anyhow::Result<()> {
            if !BROWSER.is_installed() {
                missing("Chromium", "chromium");
                return Ok(());
            }
            scenarios::$name(BROWSER).await
        })+
    };
}

scenarios! {
    data_only_browser_offers,
    data_only_rust_offers,
    media_browser_offers,
    media_rust_offers,
    ten_channels_of_every_mode,
    a_track_is_added_later,
    ice_restarts,
    closes_from_either_end,
    bulk_both_ways,
}
