//! tmp
use antiphon_interop::*; use serde_json::json;
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zz() -> anyhow::Result<()> {
    let mut call = Call::new(BrowserKind::Chromium).await?;
    call.page.call("addMedia", json!({"audio": true, "video": true})).await?;
    call.browser_offers(json!({}), true).await?;
    call.connected().await?;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let stats = call.page.call("stats", json!({})).await?;
    for s in stats.as_array().unwrap() { let t = s["type"].as_str().unwrap(); if t.contains("rtp") || t == "media-playout" || t=="media-source" || t == "transport" { println!("{s}"); } }
    println!("{}", call.peer.local_description().unwrap().sdp);
    println!("{:?}", call.peer.stats());
    Ok(())
}
