//! What killed runs left behind.

use std::path::Path;
use std::process::Command;

use super::run;

/// How the namespaces of a process are called, up to the number of the lab.
pub(super) fn prefix(process: u32) -> String {
    format!("ant{process}x")
}

/// Removes the namespaces of processes that are no more, and ends what runs in them.
pub(super) fn sweep() {
    let Ok(listed) = Command::new("ip").args(["netns", "list"]).output() else { return };
    for line in String::from_utf8_lossy(&listed.stdout).lines() {
        let Some(name) = line.split_whitespace().next() else { continue };
        if owner(name).is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            remove(name);
        }
    }
}

/// The process that made a namespace, if it is one of a lab.
fn owner(name: &str) -> Option<u32> {
    name.strip_prefix("ant")?.split_once('x')?.0.parse().ok()
}

fn remove(name: &str) {
    if let Ok(inside) = Command::new("ip").args(["netns", "pids", name]).output() {
        for process in String::from_utf8_lossy(&inside.stdout).split_whitespace() {
            // Whatever has ended in the meantime need not be.
            let _ = run(&["kill", "-KILL", process]);
        }
    }
    // Another run may be sweeping, too.
    let _ = run(&["ip", "netns", "del", name]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_namespaces_of_labs_have_an_owner() {
        assert_eq!(owner(&format!("{}3n1", prefix(1234))), Some(1234));
        assert_eq!(owner(&format!("{}p", prefix(1))), Some(1));
        for other in ["ant", "antenna", "antx1", "ant12", "12x1", "ant-1x2", ""] {
            assert_eq!(owner(other), None, "{other}");
        }
    }

    #[test]
    fn what_a_dead_process_left_is_swept_away_and_nothing_else() {
        if !super::super::Lab::is_possible() {
            crate::missing("a machine where namespaces can be made", "iproute2 nftables");
            return;
        }
        // A process that has ended.
        let mut child = Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let (stale, live) = (prefix(dead) + "0a", prefix(std::process::id()) + "9999a");
        for name in [&stale, &live] {
            run(&["ip", "netns", "add", name]).unwrap();
        }
        let mut inside =
            Command::new("ip").args(["netns", "exec", &stale, "sleep", "60"]).spawn().unwrap();
        while Command::new("ip").args(["netns", "pids", &stale]).output().unwrap().stdout.is_empty()
        {
            assert_eq!(inside.try_wait().unwrap(), None);
        }
        sweep();
        let listed = Command::new("ip").args(["netns", "list"]).output().unwrap().stdout;
        let listed = String::from_utf8(listed).unwrap();
        run(&["ip", "netns", "del", &live]).unwrap();
        assert!(!listed.contains(&stale) && listed.contains(&live), "{listed}");
        assert!(!inside.wait().unwrap().success(), "it was ended");
    }
}
