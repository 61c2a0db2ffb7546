use super::bytes_at::{Fields, u16_at, u32_at};
use super::chunk::kind as chunk_kind;
use super::packet::PacketWriter;
use super::parameter::{Parameter, Parameters, kind, padded_len};

const FIXED: usize = 16;

/// INIT and INIT ACK ([RFC 9260 section 3.3.2] and [3.3.3]).
///
/// ```text
///  0                   1                   2                   3
/// +---------------+---------------+-------------------------------+
/// | type = 1 or 2 |       0       |            length             |
/// +---------------+---------------+-------------------------------+
/// |                         initiate tag                          |
/// +---------------------------------------------------------------+
/// |              advertised receiver window credit                |
/// +-------------------------------+-------------------------------+
/// |       outbound streams        |        inbound streams        |
/// +-------------------------------+-------------------------------+
/// |                          initial TSN                          |
/// +---------------------------------------------------------------+
/// | parameters                                                    |
/// +---------------------------------------------------------------+
/// ```
///
/// [RFC 9260 section 3.3.2]: https://www.rfc-editor.org/rfc/rfc9260#section-3.3.2
/// [3.3.3]: https://www.rfc-editor.org/rfc/rfc9260#section-3.3.3
#[derive(Clone, Copy, Debug)]
pub(crate) struct InitView<'a> {
    pub(crate) init: Init,
    parameters: &'a [u8],
}

/// The numbers of INIT and INIT ACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Init {
    pub(crate) tag: u32,
    pub(crate) window: u32,
    pub(crate) outbound: u16,
    pub(crate) inbound: u16,
    pub(crate) tsn: u32,
}

/// Extensions a side has announced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// RFC 3758.
    pub(crate) forward_tsn: bool,
    /// RFC 6525.
    pub(crate) reconfig: bool,
    /// RFC 8260: I-DATA.
    pub(crate) interleaving: bool,
    /// RFC 9653, with DTLS below: packets without a checksum are welcome.
    pub(crate) zero_checksum: bool,
}

/// The error detection method "SCTP over DTLS" (RFC 9653 section 6).
const OVER_DTLS: [u8; 4] = [0, 0, 0, 1];

impl Capabilities {
    #[cfg(test)]
    pub(crate) const OURS: Self =
        Self { forward_tsn: true, reconfig: true, interleaving: true, zero_checksum: true };

    pub(crate) fn to_byte(self) -> u8 {
        u8::from(self.forward_tsn)
            | (u8::from(self.reconfig) << 1)
            | (u8::from(self.interleaving) << 2)
            | (u8::from(self.zero_checksum) << 3)
    }

    pub(crate) fn from_byte(byte: u8) -> Self {
        Self {
            forward_tsn: byte & 1 != 0,
            reconfig: byte & 2 != 0,
            interleaving: byte & 4 != 0,
            zero_checksum: byte & 8 != 0,
        }
    }
}

