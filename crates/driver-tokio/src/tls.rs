//! TLS to TURN servers, for those who speak to one themselves.

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

/// Shakes hands with a server whose certificate must be for `name`, and signed by whom the system
/// trusts, or by one of `trusted`, in DER.
///
/// # Errors
///
/// Those of the connection, and those of TLS: no common version, or a certificate that does not
/// convince.
pub async fn connect(
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

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// A server with a certificate of its own for `name`; what it says after the handshake is the
    /// protocol that ALPN agreed on.
    async fn server(name: &str) -> (TcpStream, Vec<u8>) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([name.to_owned()]).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"other".to_vec(), ALPN.to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else {
                return;
            };
            let protocol = stream.get_ref().1.alpn_protocol().unwrap_or_default().to_vec();
            stream.write_all(&protocol).await.unwrap();
            stream.shutdown().await.unwrap();
        });
        (TcpStream::connect(address).await.unwrap(), cert.der().to_vec())
    }

    #[tokio::test]
    async fn a_server_with_a_trusted_certificate_for_its_name_is_spoken_to() {
        for name in ["turn.example.org", "127.0.0.1", "::1"] {
            let (stream, certificate) = server(name).await;
            let mut stream = connect(stream, name.to_owned(), vec![certificate]).await.unwrap();
            let mut said = Vec::new();
            stream.read_to_end(&mut said).await.unwrap();
            assert_eq!(said, ALPN, "{name}");
        }
    }

    // attack: a TURN server with the certificate of another one
    #[tokio::test]
    async fn other_names_and_strangers_are_refused() {
        let (stream, certificate) = server("turn.example.org").await;
        assert!(connect(stream, "example.org".to_owned(), vec![certificate]).await.is_err());
        let (stream, _) = server("turn.example.org").await;
        assert!(connect(stream, "turn.example.org".to_owned(), Vec::new()).await.is_err());
        let (stream, _) = server("turn.example.org").await;
        let broken = vec![vec![1, 2, 3]];
        assert!(connect(stream, "turn.example.org".to_owned(), broken).await.is_err());
        let (stream, certificate) = server("turn.example.org").await;
        assert!(connect(stream, "no name".to_owned(), vec![certificate]).await.is_err());
    }
}
