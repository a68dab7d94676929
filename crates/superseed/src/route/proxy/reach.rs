//! Finding out whether a proxy is there, before anything is left to it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use superseed_proto::socks::{Handshake, Request, SocksFault, Step, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::super::{Interface, Route};
use super::{Proxy, ProxyUrl, Reached, Scheme};

/// How long a proxy may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a proxy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// Its name has no address.
    #[error("cannot resolve the name of the proxy {proxy}")]
    NoAddress {
        /// Its host and port.
        proxy: String,
    },
    /// Nobody is there, or says anything.
    #[error("cannot reach the proxy {proxy}: {error}")]
    Unreachable {
        /// Its host and port.
        proxy: String,
        /// What went wrong.
        error: io::Error,
    },
    /// It wants to know who we are, and does not take our word for it.
    #[error("cannot use the proxy {proxy}: {fault}")]
    Stranger {
        /// Its host and port.
        proxy: String,
        /// What it says.
        fault: SocksFault,
    },
    /// Something else is there.
    #[error("cannot use {proxy} as a proxy: it does not speak SOCKS 5")]
    NotSocks {
        /// Its host and port.
        proxy: String,
    },
}

impl Route {
    /// A way by a proxy, which is reached, by an interface if one is given, to see
    /// whether it can be. With `all` nothing goes around it.
    ///
    /// Its own name is looked up, even then. Needs no particular runtime: a thread
    /// of its own does it.
    ///
    /// # Errors
    /// If it is not there, or wants to have nothing to do with us.
    pub async fn by_proxy(
        url: ProxyUrl,
        all: bool,
        interface: Option<Interface>,
    ) -> Result<Self, ProxyError> {
        let proxy = url.place();
        let failed = |error: io::Error| ProxyError::Unreachable {
            proxy: proxy.clone(),
            error,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let (reply, answer) = oneshot::channel();
        std::thread::Builder::new()
            .name("superseed-proxy".to_owned())
            .spawn(move || {
                // A dropped receiver means that nobody waits any more.
                let _ = reply.send(runtime.block_on(reach(url, all, interface)));
                runtime.shutdown_background();
            })
            .map_err(failed)?;
        answer
            .await
            .unwrap_or_else(|_| Err(failed(io::Error::other("the attempt was abandoned"))))
    }
}

async fn reach(
    url: ProxyUrl,
    all: bool,
    interface: Option<Interface>,
) -> Result<Route, ProxyError> {
    let by = interface.clone().map_or(Route::Direct, Route::Bound);
    let proxy = url.place();
    let failed = |error| ProxyError::Unreachable {
        proxy: proxy.clone(),
        error,
    };
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let found = tokio::time::timeout(PATIENCE, by.look_up(url.host()));
    let found = found.await.map_err(|error| failed(late(error)))?;
    let found = found.ok().filter(|ips| !ips.is_empty());
    let found = found.ok_or_else(|| ProxyError::NoAddress {
        proxy: proxy.clone(),
    })?;
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for ip in found {
        let addr = SocketAddr::new(ip, url.port());
        let shaken = match shake(&by, addr, &url, PATIENCE).await {
            Ok(shaken) => shaken,
            Err(error) => {
                last = error;
                continue;
            }
        };
        let passes_datagrams = match shaken {
            Ok(passes) => passes,
            Err(SocksFault::NotSocks | SocksFault::AddressKind(_)) => {
                return Err(ProxyError::NotSocks { proxy });
            }
            Err(fault) => return Err(ProxyError::Stranger { proxy, fault }),
        };
        return Ok(Route::Proxy(Proxy(Arc::new(Reached {
            url,
            addr,
            passes_datagrams,
            all,
            interface,
            names: Mutex::default(),
        }))));
    }
    Err(failed(last))
}

/// Whether a proxy that was connected to passes datagrams on: it is asked to.
///
/// One that knows us and has nothing to say to that, or ends the stream, as some do
/// that only connect, passes none on.
async fn shake(
    by: &Route,
    addr: SocketAddr,
    url: &ProxyUrl,
    patience: Duration,
) -> io::Result<Result<bool, SocksFault>> {
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    let greeted = tokio::time::timeout(patience, greet(by, addr, url));
    match greeted.await.map_err(late)?? {
        Ok(Some((stream, handshake))) => {
            let answer = tokio::time::timeout(patience, hear(stream, handshake, addr));
            Ok(match answer.await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => Ok(false),
            })
        }
        Ok(None) => Ok(Ok(false)),
        Err(fault) => Ok(Err(fault)),
    }
}