impl<'a> InitView<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let (_, parameters) = value.split_at_checked(FIXED)?;
        Some(Self {
            init: Init {
                tag: u32_at(value, 0),
                window: u32_at(value, 4),
                outbound: u16_at(value, 8),
                inbound: u16_at(value, 10),
                tsn: u32_at(value, 12),
            },
            parameters,
        })
    }

    //= rfc9260#3.2.1
    // An unknown parameter whose highest bit is clear ends the reading of parameters.
    fn parameters(&self) -> impl Iterator<Item = Parameter<'a>> + use<'a> {
        let mut ended = false;
        Parameters::over(self.parameters).take_while(move |parameter| {
            let goes_on = !ended;
            ended |= !is_known(parameter.kind) && parameter.kind & 0x8000 == 0;
            goes_on
        })
    }

    /// The extensions announced.
    pub(crate) fn capabilities(&self) -> Capabilities {
        let mut found = Capabilities::default();
        for parameter in self.parameters() {
            match parameter.kind {
                kind::FORWARD_TSN => found.forward_tsn = true,
                //= rfc9653#4
                // Only the method we know, and a parameter of the right length.
                kind::ZERO_CHECKSUM => {
                    found.zero_checksum |= parameter.value == OVER_DTLS;
                }
                kind::SUPPORTED_EXTENSIONS => {
                    found.forward_tsn |= parameter.value.contains(&chunk_kind::FORWARD_TSN);
                    found.interleaving |= parameter.value.contains(&chunk_kind::I_DATA);
                    found.reconfig |= parameter.value.contains(&chunk_kind::RECONFIG);
                }
                _ => {}
            }
        }
        found
    }

    /// The state cookie of an INIT ACK.
    pub(crate) fn cookie(&self) -> Option<&'a [u8]> {
        self.parameters().find(|parameter| parameter.kind == kind::STATE_COOKIE).map(|p| p.value)
    }

    /// A host name is refused since RFC 9260.
    pub(crate) fn has_host_name(&self) -> bool {
        self.parameters().any(|parameter| parameter.kind == kind::HOST_NAME)
    }

    /// Unknown parameters that ask to be reported, whole.
    pub(crate) fn reportable(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        //= rfc9260#3.2.1
        // The second highest bit of an unknown parameter asks for a report.
        self.parameters()
            .filter(|parameter| !is_known(parameter.kind) && parameter.kind & 0x4000 != 0)
            .map(|parameter| parameter.raw)
    }
}

fn is_known(parameter: u16) -> bool {
    matches!(
        parameter,
        kind::IPV4_ADDRESS
            | kind::IPV6_ADDRESS
            | kind::STATE_COOKIE
            | kind::UNRECOGNIZED
            | kind::COOKIE_PRESERVATIVE
            | kind::HOST_NAME
            | kind::ADDRESS_TYPES
            | kind::SUPPORTED_EXTENSIONS
            | kind::ZERO_CHECKSUM
            | kind::FORWARD_TSN
    )
}

/// At most so many bytes of unknown parameters are sent back: an answer is not to amplify.
const MAX_REPORT: usize = 256;

impl Init {
    /// Appends an INIT that announces `ours`.
    pub(crate) fn write(&self, packet: &mut PacketWriter<'_>, ours: Capabilities) -> bool {
        self.write_as(packet, chunk_kind::INIT, ours, None, &[])
    }

    /// Appends an INIT ACK with its cookie; `unknown` are parameters to report.
    pub(crate) fn write_ack(
        &self,
        packet: &mut PacketWriter<'_>,
        ours: Capabilities,
        cookie: &[u8],
        unknown: &[u8],
    ) -> bool {
        self.write_as(packet, chunk_kind::INIT_ACK, ours, Some(cookie), unknown)
    }

    fn write_as(
        &self,
        packet: &mut PacketWriter<'_>,
        chunk: u8,
        ours: Capabilities,
        cookie: Option<&[u8]>,
        unknown: &[u8],
    ) -> bool {
        //= rfc8260#2.2.1
        // I-DATA is announced among the supported extensions, and its FORWARD TSN with it.
        let all = [
            chunk_kind::RECONFIG,
            chunk_kind::FORWARD_TSN,
            chunk_kind::I_DATA,
            chunk_kind::I_FORWARD_TSN,
        ];
        let count = if ours.interleaving { 4 } else { 2 };
        let extensions = all.get(..count).unwrap_or(&all);
        let zero_checksum = if ours.zero_checksum { padded_len(OVER_DTLS.len()) } else { 0 };
        let len = FIXED
            .saturating_add(cookie.map_or(0, |cookie| padded_len(cookie.len())))
            .saturating_add(padded_len(0))
            .saturating_add(padded_len(extensions.len()))
            .saturating_add(zero_checksum)
            .saturating_add(unknown.len());
        let Some(value) = packet.chunk(chunk, 0, len) else {
            return false;
        };
        let mut fields = Fields(value);
        fields.u32(self.tag).u32(self.window).u16(self.outbound).u16(self.inbound).u32(self.tsn);
        if let Some(cookie) = cookie {
            fields.parameter(kind::STATE_COOKIE, &[cookie]);
        }
        //= rfc6525#5.1.1
        // RE-CONFIG is announced among the supported extensions.
        fields.parameter(kind::SUPPORTED_EXTENSIONS, &[extensions]);
        if ours.zero_checksum {
            //= rfc9653#5.1
            // Who takes packets without checksum says so.
            fields.parameter(kind::ZERO_CHECKSUM, &[&OVER_DTLS]);
        }
        // The last parameter needs no padding, which the chunk's length would not count.
        fields.put(unknown).parameter(kind::FORWARD_TSN, &[]);
        true
    }
}

