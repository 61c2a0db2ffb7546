//! What fuzz targets call: parsers and writers of single records and messages.

use crate::Version;
use crate::record::{Incoming, frame};
use crate::wire::ack::{self, Ack};
use crate::wire::alert::AlertMessage;
use crate::wire::certificate_request13::CertificateRequest13;
use crate::wire::certificate13::Certificate13;
use crate::wire::connection_ids::{self, NewConnectionId};
use crate::wire::cursor::Reader;
use crate::wire::extension::{
    Extensions, alpn, connection_id, cookie, ec_point_formats, key_share, record_size_limit,
    renegotiation_info, signature_algorithms, supported_groups, supported_versions, use_srtp,
};
use crate::wire::{
    CertificateChain, CertificateRequest, CertificateVerify, ClientHello, ClientKeyExchange,
    HelloVerifyRequest, ServerHello, ServerKeyExchange, key_update,
};

/// Reads `data` as the records of a datagram, in each version, with and without a connection id.
///
/// # Panics
///
/// When a header reads back otherwise than it was written.
pub fn record(data: &[u8]) {
    let (cid, datagram) = data.split_at(data.len().min(2));
    for version in [None, Some(Version::Dtls12), Some(Version::Dtls13)] {
        for cid in [&[][..], cid] {
            let mut rest = datagram;
            while let Some(len) = frame(rest, version, cid).len {
                if let Ok(Incoming::Classic { header, .. }) = frame(rest, version, cid).incoming
                    && header.kind != 25
                {
                    assert!(rest.starts_with(&header.to_bytes()), "{header:?}");
                }
                assert!(len > 0, "each record takes something");
                rest = rest.get(len..).unwrap_or_default();
            }
        }
    }
    if let Ok(found) = Ack::parse(data) {
        let numbers: Vec<_> = found.numbers().collect();
        assert_eq!(ack::write(&numbers), data);
    }
    if let Ok(alert) = AlertMessage::parse(data) {
        assert_eq!(alert.to_bytes(), data);
    }
}

/// Reads `data` as the body of each kind of message.
///
/// # Panics
///
/// When a message reads back otherwise than it was written.
pub fn handshake(data: &[u8]) {
    macro_rules! same {
        ($($message:ty),*) => {
            $(if let Ok(message) = <$message>::parse(data) {
                let mut written = Vec::new();
                message.write(&mut written);
                assert_eq!(written, data, "{message:?}");
            })*
        };
    }
    same!(
        ClientHello<'_>,
        ServerHello<'_>,
        HelloVerifyRequest<'_>,
        ServerKeyExchange<'_>,
        ClientKeyExchange<'_>,
        CertificateRequest<'_>,
        CertificateRequest13<'_>,
        CertificateVerify<'_>
    );
    if let Ok(chain) = CertificateChain::parse(data) {
        let _ = chain.leaf();
    }
    if let Ok(chain) = Certificate13::parse(data) {
        let _ = (chain.leaf(), chain.extension(), chain.context);
    }
    let _ = (key_update::parse(data), NewConnectionId::parse(data));
    let _ = connection_ids::parse_request(data);
    if let Ok(extensions) = Extensions::read(&mut Reader::new(data)) {
        extensions.iter().for_each(|(_, data)| extension(data));
    }
    extension(data);
}

/// Reads `data` as each kind of extension.
fn extension(data: &[u8]) {
    let _ = (alpn::parse(data), connection_id::parse(data), cookie::parse(data));
    let _ = (ec_point_formats::parse(data), renegotiation_info::parse(data));
    let _ = (key_share::parse_all(data), key_share::KeyShare::parse(data));
    let _ = (key_share::parse_wanted(data), record_size_limit::parse(data));
    let _ = (use_srtp::UseSrtp::parse(data), supported_versions::parse_chosen(data));
    let counts = [
        signature_algorithms::parse(data).map(Iterator::count),
        supported_groups::parse(data).map(Iterator::count),
        supported_versions::parse(data).map(Iterator::count),
    ];
    assert!(counts.into_iter().flatten().all(|count| count > 0), "no list is empty");
}
