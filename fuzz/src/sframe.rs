//! Frames from anybody at a receiver with keys, a ratchet and an epoch; and frames of our own.

use std::ops::Range;
use std::sync::Arc;

use antiphon_crypto_rust::RustCrypto;
use antiphon_sframe::{
    CipherSuite, Config, Header, MAX_HEADER, MAX_TAG, MlsKeyIds, Ratchet, SframeReceiver,
    SframeSender,
};

/// Runs the target over `data`: a byte that chooses the suite, then frames, each with a byte that
/// says what to do with it and a byte of length.
///
/// # Panics
///
/// When a forged frame is taken or leaves something behind, or a frame of ours does not come back.
pub fn run(data: &[u8]) {
    let Some((&choice, mut data)) = data.split_first() else { return };
    let suite = CipherSuite::from_wire(u16::from(choice % 5) + 1).unwrap();
    let provider = Arc::new(RustCrypto::new());
    let mut config = Config::default();
    config.max_keys = 4;
    let mut sender = SframeSender::new(provider.clone(), suite, &config);
    let mut receiver = SframeReceiver::new(provider, suite, &config).unwrap();
    let mut ratchet = Ratchet::new(suite, 3, 1 << 60, &[3; 16]).unwrap();
    let key_ids = MlsKeyIds::new(2, 4).unwrap();
    receiver.add_ratchet(ratchet.clone()).unwrap();
    receiver.add_epoch(key_ids, 2, &[4; 16]).unwrap();
    let mut key_id = sender.add_ratchet(&ratchet).unwrap();
    while let Some(([verb, len], rest)) = data.split_first_chunk() {
        let (bytes, rest) = rest.split_at(usize::from(*len).min(rest.len()));
        data = rest;
        match verb % 4 {
            0 => {
                let keys = receiver.keys();
                let mut frame = bytes.to_vec();
                // Tags of four bytes may be met by chance, though hardly here.
                assert!(receiver.decrypt(&[], &mut frame).is_err());
                assert_eq!(receiver.keys(), keys);
            }
            1 => key_id = sender.step(&mut ratchet).unwrap(),
            2 => read_header(bytes),
            _ => {
                let mut buf = [&[0; MAX_HEADER][..], bytes, &[0; MAX_TAG]].concat();
                let plain = MAX_HEADER..MAX_HEADER + bytes.len();
                let frame: Range<usize> =
                    sender.encrypt(key_id, &[*verb], &mut buf, plain).unwrap();
                // A ratchet that is too far ahead is not followed.
                if let Ok(decrypted) = receiver.decrypt(&[*verb], &mut buf[frame.clone()]) {
                    assert_eq!(buf[frame][decrypted.plaintext], *bytes);
                }
                assert!(receiver.keys() <= 4);
            }
        }
    }
}

fn read_header(bytes: &[u8]) {
    if let Ok((header, len)) = Header::parse(bytes) {
        let mut buf = [0; MAX_HEADER];
        assert_eq!(header.write(&mut buf), Ok(len));
        assert_eq!(buf[..len], bytes[..len]);
    }
}
