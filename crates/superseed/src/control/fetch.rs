//! Fetching a `.torrent` from the web.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use superseed_proto::url_rules::Purpose;
use tokio::sync::oneshot;

use super::body::{BodyError, read_capped, root_cause};
use super::client::Web;
use crate::session::error::FetchError;

/// The largest torrent file that [`fetch_torrent`] takes, in bytes.
pub const FETCH_BYTES_MAX: usize = 10_000_000;
/// How long the whole exchange may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

/// Fetches the bytes of a torrent file from an http or https URL.
///
/// Follows at most five redirects, takes at most [`FETCH_BYTES_MAX`] bytes and
/// gives up after a minute. Needs no particular runtime: the exchange runs on a
/// thread of its own.
pub async fn fetch_torrent(url: &str) -> Result<Vec<u8>, FetchError> {
    let parsed = match url.parse::<Url>() {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => parsed,
        _ => {
            return Err(FetchError::BadUrl {
                url: url.to_owned(),
            });
        }
    };
    let failed = |error: String| FetchError::Failed {
        url: url.to_owned(),
        error,
    };
    let (reply, answer) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let given = url.to_owned();
    std::thread::Builder::new()
        .name("superseed-fetch".to_owned())
        .spawn(move || {
            let agent = concat!("superseed/", env!("CARGO_PKG_VERSION"));
            let web = Web::new(None, agent, Arc::default());
            let exchange = fetch(&web, parsed, &given);
            // A timer can only be made inside its runtime.
            let within = async { tokio::time::timeout(FETCH_TIMEOUT, exchange).await };
            let result = runtime.block_on(within).unwrap_or_else(|_| {
                Err(FetchError::Failed {
                    url: given.clone(),
                    error: "no answer in time".to_owned(),
                })
            });
            runtime.shutdown_background();
            // A dropped receiver means that nobody waits any more.
            let _ = reply.send(result);
        })
        .map_err(|error| failed(error.to_string()))?;
    answer
        .await
        .unwrap_or_else(|_| Err(failed("the exchange was abandoned".to_owned())))
}

pub(super) async fn fetch(web: &Web, url: Url, given: &str) -> Result<Vec<u8>, FetchError> {
    let failed = |error: String| FetchError::Failed {
        url: given.to_owned(),
        error,
    };
    let response = web
        .get(Purpose::File, url, None)
        .await
        .map_err(|error| failed(error.to_string()))?;
    if !response.status().is_success() {
        let status = response.status().as_u16();
        return Err(FetchError::Status {
            url: given.to_owned(),
            status,
        });
    }
    read_capped(response, FETCH_BYTES_MAX)
        .await
        .map_err(|error| match error {
            BodyError::TooLarge => FetchError::TooLarge {
                url: given.to_owned(),
                max: FETCH_BYTES_MAX,
            },
            BodyError::Broken(error) => failed(root_cause(&error)),
        })
}
