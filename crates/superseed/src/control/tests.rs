//! Announces and fetches against a server that says what a test scripts.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use superseed_engine::{ListenerId, TransferError};

use super::announce::announce;
use super::client::{Clients, Web};
use super::fetch::{FETCH_BYTES_MAX, fetch, fetch_torrent};
use crate::FetchError;
use crate::route::Route;

/// Answers one connection per response, in order; returns the requests' heads,
/// each with the address it came from in front.
fn serve(responses: Vec<Vec<u8>>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let answer = |response: Vec<u8>| {
            let (mut stream, from) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<_> = lines
                .by_ref()
                .map(Result::unwrap)
                .take_while(|l| !l.is_empty())
                .collect();
            // The client may have seen enough before all is written.
            let _ = stream.write_all(&response);
            format!("{} {}", from.ip(), head.join("\n"))
        };
        responses.into_iter().map(answer).collect()
    });
    (addr, thread)
}

fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

fn ask(url: &str) -> Result<Vec<u8>, TransferError> {
    let addrs = [("127.0.0.2:0", 0), ("[::1]:0", 1)];
    let listeners: HashMap<_, _> = addrs
        .into_iter()
        .map(|(addr, id)| (ListenerId(id), addr.parse().unwrap()))
        .collect();
    let clients = Clients::new(listeners, Route::Direct, "tester/1".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(announce(&clients, url, ListenerId(0)))
}

#[test]
fn an_announce_leaves_from_its_listener_and_names_the_program() {
    let (addr, server) = serve(vec![response("200 OK", "", b"d5:peers0:e")]);
    assert_eq!(
        ask(&format!("http://{addr}/announce?x=%00")),
        Ok(b"d5:peers0:e".to_vec())
    );
    let head = server.join().unwrap().remove(0);
    assert!(
        head.starts_with("127.0.0.2 GET /announce?x=%00 HTTP/1.1"),
        "{head}"
    );
    assert!(
        head.to_lowercase().contains("user-agent: tester/1"),
        "{head}"
    );
}

#[test]
fn a_redirect_is_followed() {
    let (last, last_server) = serve(vec![response("200 OK", "", b"de")]);
    let to = format!("Location: http://{last}/announce/there\r\n");
    let (first, first_server) = serve(vec![response("302 Found", &to, b"")]);
    assert_eq!(ask(&format!("http://{first}/announce")), Ok(b"de".to_vec()));
    first_server.join().unwrap();
    assert!(last_server.join().unwrap()[0].starts_with("127.0.0.2 GET /announce/there"));
}

#[test]
fn a_chain_of_redirects_ends_after_five() {
    let next = response("302 Found", "Location: /announce/next\r\n", b"");
    let (addr, server) = serve(vec![next; 6]);
    let result = ask(&format!("http://{addr}/announce"));
    assert!(matches!(result, Err(TransferError::Other(_))), "{result:?}");
    assert_eq!(server.join().unwrap().len(), 6);
}

#[test]
fn a_refusal_in_bencode_is_an_answer_and_a_page_is_not() {
    let (addr, server) = serve(vec![response(
        "403 Forbidden",
        "",
        b"d14:failure reason2:noe",
    )]);
    assert_eq!(
        ask(&format!("http://{addr}/announce")),
        Ok(b"d14:failure reason2:noe".to_vec())
    );
    server.join().unwrap();
    let (addr, server) = serve(vec![response("404 Not Found", "", b"<html>")]);
    assert_eq!(
        ask(&format!("http://{addr}/announce")),
        Err(TransferError::Status(404))
    );
    server.join().unwrap();
}

#[test]
fn an_answer_is_cut_off_at_its_limit() {
    let (addr, server) = serve(vec![response("200 OK", "", &vec![b'd'; 2 << 20])]);
    assert_eq!(
        ask(&format!("http://{addr}/announce")),
        Err(TransferError::TooLarge)
    );
    server.join().unwrap();
}

#[test]
fn the_limit_counts_what_a_compressed_answer_becomes() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&vec![b'd'; 2 << 20]).unwrap();
    let bomb = gzip.finish().unwrap();
    let (addr, server) = serve(vec![response(
        "200 OK",
        "Content-Encoding: gzip\r\n",
        &bomb,
    )]);
    assert_eq!(
        ask(&format!("http://{addr}/announce")),
        Err(TransferError::TooLarge)
    );
    server.join().unwrap();
}

#[test]
fn the_family_of_the_listener_is_kept() {
    assert_eq!(
        ask("http://[::1]:1/announce"),
        Err(TransferError::NoAddress)
    );
    assert!(matches!(ask("no url"), Err(TransferError::Other(_))));
}

#[test]
fn a_server_without_tls_is_an_error_and_no_answer() {
    let (addr, server) = serve(vec![b"this is no handshake".to_vec()]);
    let result = ask(&format!("https://{addr}/announce"));
    assert!(matches!(result, Err(TransferError::Other(_))), "{result:?}");
    drop(server);
}

fn get(url: &str) -> Result<Vec<u8>, FetchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // A client with a local address asks no proxy of the environment.
    let web = Web::new(
        &Route::Direct,
        Some([127, 0, 0, 1].into()),
        "tester/1",
        Arc::default(),
    );
    runtime.block_on(fetch(&web, url.parse().unwrap(), url))
}

#[test]
fn a_torrent_file_is_fetched() {
    let (addr, server) = serve(vec![response("200 OK", "", b"d4:infodee")]);
    assert_eq!(
        get(&format!("http://{addr}/x.torrent")),
        Ok(b"d4:infodee".to_vec())
    );
    server.join().unwrap();
}

#[test]
fn what_cannot_be_fetched_is_named_with_its_url() {
    let (addr, server) = serve(vec![response("404 Not Found", "", b"<html>")]);
    let url = format!("http://{addr}/gone.torrent");
    let error = get(&url).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{url} answered with HTTP status 404")
    );
    server.join().unwrap();

    let (addr, server) = serve(vec![response("200 OK", "", &vec![0; FETCH_BYTES_MAX + 1])]);
    let error = get(&format!("http://{addr}/")).unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error:?}");
    server.join().unwrap();

    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for url in ["ftp://127.0.0.1/x.torrent", "x.torrent", "http://"] {
        let error = runtime.block_on(fetch_torrent(url)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{url} is not an http or https URL")
        );
    }
}
