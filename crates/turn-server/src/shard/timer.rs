use std::rc::Rc;
use std::time::Instant;

use super::Shard;

/// Lets the machine's time pass.
pub(super) async fn run(shard: Rc<Shard>) {
    loop {
        let next = shard.core.borrow().next();
        shard.awaited.set(next);
        let due = async {
            match next {
                Some(next) => tokio::time::sleep_until(next.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = shard.nearer.notified() => continue,
        }
        let now = Instant::now();
        let mut core = shard.core.borrow_mut();
        core.server.handle_timeout(now);
        core.drain(&shard, now);
        core.dtls_timeout(&shard, now);
        core.flush();
    }
}
