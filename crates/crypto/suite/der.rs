//! Just enough DER to put a public key into a certificate and a signature together.

/// One element: tag, length, content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let mut out = vec![tag];
    match len {
        0..0x80 => out.push(len as u8),
        0x80..0x100 => out.extend([0x81, len as u8]),
        _ => out.extend([0x82, (len >> 8) as u8, len as u8]),
    }
    out.extend_from_slice(content);
    out
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

/// An INTEGER that is not negative.
fn integer(value: &[u8]) -> Vec<u8> {
    let value: Vec<u8> = value.iter().copied().skip_while(|byte| *byte == 0).collect();
    match value.first() {
        Some(0x00..0x80) => element(0x02, &value),
        Some(_) | None => element(0x02, &[&[0][..], &value].concat()),
    }
}

/// `ECDSA-Sig-Value`: a sequence of two integers.
pub(super) fn ecdsa_signature(r: &[u8], s: &[u8]) -> Vec<u8> {
    sequence(&[&integer(r), &integer(s)])
}

/// `RSAPublicKey` inside a `SubjectPublicKeyInfo`.
pub(super) fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let oid = element(0x06, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01]);
    let algorithm = sequence(&[&oid, &element(0x05, &[])]);
    let key = sequence(&[&integer(modulus), &integer(exponent)]);
    sequence(&[&algorithm, &element(0x03, &[&[0][..], &key].concat())])
}

/// A certificate over a `SubjectPublicKeyInfo`. Its own signature is nonsense: nobody checks it.
pub(super) fn certificate(key: &[u8]) -> Vec<u8> {
    let ecdsa_sha256 = element(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]);
    let algorithm = sequence(&[&ecdsa_sha256]);
    let name = sequence(&[]);
    let validity = sequence(&[&element(0x17, b"250101000000Z"), &element(0x17, b"260101000000Z")]);
    let version = element(0xa0, &element(0x02, &[2]));
    let body = sequence(&[&version, &integer(&[1]), &algorithm, &name, &validity, &name, key]);
    sequence(&[&body, &algorithm, &element(0x03, &[0, 0x30, 0x00])])
}
