//! A GET and the redirects that it meets, each under the rules against forged
//! requests (`proto::url_rules`).
//!
//! Which address a name has is judged where it is connected to: a URL with an
//! address before it is asked, one with a name by the resolver of its client. What
//! address a name has behind a proxy is not judged.

use std::error::Error;
use std::net::IpAddr;
use std::ops::Range;

use reqwest::header::{ACCEPT_ENCODING, LOCATION, RANGE};
use reqwest::{Response, Url};
use superseed_proto::url_rules::{self, Hop, Purpose, UrlFault};

use super::body::root_cause;
use super::client::{NoAddress, OutOfReach, Web};

/// Redirects followed before an answer is given up (trackers use one at most).
const REDIRECTS_MAX: usize = 5;

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum GetError {
    /// A rule forbids it.
    #[error("{0}")]
    Forged(#[from] UrlFault),
    /// The user's blocklists name the address.
    #[error("the blocklist forbids the address {0}")]
    Blocked(IpAddr),
    /// The name has no address of the family asked for.
    #[error("no address for this host")]
    NoAddress,
    /// It redirects for ever, or seems to.
    #[error("more than {REDIRECTS_MAX} redirects")]
    Redirects,
    /// A redirect leads nowhere, or came from nobody knows where.
    #[error("it redirects to nothing that can be followed")]
    BadRedirect,
    /// The machine lacks what it takes.
    #[error("{0}")]
    SetUp(String),
    /// The exchange broke.
    #[error("{}", root_cause(.0))]
    Broken(reqwest::Error),
}

impl Web {
    /// Gets `url` for a purpose, or these bytes of what is there, by at most
    /// [`REDIRECTS_MAX`] redirects.
    ///
    /// Nothing of a URL is told to another origin: no credentials, no referrer.
    pub(super) async fn get(
        &self,
        purpose: Purpose,
        mut url: Url,
        bytes: Option<Range<u64>>,
    ) -> Result<Response, GetError> {
        let mut redirected_by = None;
        for _ in 0..=REDIRECTS_MAX {
            let response = self
                .hop(purpose, &url, bytes.as_ref(), redirected_by)
                .await?;
            let Some(to) = response
                .status()
                .is_redirection()
                .then(|| response.headers().get(LOCATION))
                .flatten()
            else {
                return Ok(response);
            };
            let to = to.to_str().map_err(|_| GetError::BadRedirect)?;
            // Without it nothing tells how far the next request may reach.
            let by = self.who_answered(literal(&url), response.remote_addr());
            redirected_by = Some(by.ok_or(GetError::BadRedirect)?);
            url = next(&url, to)?;
        }
        Err(GetError::Redirects)
    }

    async fn hop(
        &self,
        purpose: Purpose,
        url: &Url,
        bytes: Option<&Range<u64>>,
        redirected_by: Option<IpAddr>,
    ) -> Result<Response, GetError> {
        if purpose != Purpose::File {
            url_rules::check_host(url.host_str().unwrap_or_default())?;
        }
        let hop = Hop {
            purpose,
            path: url.path(),
            has_query: url.query().is_some(),
            redirected_by,
        };
        if let Some(ip) = literal(url) {
            if !self.has_family_of(ip) {
                return Err(GetError::NoAddress);
            }
            hop.check(ip)?;
            if !self.lets_ask(ip) {
                return Err(GetError::Blocked(ip));
            }
        }
        let client = self.client(hop.reach()).map_err(GetError::SetUp)?;
        let mut request = client.get(url.clone());
        if let Some(bytes) = bytes {
            request = request
                .header(RANGE, format!("bytes={}-{}", bytes.start, bytes.end - 1))
                // A part of what is packed is of no use.
                .header(ACCEPT_ENCODING, "identity");
        }
        let sent = request.send().await;
        sent.map_err(|error| match addresses_of(&error) {
            Some(Lookup::None) => GetError::NoAddress,
            Some(Lookup::OutOfReach(ip)) => match hop.check(ip) {
                Err(fault) => GetError::Forged(fault),
                Ok(()) => GetError::Blocked(ip),
            },
            None => GetError::Broken(error),
        })
    }
}

/// The URL that a redirect of `url` leads to.
fn next(url: &Url, to: &str) -> Result<Url, GetError> {
    let mut next = url.join(to).map_err(|_| GetError::BadRedirect)?;
    if !matches!(next.scheme(), "http" | "https") {
        return Err(UrlFault::RedirectScheme.into());
    }
    let same = next.origin() == url.origin();
    let (name, password) = match same {
        true if next.username().is_empty() => (url.username(), url.password()),
        true => return Ok(next),
        false => ("", None),
    };
    // Every URL of these schemes has a host, so that it can have credentials.
    let _ = next.set_username(name);
    let _ = next.set_password(password);
    Ok(next)
}

/// The address in a URL that names none by name.
fn literal(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// What a look-up that failed found.
enum Lookup {
    None,
    OutOfReach(IpAddr),
}

fn addresses_of(error: &reqwest::Error) -> Option<Lookup> {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(inner) = cause {
        if inner.is::<NoAddress>() {
            return Some(Lookup::None);
        }
        if let Some(OutOfReach(ip)) = inner.downcast_ref() {
            return Some(Lookup::OutOfReach(*ip));
        }
        cause = inner.source();
    }
    None
}
