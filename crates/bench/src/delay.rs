//! A way to a database that takes longer: what comes out at one end went in at the other so much earlier.

use std::{net::SocketAddr, thread, time::Duration};

use futures_util::future::join;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, tcp},
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::shop::runtime;

/// Open a port that leads to this address, with so much of a round trip more. It stays as long as the program runs.
pub(crate) fn open(to: SocketAddr, round_trip: Duration) -> Result<u16, String> {
    let runtime = runtime()?;
    let bound = runtime.block_on(TcpListener::bind("127.0.0.1:0")).map_err(|e| e.to_string())?;
    let port = bound.local_addr().map_err(|e| e.to_string())?.port();
    thread::spawn(move || {
        runtime.block_on(async {
            let mut connections = JoinSet::new();
            while let Ok((near, _)) = bound.accept().await {
                connections.spawn(async move {
                    let Ok(far) = TcpStream::connect(to).await else { return };
                    lead(near, far, round_trip / 2).await;
                });
            }
        });
    });
    Ok(port)
}

async fn lead(near: TcpStream, far: TcpStream, one_way: Duration) {
    for stream in [&near, &far] {
        let _ = stream.set_nodelay(true);
    }
    let ((from_near, to_near), (from_far, to_far)) = (near.into_split(), far.into_split());
    join(carry(from_near, to_far, one_way), carry(from_far, to_near, one_way)).await;
}

async fn carry(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, one_way: Duration) {
    let (enter, mut leave) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let reading = async move {
        loop {
            let mut bytes = Vec::with_capacity(16_384);
            if !matches!(from.read_buf(&mut bytes).await, Ok(1..)) {
                return;
            }
            if enter.send((Instant::now() + one_way, bytes)).is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((at, bytes)) = leave.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    join(reading, writing).await;
}
