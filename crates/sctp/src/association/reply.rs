use crate::Config;
use crate::wire::{
    Cause, Cookie, Header, Init, PacketWriter, write_abort, write_error, write_heartbeat_ack,
    write_shutdown_complete,
};

/// A packet of its own that answers another, outside of any association.
#[derive(Debug)]
pub(super) struct Reply {
    /// The verification tag.
    pub(super) tag: u32,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    InitAck {
        init: Init,
        cookie: Cookie,
        /// Parameters of the INIT to report.
        unknown: Vec<u8>,
    },
    Abort(Cause),
    Error(Cause),
    HeartbeatAck(Vec<u8>),
    ShutdownComplete {
        reflected: bool,
    },
}

impl Reply {
    /// Writes the packet; each of them fits the smallest packet allowed.
    pub(super) fn write(&self, buf: &mut [u8], config: &Config, secret: &[u8; 32]) -> usize {
        let header = Header {
            source_port: config.local_port,
            destination_port: config.remote_port,
            tag: self.tag,
        };
        let mut packet = PacketWriter::new(buf, header);
        packet.set_limit(config.max_packet);
        let ours = config.capabilities();
        match &self.body {
            Body::InitAck { init, cookie, unknown } => {
                let sealed = cookie.seal(secret);
                // Where the reports do not fit, the answer goes without them.
                if !init.write_ack(&mut packet, ours, &sealed, unknown) {
                    init.write_ack(&mut packet, ours, &sealed, &[]);
                }
            }
            Body::Abort(cause) => {
                write_abort(&mut packet, cause);
            }
            Body::Error(cause) => {
                write_error(&mut packet, cause);
            }
            Body::HeartbeatAck(info) => {
                write_heartbeat_ack(&mut packet, info);
            }
            Body::ShutdownComplete { reflected } => {
                write_shutdown_complete(&mut packet, *reflected);
            }
        }
        packet.finish()
    }
}
