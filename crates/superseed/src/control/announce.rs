//! One HTTP(S) announce: the request, and what of the answer the engine sees.

use std::error::Error;
use std::net::IpAddr;

use reqwest::Url;
use superseed_engine::{ListenerId, TransferError};

use super::body::{BodyError, read_capped, root_cause};
use super::client::{Clients, NoAddress};

/// The longest answer taken from a tracker, in bytes after decompression.
/// 2,000 peers in dictionary form are below 200 KB.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Fetches `url` from the address of a listener.
///
/// A body is returned whatever the status: trackers explain refusals in it.
pub(super) async fn announce(
    clients: &Clients,
    url: &str,
    from: ListenerId,
) -> Result<Vec<u8>, TransferError> {
    let (local, client) = clients.of(from).map_err(TransferError::Other)?;
    let url: Url = url
        .parse()
        .map_err(|_| TransferError::Other("not a valid URL".to_owned()))?;
    if literal(&url).is_some_and(|ip| ip.is_ipv4() != local.is_ipv4()) {
        return Err(TransferError::NoAddress);
    }
    let response = client.get(url).send().await.map_err(refused)?;
    let status = response.status();
    let body = match read_capped(response, ANSWER_BYTES_MAX).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => return Err(TransferError::TooLarge),
        Err(BodyError::Broken(error)) => return Err(refused(error)),
    };
    // A bencoded dictionary may come with any status; a page of HTML may not.
    if !status.is_success() && body.first() != Some(&b'd') {
        return Err(TransferError::Status(status.as_u16()));
    }
    Ok(body)
}

/// The address in a URL that names none by name.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

fn refused(error: reqwest::Error) -> TransferError {
    if error.is_timeout() {
        return TransferError::TimedOut;
    }
    let mut cause: Option<&dyn Error> = Some(&error);
    while let Some(inner) = cause {
        if inner.is::<NoAddress>() {
            return TransferError::NoAddress;
        }
        cause = inner.source();
    }
    TransferError::Other(root_cause(&error))
}
