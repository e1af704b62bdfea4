use std::net::SocketAddr;

use server::{Bounds, Listener};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};

use crate::Service;

/// The service on a real port: for what only a connection shows.
pub struct Wire {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Wire {
    /// Serve on a free port. The service's database is closed when this stops.
    #[must_use]
    pub fn open(service: &Service) -> Self {
        Self::within(service, Bounds::default())
    }

    /// The same, with these bounds.
    #[expect(clippy::disallowed_methods, reason = "a server runs beside the test")]
    #[must_use]
    pub fn within(service: &Service, bounds: Bounds) -> Self {
        let mut listener = Listener::bind(([127, 0, 0, 1], 0).into(), None).expect("a free port");
        listener.bounds = bounds;
        let address = listener.socket.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let stopped = async move {
            let _ = stopped.await;
        };
        let served = tokio::spawn(server::serve(service.app().clone(), listener, None, stopped));
        Self { address, stop, served }
    }

    /// A connection to it.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// Send these bytes on a connection of their own; everything that comes back until it closes.
    pub async fn send(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let mut connection = self.connect().await;
        connection.write_all(bytes.as_ref()).await.expect("the request is taken");
        let mut answer = Vec::new();
        // A server may answer and close before all was sent; what it said counts.
        let _ = connection.read_to_end(&mut answer).await;
        answer
    }

    /// Stop it, and wait until it has.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.served.await.expect("the server ends").expect("the server served");
    }
}
