//! Payload formats of one section, each with its RTX.

use std::collections::HashMap;

use antiphon_sdp::{Attribute, Media};

use super::codec::{Codec, Identity, parameter, static_codec};

/// A codec under its payload type in one description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) payload_type: u8,
    /// The payload type of its retransmissions, if there are any.
    pub(crate) rtx: Option<u8>,
    pub(crate) name: String,
    pub(crate) clock_rate: u32,
    pub(crate) channels: Option<u32>,
    pub(crate) fmtp: String,
    /// Feedback that the writer of the description accepts.
    pub(crate) feedback: Vec<String>,
}

impl Format {
    pub(super) fn new(codec: &Codec, payload_type: u8) -> Self {
        Self {
            payload_type,
            rtx: None,
            name: codec.name.clone(),
            clock_rate: codec.clock_rate,
            channels: codec.channels,
            fmtp: codec.fmtp.clone(),
            feedback: codec.feedback.clone(),
        }
    }

    /// What the codec is, without its number.
    pub(super) fn identity(&self) -> Identity<'_> {
        let Self { name, clock_rate, channels, fmtp, .. } = self;
        Identity { name, clock_rate: *clock_rate, channels: *channels, fmtp }
    }
}

/// The media line names a format twice, or an RTX without the format it repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadFormats;

/// Reads the formats of an RTP section in the order of its media line, in one pass over the
/// attributes. What has no `a=rtpmap` and no static meaning is left out.
pub(super) fn read(media: &Media<'_>) -> Result<Vec<Format>, BadFormats> {
    let mut maps = HashMap::new();
    let mut fmtps: HashMap<u8, &str> = HashMap::new();
    let mut feedback: HashMap<Option<u8>, Vec<String>> = HashMap::new();
    for attribute in &media.attributes {
        if let Attribute::RtpMap(map) = attribute {
            maps.entry(map.payload_type).or_insert(map);
        } else if let Attribute::Fmtp(fmtp) = attribute {
            if let Some(payload_type) = fmtp.payload_type() {
                fmtps.entry(payload_type).or_insert(&fmtp.parameters);
            }
        } else if let Attribute::RtcpFeedback(line) = attribute {
            feedback.entry(line.payload_type).or_default().push(line.feedback.to_string());
        }
    }
    let mut seen = [false; 128];
    let mut formats: Vec<Format> = Vec::new();
    let mut retransmissions = Vec::new();
    for word in media.formats.iter() {
        let Some(payload_type) = word.parse::<u8>().ok().filter(|number| *number < 128) else {
            return Err(BadFormats);
        };
        match seen.get_mut(usize::from(payload_type)) {
            Some(seen) if !*seen => *seen = true,
            Some(_) | None => return Err(BadFormats),
        }
        let fmtp = fmtps.get(&payload_type).copied().unwrap_or_default();
        let codec = match maps.get(&payload_type) {
            Some(map) => Codec {
                payload_type,
                name: map.encoding.to_string(),
                clock_rate: map.clock_rate,
                channels: map.channels,
                fmtp: fmtp.to_owned(),
                feedback: Vec::new(),
            },
            None => match static_codec(payload_type) {
                Some(codec) => codec,
                None => continue,
            },
        };
        if codec.name.eq_ignore_ascii_case("rtx") {
            retransmissions.push((payload_type, apt(fmtp)?));
            continue;
        }
        let mut format = Format::new(&codec, payload_type);
        for key in [Some(payload_type), None] {
            format.feedback.extend(feedback.get(&key).into_iter().flatten().cloned());
        }
        formats.push(format);
    }
    for (payload_type, apt) in retransmissions {
        //= rfc9429#5.10
        // An RTX whose primary payload type is not in the section is an error.
        if !seen.get(usize::from(apt)).copied().unwrap_or(false) {
            return Err(BadFormats);
        }
        let primary = formats.iter_mut().find(|format| format.payload_type == apt);
        // The first RTX of a format counts.
        if let Some(rtx) = primary.map(|format| &mut format.rtx) {
            rtx.get_or_insert(payload_type);
        }
    }
    Ok(formats)
}

/// The payload type that an RTX repeats.
fn apt(fmtp: &str) -> Result<u8, BadFormats> {
    parameter(fmtp, "apt").and_then(|text| text.parse().ok()).ok_or(BadFormats)
}
