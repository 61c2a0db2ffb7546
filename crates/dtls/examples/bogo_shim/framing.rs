//! Datagrams and time over TCP.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// What the runner sends.
#[derive(Debug)]
pub(crate) enum Command {
    Datagram(Vec<u8>),
    /// Let that much time pass.
    Advance(Duration),
    Mtu(usize),
    /// The next timeout has to be in that time; `None`: there has to be none.
    ExpectTimeout(Option<Duration>),
    /// The first wait is this from now on.
    InitialTimeout(Duration),
    /// The runner is done.
    End,
}

/// The connection with the runner.
#[derive(Debug)]
pub(crate) struct Runner(TcpStream);

impl Runner {
    /// Connects and says which shim this is.
    pub(crate) fn connect(port: u16, ipv6: bool, id: u64) -> io::Result<Self> {
        let address = if ipv6 {
            SocketAddr::from((Ipv6Addr::LOCALHOST, port))
        } else {
            SocketAddr::from((Ipv4Addr::LOCALHOST, port))
        };
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.write_all(&id.to_le_bytes())?;
        Ok(Self(stream))
    }

    pub(crate) fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let len = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
        let mut frame = vec![b'P'];
        frame.extend_from_slice(&len.to_be_bytes());
        frame.extend_from_slice(datagram);
        self.0.write_all(&frame)
    }

    /// Waits for a command. Time that is to pass is acknowledged here.
    pub(crate) fn receive(&mut self) -> io::Result<Command> {
        let Some([opcode]) = self.bytes::<1>()? else { return Ok(Command::End) };
        Ok(match opcode {
            b'P' => {
                let len = u32::from_be_bytes(self.whole()?);
                let mut datagram = vec![0; usize::try_from(len).unwrap_or(0)];
                self.0.read_exact(&mut datagram)?;
                Command::Datagram(datagram)
            }
            b'T' => {
                let nanos = u64::from_be_bytes(self.whole()?);
                self.0.write_all(b"t")?;
                Command::Advance(Duration::from_nanos(nanos))
            }
            b'M' => {
                let mtu = u32::from_be_bytes(self.whole()?);
                Command::Mtu(usize::try_from(mtu).unwrap_or(usize::MAX))
            }
            b'E' => {
                let nanos = u64::from_be_bytes(self.whole()?);
                Command::ExpectTimeout((nanos != u64::MAX).then(|| Duration::from_nanos(nanos)))
            }
            b'U' => {
                let millis = u32::from_be_bytes(self.whole()?);
                Command::InitialTimeout(Duration::from_millis(u64::from(millis)))
            }
            other => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("opcode {other}")));
            }
        })
    }

    fn whole<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        self.bytes()?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// `None` at the end.
    fn bytes<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        let mut bytes = [0; N];
        match self.0.read_exact(&mut bytes) {
            Ok(()) => Ok(Some(bytes)),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
