//! A certificate for tests, in files.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use antiphon_crypto::{CertificateParams, CryptoProvider as _};
use antiphon_crypto_rust::RustCrypto;
use base64::Engine as _;

/// Writes `cert.pem` and `key.pem`; returns the section of the configuration.
pub fn write(folder: &Path) -> String {
    let provider = RustCrypto::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let certificate = provider.generate_certificate(&CertificateParams::new(now)).unwrap();
    let key = certificate.key().to_pkcs8().unwrap();
    std::fs::write(folder.join("cert.pem"), pem("CERTIFICATE", certificate.der())).unwrap();
    std::fs::write(folder.join("key.pem"), pem("PRIVATE KEY", key.expose())).unwrap();
    format!("[tls]\ncertificate = \"{0}/cert.pem\"\nkey = \"{0}/key.pem\"\n", folder.display())
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
