//! The handshake of DTLS 1.2 with ECDHE and certificates on both sides (RFC 6347, RFC 8422).
//!
//! ```text
//! Client                                      Server
//! ClientHello             -------->
//!                         <--------           HelloVerifyRequest, where a server wants it
//! ClientHello             -------->
//!                         <--------           ServerHello, Certificate, ServerKeyExchange,
//!                                             CertificateRequest, ServerHelloDone
//! Certificate, ClientKeyExchange,
//! CertificateVerify,
//! ChangeCipherSpec, Finished -------->
//!                         <--------           ChangeCipherSpec, Finished
//! ```
//!
//! A ChangeCipherSpec carries nothing that the epoch of the next record does not say: it is sent,
//! and on receipt it is not waited for.

mod client;
mod common;
mod prf;
mod secrets;
mod server;

pub(crate) use client::Client;
pub(crate) use secrets::Secrets;
pub(crate) use server::{Server, respond};
