//! Finding out whether a proxy is there, before anything is left to it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
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
        let attempt = tokio::time::timeout(PATIENCE, shake(&by, addr, &url));
        let shaken = match attempt.await.map_err(late) {
            Ok(Ok(shaken)) => shaken,
            Ok(Err(error)) | Err(error) => {
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
async fn shake(
    by: &Route,
    addr: SocketAddr,
    url: &ProxyUrl,
) -> io::Result<Result<bool, SocksFault>> {
    let mut stream = TcpStream::from_std(by.connect(addr, None)?.into())?;
    stream.writable().await?;
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    if url.scheme() == Scheme::Http {
        return Ok(Ok(false));
    }
    let credentials = url.credentials().cloned();
    let (mut handshake, first) = Handshake::new(Request::UdpAssociate, credentials);
    stream.write_all(&first).await?;
    loop {
        // The answer is the last that is read of this stream.
        let mut byte = [0; 1];
        stream.read_exact(&mut byte).await?;
        match handshake.read(&mut &byte[..]) {
            Ok(Step::NeedInput) => {}
            Ok(Step::Send(bytes)) => stream.write_all(&bytes).await?,
            Ok(Step::Done(relay)) => return Ok(Ok(is_place(&relay))),
            Err(SocksFault::Refused(_)) => return Ok(Ok(false)),
            Err(fault) => return Ok(Err(fault)),
        }
    }
}

/// Whether datagrams can be sent there.
fn is_place(relay: &Target) -> bool {
    let nowhere = Target::Addr((Ipv4Addr::UNSPECIFIED, 0).into());
    matches!(relay, Target::Addr(_)) && *relay != nowhere
}
