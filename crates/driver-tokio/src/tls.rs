//! TLS to TURN servers.

use std::io;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

//= rfc7443#3
// What a TURN server is asked for in ALPN.
const ALPN: &[u8] = b"stun.turn";

/// Shakes hands with a server whose certificate must be for `name`.
pub(crate) async fn connect(
    stream: TcpStream,
    name: String,
    trusted: Vec<Vec<u8>>,
) -> io::Result<TlsStream<TcpStream>> {
    let server = ServerName::try_from(name)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    // Reading the system's certificates takes a while.
    let config = tokio::task::spawn_blocking(move || config(&trusted)).await??;
    TlsConnector::from(Arc::new(config)).connect(server, stream).await
}

fn config(trusted: &[Vec<u8>]) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in system.errors {
        tracing::debug!(%error, "one of the system's certificates cannot be read");
    }
    roots.add_parsable_certificates(system.certs);
    for certificate in trusted {
        roots
            .add(CertificateDer::from(certificate.as_slice()))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}
