use std::fmt;

/// What a home's router does to IPv4. RFC 4787's words for mapping and filtering, where it translates.
///
/// The kernel keeps the port of the host where it is free, so mapping is independent of the
/// endpoint unless it is told to draw ports by chance. What it cannot do (mapping by address
/// alone, mappings that time out early) is left to the simulated network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// None, and no filter either: the host has a public address.
    Open,
    /// Endpoint-independent mapping and filtering.
    FullCone,
    /// Endpoint-independent mapping, address-dependent filtering.
    AddressRestricted,
    /// Endpoint-independent mapping, address- and port-dependent filtering.
    PortRestricted,
    /// Address- and port-dependent mapping and filtering.
    Symmetric,
}

impl Nat {
    /// All that translate, from the most to the least open.
    pub const ALL: [Self; 4] =
        [Self::FullCone, Self::AddressRestricted, Self::PortRestricted, Self::Symmetric];

    /// Whether two homes with these routers reach each other without a relay: not when a port that
    /// was drawn by chance for this peer meets a filter that wants to know it before.
    #[must_use]
    pub fn reaches(self, other: Self) -> bool {
        let blind = |a: Self, b: Self| {
            a == Self::Symmetric && matches!(b, Self::Symmetric | Self::PortRestricted)
        };
        !blind(self, other) && !blind(other, self)
    }

    /// The rules of nftables for the home of that number.
    pub(super) fn rules(self, number: usize) -> String {
        let host = format!("10.{number}.0.2");
        let (mapping, set, remember, admit) = match self {
            Self::Open => return String::new(),
            Self::FullCone => {
                let admit = format!("iifname wan meta l4proto udp dnat to {host};");
                ("masquerade persistent;", "", "", admit)
            }
            Self::AddressRestricted => (
                "masquerade persistent;",
                "set met { type ipv4_addr . inet_service; flags dynamic,timeout; timeout 60s; }",
                "oifname wan meta l4proto udp update @met { ip daddr . udp sport };",
                format!("iifname wan ip saddr . udp dport @met dnat to {host};"),
            ),
            Self::PortRestricted => ("masquerade persistent;", "", "", String::new()),
            Self::Symmetric => ("masquerade random,fully-random;", "", "", String::new()),
        };
        // What no rule lets in is dropped before the kernel remembers it: otherwise it would take the
        // port away from the host that is about to answer.
        format!(
            "table ip nat {{\n\
             {set}\n\
             chain out {{ type nat hook postrouting priority 100; oifname wan {mapping} }}\n\
             chain in {{ type nat hook prerouting priority -100; {admit} }}\n\
             chain own {{ type filter hook input priority 0;\n\
             iifname wan meta l4proto udp drop; }}\n\
             chain pass {{ type filter hook forward priority 0; {remember}\n\
             iifname wan ct state new ct status & dnat == 0 drop; }}\n\
             }}\n"
        )
    }
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "public",
            Self::FullCone => "full cone",
            Self::AddressRestricted => "address restricted",
            Self::PortRestricted => "port restricted",
            Self::Symmetric => "symmetric",
        })
    }
}
