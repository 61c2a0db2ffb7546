//! The certificate and key that TLS and DTLS show.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use antiphon_crypto::{Certificate, CryptoProvider};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;

/// Why a certificate or key cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file cannot be read, or holds no PEM.
    #[error("{file}: {error}")]
    File {
        /// Which one.
        file: String,
        /// Why.
        error: rustls_pki_types::pem::Error,
    },
    /// Certificate and key do not go together, or are of a kind that TLS cannot use.
    #[error("{file}: {error}")]
    Tls {
        /// The certificate.
        file: String,
        /// Why.
        error: rustls::Error,
    },
    /// DTLS needs the key as PKCS#8.
    #[error("{file}: DTLS needs a PKCS#8 key; convert it: openssl pkcs8 -topk8 -nodes -in {file}")]
    NotPkcs8 {
        /// The key.
        file: String,
    },
    /// The certificate or key is of a kind that DTLS cannot use.
    #[error("{file}: {error}")]
    Dtls {
        /// The certificate.
        file: String,
        /// Why.
        error: antiphon_crypto::CertificateError,
    },
}

/// What the server shows to its clients.
pub(crate) struct Identity {
    acceptor: TlsAcceptor,
    dtls: Option<Certificate>,
    issuers: Vec<Vec<u8>>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads the files. With `dtls` they have to be good for that, too.
    pub(crate) fn load(
        tls: &Tls,
        dtls: bool,
        provider: &dyn CryptoProvider,
    ) -> Result<Self, IdentityError> {
        let chain = read_chain(&tls.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&tls.key)
            .map_err(|error| IdentityError::File { file: name(&tls.key), error })?;
        let dtls = match chain.first().filter(|_| dtls) {
            Some(leaf) => Some(import(tls, leaf, &key, provider)?),
            None => None,
        };
        let issuers = chain.iter().skip(1).map(|der| der.to_vec()).collect();
        let acceptor = acceptor(chain, key)
            .map_err(|error| IdentityError::Tls { file: name(&tls.certificate), error })?;
        Ok(Self { acceptor, dtls, issuers })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Certificates behind the first one, DER-encoded.
    pub(crate) fn issuers(&self) -> &[Vec<u8>] {
        &self.issuers
    }

    pub(crate) fn dtls(&self) -> Option<&Certificate> {
        self.dtls.as_ref()
    }
}

fn name(file: &Path) -> String {
    file.display().to_string()
}

fn read_chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let wrong = |error| IdentityError::File { file: name(file), error };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file).map_err(wrong)?.collect();
    let chain = chain.map_err(wrong)?;
    if chain.is_empty() {
        return Err(wrong(rustls_pki_types::pem::Error::NoItemsFound));
    }
    Ok(chain)
}

fn import(
    tls: &Tls,
    leaf: &CertificateDer<'static>,
    key: &PrivateKeyDer<'static>,
    provider: &dyn CryptoProvider,
) -> Result<Certificate, IdentityError> {
    let PrivateKeyDer::Pkcs8(pkcs8) = key else {
        return Err(IdentityError::NotPkcs8 { file: name(&tls.key) });
    };
    provider
        .import_certificate(leaf, pkcs8.secret_pkcs8_der())
        .map_err(|error| IdentityError::Dtls { file: name(&tls.certificate), error })
}

fn acceptor(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<TlsAcceptor, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    //= rfc7443#4
    // Clients that say what they want to speak are told that we do.
    config.alpn_protocols = vec![b"stun.turn".to_vec(), b"stun.nat-discovery".to_vec()];
    // A session is kept in the ticket, at the client.
    config.send_tls13_tickets = 1;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
