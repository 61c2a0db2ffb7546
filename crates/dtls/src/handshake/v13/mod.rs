//! The handshake of DTLS 1.3 with certificates and (EC)DHE or a hybrid (RFC 9147, RFC 8446).
//!
//! ```text
//! Client                                      Server
//! ClientHello             -------->
//!                         <--------           HelloRetryRequest, where a server wants it
//! ClientHello             -------->
//!                         <--------           ServerHello, {EncryptedExtensions},
//!                                             {CertificateRequest}, {Certificate},
//!                                             {CertificateVerify}, {Finished}
//! {Certificate}, {CertificateVerify},
//! {Finished}              -------->
//!                         <--------           [ACK]
//! ```
//!
//! Braces: epoch 2. Brackets: epoch 3, where application data goes.

mod client;
mod common;
mod schedule;
mod server;

pub(crate) use client::{Client, check_known, chosen_suite};
pub(crate) use common::{RETRY_RANDOM, Retry, chosen_version, retry_request};
pub(crate) use schedule::Secrets;
pub(crate) use server::{Response, Server, needed_retry, respond};
