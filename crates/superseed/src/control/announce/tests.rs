//! Announces against a server that says what a test scripts.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use superseed_engine::{ListenerId, TransferError};

use super::announce;
use crate::control::client::Clients;

/// Answers one connection per response, in order; returns the requests' heads.
fn serve(responses: Vec<Vec<u8>>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let answer = |response: Vec<u8>| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<_> = lines
                .by_ref()
                .map(Result::unwrap)
                .take_while(|l| !l.is_empty())
                .collect();
            // The client may have seen enough before all is written.
            let _ = stream.write_all(&response);
            head.join("\n")
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
    let clients = Clients::new(listeners, "tester/1".to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(announce(&clients, url, ListenerId(0)))
}

#[test]
fn an_answer_arrives_as_it_was_sent_and_the_agent_is_named() {
    let (addr, server) = serve(vec![response("200 OK", "", b"d5:peers0:e")]);
    assert_eq!(
        ask(&format!("http://{addr}/announce?x=%00")),
        Ok(b"d5:peers0:e".to_vec())
    );
    let head = server.join().unwrap().remove(0);
    assert!(head.starts_with("GET /announce?x=%00 HTTP/1.1"), "{head}");
    assert!(
        head.to_lowercase().contains("user-agent: tester/1"),
        "{head}"
    );
}

#[test]
fn a_redirect_is_followed() {
    let (last, last_server) = serve(vec![response("200 OK", "", b"de")]);
    let to = format!("Location: http://{last}/there\r\n");
    let (first, first_server) = serve(vec![response("302 Found", &to, b"")]);
    assert_eq!(ask(&format!("http://{first}/")), Ok(b"de".to_vec()));
    first_server.join().unwrap();
    assert!(last_server.join().unwrap()[0].starts_with("GET /there"));
}

#[test]
fn a_chain_of_redirects_ends_after_five() {
    let next = response("302 Found", "Location: /next\r\n", b"");
    let (addr, server) = serve(vec![next; 6]);
    let result = ask(&format!("http://{addr}/"));
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
        ask(&format!("http://{addr}/")),
        Ok(b"d14:failure reason2:noe".to_vec())
    );
    server.join().unwrap();
    let (addr, server) = serve(vec![response("404 Not Found", "", b"<html>")]);
    assert_eq!(
        ask(&format!("http://{addr}/")),
        Err(TransferError::Status(404))
    );
    server.join().unwrap();
}

#[test]
fn an_answer_is_cut_off_at_its_limit() {
    let (addr, server) = serve(vec![response("200 OK", "", &vec![b'd'; 2 << 20])]);
    assert_eq!(
        ask(&format!("http://{addr}/")),
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
        ask(&format!("http://{addr}/")),
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
