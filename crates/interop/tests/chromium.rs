//! antiphon and Chromium: every scenario, with the real browser.

antiphon_interop::every_scenario!(antiphon_interop::BrowserKind::Chromium);
