use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::time::timeout_at;

use super::{End, Failure, Settings};

/// Datagrams larger than any that the stacks send.
const DATAGRAM: usize = 2048;
/// The longest sleep, for machines that name no deadline.
const NAP: Duration = Duration::from_secs(1);

thread_local! {
    /// Shared by all ends of a thread: an idle end holds no buffer for input.
    static BUFFER: RefCell<[u8; DATAGRAM]> = const { RefCell::new([0; DATAGRAM]) };
}

/// A stack without input and output of its own.
pub trait Machine: Sized + 'static {
    /// Its name in the table.
    const NAME: &'static str;
    /// The version that is measured.
    const VERSION: &'static str;
    /// Datagrams that it takes in before its output is asked for.
    const BATCH: usize;

    /// Makes one that sends from `local`.
    ///
    /// # Errors
    ///
    /// What the stack says.
    fn new(local: SocketAddr) -> Result<Self, Failure>;
    /// Opens the channel, and says the offer.
    ///
    /// # Errors
    ///
    /// What the stack says.
    fn offer(&mut self) -> Result<String, Failure>;
    /// Takes the offer, and says the answer.
    ///
    /// # Errors
    ///
    /// What the stack says.
    fn answer(&mut self, offer: String) -> Result<String, Failure>;
    /// Takes the answer.
    ///
    /// # Errors
    ///
    /// What the stack says.
    fn accept(&mut self, answer: String) -> Result<(), Failure>;
    /// Takes a datagram in.
    ///
    /// # Errors
    ///
    /// What the stack says.
    fn input(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), Failure>;
    /// Hands out all datagrams that there are, and says when it wants to be called again.
    ///
    /// # Errors
    ///
    /// What the stack says.
    fn output(
        &mut self,
        send: &mut dyn FnMut(SocketAddr, &[u8]),
    ) -> Result<Option<Instant>, Failure>;
    /// The time has come.
    ///
    /// # Errors
    ///
    /// What the stack says.
    fn timeout(&mut self, now: Instant) -> Result<(), Failure>;
    /// Whether the channel is open.
    fn is_open(&self) -> bool;
    /// Sends a message. `false`: there is no room for it now.
    ///
    /// # Errors
    ///
    /// What the stack says.
    fn write(&mut self, message: &[u8]) -> Result<bool, Failure>;
    /// Whether messages came since it was asked last how much.
    fn has_received(&self) -> bool;
    /// Bytes of messages that came since it was asked last.
    fn take_received(&mut self) -> usize;
}

/// A [`Machine`] with its socket.
#[derive(Debug)]
pub struct Driven<M> {
    machine: M,
    socket: UdpSocket,
    local: SocketAddr,
}

impl<M: Machine> Driven<M> {
    /// One round: what there is to send, then what is due or has come. Sleeps when there is neither,
    /// unless `done` says that sending brought what is waited for.
    async fn step(&mut self, done: impl Fn(&M) -> bool) -> Result<(), Failure> {
        let deadline = self.flush()?;
        if done(&self.machine) {
            return Ok(());
        }
        let now = Instant::now();
        let due = deadline.is_some_and(|deadline| deadline <= now);
        if due {
            self.machine.timeout(now)?;
        }
        if self.take_in()? > 0 {
            // As the stacks' own examples do: some act on input only when time is told, too.
            self.machine.timeout(Instant::now())?;
            return Ok(());
        }
        if due {
            // Some are due again at once: others of this thread have their turn, too.
            tokio::task::yield_now().await;
            return Ok(());
        }
        let until = deadline.map_or(now + NAP, |deadline| deadline.min(now + NAP));
        if timeout_at(until.into(), self.socket.readable()).await.is_err() {
            self.machine.timeout(Instant::now())?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<Option<Instant>, Failure> {
        let socket = &self.socket;
        self.machine.output(&mut |remote, datagram| {
            // Loopback delivers within the call: there is room again at once.
            while socket
                .try_send_to(datagram, remote)
                .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
            {
                std::thread::yield_now();
            }
        })
    }

    fn take_in(&mut self) -> Result<usize, Failure> {
        BUFFER.with_borrow_mut(|buffer| {
            for count in 0..M::BATCH {
                match self.socket.try_recv_from(buffer) {
                    Ok((len, remote)) => {
                        let datagram = buffer.get(..len).unwrap_or_default();
                        self.machine.input(self.local, remote, datagram)?;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(count),
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(M::BATCH)
        })
    }
}

impl<M: Machine> End for Driven<M> {
    const NAME: &'static str = M::NAME;
    const VERSION: &'static str = M::VERSION;

    async fn new(settings: Settings) -> Result<Self, Failure> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        if settings.socket_buffer_bytes > 0 {
            let options = SockRef::from(&socket);
            options.set_recv_buffer_size(settings.socket_buffer_bytes)?;
            options.set_send_buffer_size(settings.socket_buffer_bytes)?;
        }
        let local = socket.local_addr()?;
        Ok(Self { machine: M::new(local)?, socket, local })
    }

    async fn offer(&mut self) -> Result<String, Failure> {
        self.machine.offer()
    }

    async fn answer(&mut self, offer: String) -> Result<String, Failure> {
        self.machine.answer(offer)
    }

    async fn accept(&mut self, answer: String) -> Result<(), Failure> {
        self.machine.accept(answer)
    }

    async fn open(&mut self) -> Result<(), Failure> {
        while !self.machine.is_open() {
            self.step(M::is_open).await?;
        }
        Ok(())
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), Failure> {
        while !self.machine.write(message)? {
            self.step(|_| false).await?;
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<usize, Failure> {
        loop {
            let received = self.machine.take_received();
            if received > 0 {
                return Ok(received);
            }
            self.step(M::has_received).await?;
        }
    }
}
