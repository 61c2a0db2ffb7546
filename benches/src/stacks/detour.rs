use std::net::SocketAddr;

use antiphon_testkit::Forwarder;
use antiphon_testkit::netem::Link;

use super::Failure;

/// Decides over losses.
const SEED: u64 = 17;

/// What stands between two ends: nothing, or a link that their descriptions are made to name.
#[derive(Debug, Default)]
pub(super) struct Detour {
    link: Option<Forwarder>,
}

impl Detour {
    pub(super) fn new(link: Option<&Link>) -> Result<Self, Failure> {
        let forwarder =
            |link: &Link| Forwarder::new(link.clone(), link.clone(), SEED).map_err(Failure::from);
        Ok(Self { link: link.map(forwarder).transpose()? })
    }

    /// The near end's description as the far end gets it.
    pub(super) fn towards_far(&self, description: String) -> Result<String, Failure> {
        let Some(link) = &self.link else { return Ok(description) };
        let (description, end) = through(&description, link.far())?;
        link.attach_near(end);
        Ok(description)
    }

    /// The far end's description as the near end gets it.
    pub(super) fn towards_near(&self, description: String) -> Result<String, Failure> {
        let Some(link) = &self.link else { return Ok(description) };
        let (description, end) = through(&description, link.near())?;
        link.attach_far(end);
        Ok(description)
    }
}

/// The description with one candidate, which names `port` instead of the address returned.
fn through(description: &str, port: SocketAddr) -> Result<(String, SocketAddr), Failure> {
    let mut end = None;
    let mut lines = String::with_capacity(description.len());
    for line in description.split_inclusive('\n') {
        if !line.contains("candidate:") {
            lines.push_str(line);
            continue;
        }
        let mut fields: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let [_, _, protocol, _, address, number, ..] = fields.as_mut_slice() else { continue };
        let here: Option<SocketAddr> = format!("{address}:{number}").parse().ok();
        let Some(here) = here.filter(|here| here.ip() == port.ip() && end.is_none()) else {
            continue;
        };
        if protocol.eq_ignore_ascii_case("udp") {
            end = Some(here);
            *number = port.port().to_string();
            lines.push_str(&fields.join(" "));
        }
    }
    Ok((lines, end.ok_or("no candidate on loopback")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_candidate_stays_and_names_the_link() {
        let port = "127.0.0.1:9".parse().unwrap();
        let description = "v=0\r\n\
            a=candidate:1 1 tcp 1 127.0.0.1 7 typ host tcptype passive\r\n\
            a=candidate:1 1 UDP 1 10.0.0.1 7 typ host\r\n\
            a=candidate:2 1 UDP 1 127.0.0.1 5 typ host\r\n\
            a=candidate:3 2 UDP 1 127.0.0.1 6 typ host\r\n\
            a=end-of-candidates\r\n";
        let (description, end) = through(description, port).unwrap();
        assert_eq!(end, "127.0.0.1:5".parse().unwrap());
        let expected =
            "v=0\r\na=candidate:2 1 UDP 1 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n";
        assert_eq!(description, expected);
        assert!(through("v=0\r\n", port).is_err());
    }
}