impl InitView<'_> {
    /// The parameters to report, each wrapped for an INIT ACK, within a bound.
    pub(crate) fn report(&self) -> Vec<u8> {
        let mut report = Vec::new();
        for raw in self.reportable() {
            let len = padded_len(raw.len());
            let at = report.len();
            if at.saturating_add(len) > MAX_REPORT {
                break;
            }
            report.resize(at.saturating_add(len), 0);
            if let Some(place) = report.get_mut(at..) {
                Fields(place).parameter(kind::UNRECOGNIZED, &[raw]);
            }
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Chunk, Header, PacketView};
    use super::*;

    const INIT: Init = Init { tag: 7, window: 65_536, outbound: 10, inbound: 20, tsn: 99 };

    #[test]
    fn init_ack_reads_back_with_cookie_and_capabilities() {
        let mut buf = [0; 512];
        let header = Header { source_port: 1, destination_port: 2, tag: 3 };
        let mut packet = PacketWriter::new(&mut buf, header);
        assert!(INIT.write_ack(&mut packet, Capabilities::OURS, b"cookie!", &[]));
        let len = packet.finish();
        let view = PacketView::parse(&buf[..len]).expect("sound");
        let Some(Chunk::InitAck(read)) = view.chunks().next() else { panic!("not INIT ACK") };
        assert_eq!(read.init, INIT);
        assert_eq!(read.cookie(), Some(&b"cookie!"[..]));
        assert_eq!(read.capabilities(), Capabilities::OURS);
        assert!(!read.has_host_name());
        assert_eq!(Capabilities::from_byte(Capabilities::OURS.to_byte()), Capabilities::OURS);
    }

    #[test]
    fn unknown_parameters_are_stopped_at_skipped_and_reported_as_their_bits_say() {
        let mut value = vec![0; FIXED];
        value.extend([0x80, 0x77, 0, 4]); // skipped
        value.extend([0xC1, 0x77, 0, 5, 9, 0, 0, 0]); // skipped and reported
        value.extend([0x41, 0x77, 0, 4]); // reported, and the end
        value.extend([0xC0, 0x00, 0, 4]); // FORWARD TSN, never reached
        let view = InitView::parse(&value).expect("long enough");
        assert_eq!(view.capabilities(), Capabilities::default());
        let reported: Vec<_> = view.reportable().collect();
        assert_eq!(reported, [&[0xC1, 0x77, 0, 5, 9][..], &[0x41, 0x77, 0, 4]]);
        assert_eq!(view.report().len(), 12 + 8);
    }

    // attack: parameter lengths that point outside the chunk
    #[test]
    fn parameters_with_lying_lengths_end_the_reading() {
        for len in [0, 1, 3, 200] {
            let mut value = vec![0; FIXED];
            value.extend([0, 7, 0, len, 1, 2, 3, 4]);
            let view = InitView::parse(&value).expect("long enough");
            assert_eq!(view.cookie(), None);
        }
        assert!(InitView::parse(&[0; FIXED - 1]).is_none());
    }
}
