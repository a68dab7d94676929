//! Fetching a `.torrent` from the web.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use superseed_proto::url_rules::Purpose;
use tokio::sync::oneshot;

use super::body::{BodyError, read_capped, root_cause};
use super::client::Web;
use crate::route::Route;
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
    fetch_torrent_by(&Route::Direct, url).await
}

/// As [`fetch_torrent`], by a way of the caller's choice.
pub async fn fetch_torrent_by(route: &Route, url: &str) -> Result<Vec<u8>, FetchError> {
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
    let (route, given) = (route.clone(), url.to_owned());
    std::thread::Builder::new()
        .name("superseed-fetch".to_owned())
        .spawn(move || {
            let agent = concat!("superseed/", env!("CARGO_PKG_VERSION"));
            let exchange = fetch_from_each(&route, agent, parsed, &given);
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

/// Fetches from the address of each family that the route has, until one works:
/// a server may have one family only.
async fn fetch_from_each(
    route: &Route,
    agent: &str,
    url: Url,
    given: &str,
) -> Result<Vec<u8>, FetchError> {
    let failed = |error| FetchError::Failed {
        url: given.to_owned(),
        error,
    };
    if route.proxy().is_some() {
        return fetch(&Web::new(route, None, agent, Arc::default()), url, given).await;
    }
    let mut last = None;
    for from in [true, false].map(|v4| route.source(v4)) {
        let from = match from {
            Ok(from) => from,
            Err(error) => {
                last.get_or_insert(failed(error.to_string()));
                continue;
            }
        };
        let web = Web::new(route, from, agent, Arc::default());
        match fetch(&web, url.clone(), given).await {
            Err(error @ FetchError::Failed { .. }) if from.is_some() => last = Some(error),
            result => return result,
        }
    }
    Err(last.unwrap_or_else(|| failed("no address to leave from".to_owned())))
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
