//! Hosts behind NATs, for real: network namespaces of the kernel.
//!
//! ```text
//! alice 10.1.0.2 -- her NAT 203.0.113.1 --+
//!                                         +-- 203.0.113.0/24 -- server 203.0.113.10, 203.0.113.11
//! bob   10.2.0.2 -- his NAT 203.0.113.2 --+   2001:db8::/64
//! ```
//!
//! All names are new for each lab, and nothing leaves the machine. It takes root, `ip` and `nft`.

mod home;
mod nat;
mod word;

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};

pub use home::{Home, Ipv6};
pub use nat::Nat;
pub use word::{Arguments, Word};

/// The server's addresses; the second one serves those who ask for another address.
pub const SERVER: [&str; 2] = ["203.0.113.10", "203.0.113.11"];
/// The server's address in IPv6.
pub const SERVER_V6: &str = "2001:db8::10";

/// Who lives in a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The one who offers.
    Alice,
    /// The one who answers.
    Bob,
    /// On the public network.
    Server,
}

/// A public network with a server, and two homes on it. It is taken down when it is dropped.
#[derive(Debug)]
pub struct Lab {
    prefix: String,
}

impl Lab {
    /// Whether this machine can build one: it takes root, `ip` and `nft`, and a kernel that lets
    /// namespaces be made.
    #[must_use]
    pub fn is_possible() -> bool {
        let name = format!("ant{}p", std::process::id());
        let made = run(&["ip", "netns", "add", &name]).is_ok();
        let nft = run(&["ip", "netns", "exec", &name, "nft", "list", "ruleset"]).is_ok();
        let removed = run(&["ip", "netns", "del", &name]).is_ok();
        made && nft && removed
    }

    /// Builds one with alice in the first home and bob in the second.
    ///
    /// # Errors
    ///
    /// What `ip` or `nft` say.
    pub fn new(alice: &Home, bob: &Home) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let lab = Self { prefix: format!("ant{}x{count}", std::process::id()) };
        for place in ["w", "s", "na", "nb", "a", "b"] {
            run(&["ip", "netns", "add", &lab.namespace(place)])?;
            lab.ip(place, "link set lo up")?;
        }
        lab.ip("w", "link add br0 type bridge")?;
        lab.ip("w", "link set br0 up")?;
        lab.public("s", "10")?;
        lab.ip("s", &format!("addr add {}/24 dev wan", SERVER[1]))?;
        lab.ip("s", "-6 route add default via 2001:db8::1")?;
        // IPv6 is routed between the homes through the routers themselves.
        for (index, (host, router, home)) in
            [("a", "na", alice), ("b", "nb", bob)].into_iter().enumerate()
        {
            let number = index + 1;
            lab.public(router, &number.to_string())?;
            lab.home(host, router, number, home)?;
        }
        lab.routes()?;
        Ok(lab)
    }

    /// A command in the host's namespace.
    #[must_use]
    pub fn command(&self, host: Host, program: &str) -> Command {
        let place = match host {
            Host::Alice => "a",
            Host::Bob => "b",
            Host::Server => "s",
        };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(place), program]);
        command
    }

    fn namespace(&self, place: &str) -> String {
        format!("{}{place}", self.prefix)
    }

    /// `ip` within one namespace.
    fn ip(&self, place: &str, arguments: &str) -> Result<()> {
        let namespace = self.namespace(place);
        let mut line = vec!["ip", "-n", &namespace];
        line.extend(arguments.split(' '));
        run(&line)
    }

    fn sysctl(&self, place: &str, setting: &str) -> Result<()> {
        run(&["ip", "netns", "exec", &self.namespace(place), "sysctl", "-qw", setting])
    }

    /// Connects a namespace to the public network.
    fn public(&self, place: &str, number: &str) -> Result<()> {
        let (port, bridge) = (format!("w{place}"), self.namespace("w"));
        self.ip(place, &format!("link add wan type veth peer name {port} netns {bridge}"))?;
        self.ip("w", &format!("link set {port} master br0 up"))?;
        self.ip(place, &format!("addr add 203.0.113.{number}/24 dev wan"))?;
        self.ip(place, &format!("-6 addr add 2001:db8::{number}/64 dev wan nodad"))?;
        self.ip(place, "link set wan up")
    }

    /// A host behind its router.
    fn home(&self, host: &str, router: &str, number: usize, home: &Home) -> Result<()> {
        let namespace = self.namespace(router);
        self.ip(host, &format!("link add eth0 type veth peer name lan netns {namespace}"))?;
        self.ip(host, "link set eth0 up")?;
        self.ip(router, "link set lan up")?;
        self.sysctl(router, "net.ipv4.ip_forward=1")?;
        self.sysctl(router, "net.ipv6.conf.all.forwarding=1")?;
        if home.ipv4 {
            self.ip(host, &format!("addr add 10.{number}.0.2/24 dev eth0"))?;
            self.ip(router, &format!("addr add 10.{number}.0.1/24 dev lan"))?;
            self.ip(host, &format!("route add default via 10.{number}.0.1"))?;
        }
        if home.ipv6 != Ipv6::None {
            self.ip(host, &format!("-6 addr add 2001:db8:{number}::2/64 dev eth0 nodad"))?;
            self.ip(router, &format!("-6 addr add 2001:db8:{number}::1/64 dev lan nodad"))?;
            self.ip(host, &format!("-6 route add default via 2001:db8:{number}::1"))?;
        }
        let rules = home.rules(number);
        let mut nft = Command::new("ip");
        nft.args(["netns", "exec", &namespace, "nft", "-f", "-"]);
        feed(&mut nft, &rules)
    }

    /// Who reaches the homes' IPv6 networks, and how.
    fn routes(&self) -> Result<()> {
        for place in ["s", "na", "nb"] {
            for number in 1..=2 {
                let own = ["na", "nb"].get(number - 1) == Some(&place);
                if !own {
                    let via = format!("2001:db8::{number}");
                    self.ip(place, &format!("-6 route add 2001:db8:{number}::/64 via {via}"))?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for place in ["a", "b", "na", "nb", "s", "w"] {
            // What was not made cannot be removed, and need not.
            let _ = run(&["ip", "netns", "del", &self.namespace(place)]);
        }
    }
}

fn run(line: &[&str]) -> Result<()> {
    let (program, arguments) = line.split_first().context("a program")?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| line.join(" "))?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{}: {}", line.join(" "), String::from_utf8_lossy(&output.stderr).trim())
}

/// Runs a command with `text` as its input.
fn feed(command: &mut Command, text: &str) -> Result<()> {
    use std::io::Write as _;

    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("an input")?.write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    bail!("{}\n{text}", String::from_utf8_lossy(&output.stderr).trim())
}
