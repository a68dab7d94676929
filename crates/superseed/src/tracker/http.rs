//! HTTP announce, scrape and torrent files: one request for each connection, in bounded time
//! and memory. Clients come back after minutes, so that a connection that is
//! kept open would only hold a place.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use superseed_proto::tracker::AddressFamily::{self, V4, V6};
use superseed_proto::tracker::server::{
    encode_announce, encode_failure, encode_scrape, parse_announce_query, parse_scrape_query,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::limits::{
    ACCEPT_REST, HTTP_CONNECTIONS_MAX, HTTP_EXCHANGE_TIMEOUT, HTTP_FILE_TIMEOUT, HTTP_HEAD_LEN_MAX,
    HTTP_HEADERS_MAX, NUMWANT_MAX,
};
use super::service::{Carriage, Fault, Service};

/// The places for connections, shared by all listeners of a tracker.
#[derive(Clone)]
pub(super) struct Connections {
    places: Arc<Semaphore>,
}

impl Connections {
    /// All places free.
    pub(super) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX)),
        }
    }

    fn enter(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }
}

/// Accepts connections for ever.
pub(super) async fn serve(listener: TcpListener, service: Arc<Service>, connections: Connections) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => match connections.enter() {
                Some(place) => {
                    let service = Arc::clone(&service);
                    tokio::spawn(async move {
                        exchange(stream, from.ip(), service).await;
                        drop(place);
                    });
                }
                None => service.count(Fault::Connection),
            },
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "the tracker cannot accept connections for a moment");
                sleep(ACCEPT_REST).await;
            }
        }
    }
}

/// The client went away before it was accepted; that says nothing of others.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// One connection from its first byte to its last.
async fn exchange(stream: TcpStream, from: IpAddr, service: Arc<Service>) {
    let answered = Arc::clone(&service);
    let is_file = AtomicBool::new(false);
    let answer = service_fn(|request: Request<Incoming>| {
        let response = match file(&request, &answered) {
            Some(response) => {
                is_file.store(true, Ordering::Relaxed);
                response
            }
            None => respond(&request, from, &answered),
        };
        async { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HTTP_EXCHANGE_TIMEOUT)
        .max_buf_size(HTTP_HEAD_LEN_MAX)
        .max_headers(HTTP_HEADERS_MAX)
        .keep_alive(false)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    let mut ended = timeout(HTTP_EXCHANGE_TIMEOUT, &mut connection).await;
    if ended.is_err() && is_file.load(Ordering::Relaxed) {
        // An answer is a packet or two; a file may have to share a slow line.
        ended = timeout(HTTP_FILE_TIMEOUT - HTTP_EXCHANGE_TIMEOUT, connection).await;
    }
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.is_timeout() => service.count(Fault::Timeout),
        // Not a request, or one too large; hyper has answered with a status
        // of its own where there was somebody to answer.
        Ok(Err(error)) => {
            tracing::debug!(%from, %error, "no HTTP request");
            service.count(Fault::Invalid);
        }
        Err(_) => service.count(Fault::Timeout),
    }
}

/// The torrent file that is asked for, if one is served there.
fn file(request: &Request<Incoming>, service: &Service) -> Option<Response<Full<Bytes>>> {
    if request.method() != Method::GET {
        return None;
    }
    let bytes = service.files().fetch(request.uri().path())?;
    let mut response = Response::new(Full::new(bytes));
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-bittorrent"),
    );
    Some(response)
}

fn respond(request: &Request<Incoming>, from: IpAddr, service: &Service) -> Response<Full<Bytes>> {
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/announce") => (StatusCode::OK, announce(query, from, service)),
        (&Method::GET, "/scrape") => (StatusCode::OK, scrape(query, service)),
        (_, "/announce" | "/scrape") => {
            service.count(Fault::Invalid);
            (
                StatusCode::METHOD_NOT_ALLOWED,
                encode_failure("trackers are asked with GET"),
            )
        }
        _ => {
            service.count(Fault::Invalid);
            (
                StatusCode::NOT_FOUND,
                encode_failure("this tracker answers at /announce and /scrape"),
            )
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn announce(query: &[u8], from: IpAddr, service: &Service) -> Vec<u8> {
    let query = match parse_announce_query(query) {
        Ok(query) => query,
        Err(error) => {
            service.count(Fault::Invalid);
            return encode_failure(&error.to_string());
        }
    };
    let families: &[_] = match AddressFamily::of(from) {
        V4 => &[V4, V6],
        V6 => &[V6, V4],
    };
    let carriage = Carriage {
        families,
        peers_max: NUMWANT_MAX,
    };
    match service.announce(&query.announce, from, carriage) {
        Ok(response) => encode_announce(&response, query.form),
        Err(refusal) => encode_failure(&refusal.to_string()),
    }
}

fn scrape(query: &[u8], service: &Service) -> Vec<u8> {
    match parse_scrape_query(query) {
        Ok(mut swarms) => {
            // The answer is a dictionary, whose keys are sorted and differ.
            swarms.sort_unstable();
            swarms.dedup();
            let stats = service.scrape(&swarms);
            encode_scrape(&swarms.into_iter().zip(stats).collect::<Vec<_>>())
        }
        Err(error) => {
            service.count(Fault::Invalid);
            encode_failure(&error.to_string())
        }
    }
}

#[cfg(test)]
mod tests;
