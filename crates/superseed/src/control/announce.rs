//! One HTTP(S) announce: the request, and what of the answer the engine sees.

use reqwest::Url;
use superseed_engine::{ListenerId, TransferError};
use superseed_proto::url_rules::Purpose;

use super::body::{BodyError, read_capped, root_cause};
use super::client::Clients;
use super::hops::GetError;

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
    let web = clients.of(from).map_err(TransferError::Other)?;
    let url: Url = url
        .parse()
        .map_err(|_| TransferError::Other("not a valid URL".to_owned()))?;
    let response = web
        .get(Purpose::Tracker, url, None)
        .await
        .map_err(refused)?;
    let status = response.status();
    let body = match read_capped(response, ANSWER_BYTES_MAX).await {
        Ok(body) => body,
        Err(BodyError::TooLarge) => return Err(TransferError::TooLarge),
        Err(BodyError::Broken(error)) => return Err(broken(&error)),
    };
    // A bencoded dictionary may come with any status; a page of HTML may not.
    if !status.is_success() && body.first() != Some(&b'd') {
        return Err(TransferError::Status(status.as_u16()));
    }
    Ok(body)
}

fn refused(error: GetError) -> TransferError {
    match error {
        GetError::NoAddress => TransferError::NoAddress,
        GetError::Broken(error) => broken(&error),
        error => TransferError::Other(error.to_string()),
    }
}

fn broken(error: &reqwest::Error) -> TransferError {
    if error.is_timeout() {
        return TransferError::TimedOut;
    }
    TransferError::Other(root_cause(error))
}
