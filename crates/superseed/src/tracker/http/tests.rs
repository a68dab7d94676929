//! What needs a clock of its own or no free place; the rest is seen from
//! outside, in `tests/tracker.rs`.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::*;
use crate::tracker::TrackerConfig;

async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

fn service() -> Arc<Service> {
    Arc::new(Service::new(&TrackerConfig::default(), 1))
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_or_dawdles_is_cut_off() {
    for said in [&b""[..], b"GET /announce?info_hash="] {
        let (listener, service) = (listener().await, service());
        let mut client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        client.write_all(said).await.unwrap();
        let (accepted, from) = listener.accept().await.unwrap();
        let begun = Instant::now();
        exchange(accepted, from.ip(), Arc::clone(&service)).await;
        assert!(begun.elapsed() <= HTTP_EXCHANGE_TIMEOUT + std::time::Duration::from_millis(1));
        assert_eq!(service.stats().refusals.timeouts, 1);
    }
}

#[tokio::test]
async fn a_connection_too_many_is_closed_and_counted() {
    let (listener, service) = (listener().await, service());
    let to = listener.local_addr().unwrap();
    let connections = Connections {
        places: Arc::new(Semaphore::new(1)),
    };
    let place = connections.enter();
    assert!(place.is_some());
    tokio::spawn(serve(listener, Arc::clone(&service), connections));

    let mut refused = TcpStream::connect(to).await.unwrap();
    assert_eq!(refused.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(service.stats().refusals.connections, 1);

    drop(place);
    let mut served = TcpStream::connect(to).await.unwrap();
    served
        .write_all(b"GET /scrape HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    served.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_file_has_more_time_than_an_announce_but_not_for_ever() {
    let (listener, service) = (listener().await, service());
    let torrent = vec![0; crate::tracker::FILE_LEN_MAX];
    service.files().insert("/a", torrent).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    client.write_all(b"GET /a HTTP/1.0\r\n\r\n").await.unwrap();
    let (accepted, from) = listener.accept().await.unwrap();
    let begun = Instant::now();
    // The client reads nothing, and the file does not fit into its buffers.
    exchange(accepted, from.ip(), Arc::clone(&service)).await;
    assert!(begun.elapsed() > HTTP_EXCHANGE_TIMEOUT);
    assert!(begun.elapsed() <= HTTP_FILE_TIMEOUT + std::time::Duration::from_millis(2));
    assert_eq!(service.stats().refusals.timeouts, 1);
}