/// Connects to a proxy, until it is asked to pass datagrams on; `None` if it is of
/// a kind that cannot be.
async fn greet(
    by: &Route,
    addr: SocketAddr,
    url: &ProxyUrl,
) -> io::Result<Result<Option<(TcpStream, Handshake)>, SocksFault>> {
    let mut stream = TcpStream::from_std(by.connect(addr, None)?.into())?;
    stream.writable().await?;
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    if url.scheme() == Scheme::Http {
        return Ok(Ok(None));
    }
    let credentials = url.credentials().cloned();
    let (mut handshake, first) = Handshake::new(Request::UdpAssociate, credentials);
    stream.write_all(&first).await?;
    while !handshake.is_asked() {
        match next(&mut stream, &mut handshake).await? {
            Ok(Step::Send(bytes)) => stream.write_all(&bytes).await?,
            Ok(Step::NeedInput | Step::Done(_)) => {}
            Err(fault) => return Ok(Err(fault)),
        }
    }
    Ok(Ok(Some((stream, handshake))))
}

/// What a proxy answers that was asked to pass datagrams on.
async fn hear(
    mut stream: TcpStream,
    mut handshake: Handshake,
    addr: SocketAddr,
) -> io::Result<Result<bool, SocksFault>> {
    loop {
        match next(&mut stream, &mut handshake).await? {
            Ok(Step::NeedInput | Step::Send(_)) => {}
            Ok(Step::Done(bound)) => return Ok(Ok(relay(bound, addr).is_some())),
            Err(SocksFault::Refused(_)) => return Ok(Ok(false)),
            Err(fault) => return Ok(Err(fault)),
        }
    }
}

/// What follows from the next byte. The answer is the last that is read of this
/// stream.
async fn next(
    stream: &mut TcpStream,
    handshake: &mut Handshake,
) -> io::Result<Result<Step, SocksFault>> {
    let mut byte = [0; 1];
    stream.read_exact(&mut byte).await?;
    Ok(handshake.read(&mut &byte[..]))
}

/// Where datagrams are taken: it may be said that it is where the proxy is. `None`
/// if none can be sent there.
pub(crate) fn relay(bound: Target, proxy: SocketAddr) -> Option<SocketAddr> {
    let Target::Addr(addr) = bound else {
        return None;
    };
    let ip = match addr.ip().is_unspecified() {
        true => proxy.ip(),
        false => addr.ip(),
    };
    let fits = addr.port() != 0 && ip.is_ipv4() == proxy.is_ipv4();
    fits.then(|| SocketAddr::new(ip, addr.port()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_relay_that_does_not_say_where_it_is_is_where_the_proxy_is() {
        let addr = |text: &str| text.parse::<SocketAddr>().unwrap();
        let relay = |text| relay(Target::Addr(addr(text)), addr("192.0.2.1:1080"));
        assert_eq!(relay("192.0.2.2:7"), Some(addr("192.0.2.2:7")));
        assert_eq!(relay("0.0.0.0:7"), Some(addr("192.0.2.1:7")));
        assert_eq!(relay("192.0.2.2:0"), None);
        assert_eq!(relay("[2001:db8::1]:7"), None);
    }

    #[test]
    fn a_proxy_that_says_nothing_to_datagrams_passes_none_on() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let silent = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.read_exact(&mut [0; 3]).unwrap();
            stream.write_all(&[5, 0]).unwrap();
            // Until the other side has had enough.
            stream.read_to_end(&mut Vec::new()).unwrap();
        });
        let url: ProxyUrl = format!("socks5://{addr}").parse().unwrap();
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        let patience = Duration::from_millis(500);
        let shaken = runtime.block_on(shake(&Route::Direct, addr, &url, patience));
        assert_eq!(shaken.unwrap(), Ok(false));
        silent.join().unwrap();
    }
}
