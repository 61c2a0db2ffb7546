//! Hosts behind NATs, for real: network namespaces of the kernel.
//!
//! ```text
//! alice 10.1.0.2 -- her NAT 203.0.113.1 --+
//!                                         +-- 203.0.113.0/24 -- server 203.0.113.10
//! bob   10.2.0.2 -- his NAT 203.0.113.2 --+   2001:db8::/64, server 2001:db8::10
//! ```
//!
//! All names are new for each lab, and nothing leaves the machine. It takes root, `ip` and `nft`. What a
//! run that was killed left behind goes away with the next one.

mod dial;
mod home;
mod nat;
mod server;
mod stale;
mod word;

use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail};

pub use dial::{Found, dial};
pub use home::{Home, Ipv6};
pub use nat::Nat;
pub use server::Server;
pub use word::{Arguments, Word};

/// The server's address in IPv4.
pub const SERVER: &str = "203.0.113.10";
/// The server's address in IPv6.
pub const SERVER_V6: &str = "2001:db8::10";

/// The namespaces: the public network, the server, the routers, the hosts.
const PLACES: [&str; 6] = ["w", "s", "n1", "n2", "a", "b"];

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
        static POSSIBLE: OnceLock<bool> = OnceLock::new();
        *POSSIBLE.get_or_init(|| {
            stale::sweep();
            let name = format!("{}p", stale::prefix(std::process::id()));
            let made = run(&["ip", "netns", "add", &name]).is_ok();
            let nft = run(&["ip", "netns", "exec", &name, "nft", "list", "ruleset"]).is_ok();
            let removed = run(&["ip", "netns", "del", &name]).is_ok();
            made && nft && removed
        })
    }

    /// Builds one with alice in the first home and bob in the second.
    ///
    /// # Errors
    ///
    /// What `ip` or `nft` say.
    pub fn new(alice: &Home, bob: &Home) -> Result<Self> {
        let lab = Self::with_routers(&[alice, bob])?;
        lab.host("a", 1, 2, alice)?;
        lab.host("b", 2, 2, bob)?;
        Ok(lab)
    }

    /// Builds one with both in the same home. As `strangers` they see the router but not each other,
    /// as in the wireless network of a café.
    ///
    /// # Errors
    ///
    /// What `ip` or `nft` say.
    pub fn together(home: &Home, strangers: bool) -> Result<Self> {
        let lab = Self::with_routers(&[home])?;
        for (host, place) in [("a", 2), ("b", 3)] {
            lab.host(host, 1, place, home)?;
            if strangers {
                lab.ip("n1", &format!("link set lan{place} type bridge_slave isolated on"))?;
            }
        }
        Ok(lab)
    }

    /// The public network, the server, and the routers.
    fn with_routers(homes: &[&Home]) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let lab = Self { prefix: format!("{}{count}", stale::prefix(std::process::id())) };
        for place in PLACES {
            run(&["ip", "netns", "add", &lab.namespace(place)])?;
            // No link waits for seconds until it believes that its IPv6 addresses are its own.
            lab.sysctl(place, "net.ipv6.conf.default.accept_dad=0")?;
            lab.ip(place, "link set lo up")?;
        }
        lab.ip("w", "link add br0 type bridge mcast_snooping 0")?;
        // The rest of the world: it takes everything and answers nothing.
        lab.ip("w", "addr add 203.0.113.254/24 dev br0")?;
        lab.ip("w", "-6 addr add 2001:db8::fe/64 dev br0 nodad")?;
        lab.ip("w", "link set br0 up")?;
        lab.public("s", "10")?;
        for (index, home) in homes.iter().enumerate() {
            lab.router(index + 1, home)?;
        }
        lab.routes(homes)?;
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
        self.ip(place, "link set wan up")?;
        self.ip(place, "route add default via 203.0.113.254")?;
        self.ip(place, "-6 route add default via 2001:db8::fe")
    }

    /// A home's router, with room for hosts.
    fn router(&self, number: usize, home: &Home) -> Result<()> {
        let router = format!("n{number}");
        self.public(&router, &number.to_string())?;
        self.sysctl(&router, "net.ipv4.ip_forward=1")?;
        self.sysctl(&router, "net.ipv6.conf.all.forwarding=1")?;
        self.ip(&router, "link add lan type bridge mcast_snooping 0")?;
        self.ip(&router, "link set lan up")?;
        if home.ipv4 {
            let (address, len) = home.ipv4(number, 1);
            self.ip(&router, &format!("addr add {address}/{len} dev lan"))?;
        }
        if home.ipv6 != Ipv6::None {
            self.ip(&router, &format!("-6 addr add 2001:db8:{number}::1/64 dev lan nodad"))?;
        }
        let mut nft = Command::new("ip");
        nft.args(["netns", "exec", &self.namespace(&router), "nft", "-f", "-"]);
        feed(&mut nft, &home.rules(number))
    }

    /// A host behind that router.
    fn host(&self, host: &str, number: usize, place: usize, home: &Home) -> Result<()> {
        let router = format!("n{number}");
        let (port, namespace) = (format!("lan{place}"), self.namespace(&router));
        self.ip(host, &format!("link add eth0 type veth peer name {port} netns {namespace}"))?;
        self.ip(host, "link set eth0 up")?;
        self.ip(&router, &format!("link set {port} master lan up"))?;
        if home.ipv4 {
            let (address, len) = home.ipv4(number, place);
            self.ip(host, &format!("addr add {address}/{len} dev eth0"))?;
            self.ip(host, &format!("route add default via {}", home.ipv4(number, 1).0))?;
        }
        if home.ipv6 != Ipv6::None {
            self.ip(host, &format!("-6 addr add 2001:db8:{number}::{place}/64 dev eth0 nodad"))?;
            self.ip(host, &format!("-6 route add default via 2001:db8:{number}::1"))?;
        }
        Ok(())
    }

    /// Who reaches the homes' own networks, and how: through the routers themselves.
    fn routes(&self, homes: &[&Home]) -> Result<()> {
        for (index, home) in homes.iter().enumerate() {
            let number = index + 1;
            let own = format!("n{number}");
            // Where two share a home there is no second router.
            let routers = ["s", "n1", "n2"].into_iter().take(1 + homes.len());
            for place in routers.filter(|place| *place != own) {
                let via = format!("2001:db8::{number}");
                self.ip(place, &format!("-6 route add 2001:db8:{number}::/64 via {via}"))?;
                if home.nat == Nat::Open {
                    let network = format!("198.51.100.{}/28", 16 * number);
                    self.ip(place, &format!("route add {network} via 203.0.113.{number}"))?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for place in PLACES {
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
