//! One request to a web seed (BEP 19): a part of a file, let through as far as
//! the engine lends bytes for it.
//!
//! What an answer means is judged here and said in one word: the bytes that were
//! asked for, an end before their end, a server that is busy, a file that is
//! not there. What follows, and how long silence may last, is the engine's.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use superseed_engine::{Fetch, FetchEnd, FetchKey};
use superseed_proto::url_rules::Purpose;
use tokio::sync::mpsc;

use super::body::root_cause;
use super::client::Clients;
use super::hops::GetError;
use super::{Answer, Answers};

/// How long the end of a body may take whose bytes are all here: it makes the
/// connection fit for the next request.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Part {
    /// The next bytes.
    Bytes(Bytes),
    /// No more.
    Ended(FetchEnd),
}

/// Performs a request until all of it came, or it ended before. Whoever does
/// not want it any more aborts it.
pub(super) async fn fetch(
    clients: &Clients,
    job: Fetch,
    lent: mpsc::UnboundedReceiver<u64>,
    answers: Answers,
) {
    let mut reader = Reader {
        fetch: job.fetch,
        lent,
        credit: 0,
        answers,
    };
    let end = match open(clients, &job).await {
        Ok(response) => reader.read(response, job.bytes.end - job.bytes.start).await,
        Err(end) => Err(end),
    };
    if let Err(end) = end {
        reader.give(Part::Ended(end)).await;
    }
}

/// Sends the request, and judges the head of the answer.
async fn open(clients: &Clients, job: &Fetch) -> Result<Response, FetchEnd> {
    let web = clients.of(job.from).map_err(FetchEnd::Broke)?;
    let url: Url = job
        .url
        .parse()
        .map_err(|_| FetchEnd::Absent("not a valid URL".to_owned()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(FetchEnd::Absent("not http or https".to_owned()));
    }
    let bytes = Some(job.bytes.clone());
    let response = web.get(Purpose::WebSeed, url, bytes).await;
    let response = response.map_err(|error| match error {
        GetError::NoAddress | GetError::Blocked(_) | GetError::SetUp(_) | GetError::Broken(_) => {
            FetchEnd::Broke(error.to_string())
        }
        GetError::Forged(_) | GetError::Redirects | GetError::BadRedirect => {
            FetchEnd::Absent(error.to_string())
        }
    })?;
    judge(
        job,
        response.status(),
        response.headers(),
        response.content_length(),
    )?;
    Ok(response)
}

/// Whether the body is what was asked for.
fn judge(
    job: &Fetch,
    status: StatusCode,
    headers: &HeaderMap,
    content_len: Option<u64>,
) -> Result<(), FetchEnd> {
    let absent = |why: &str| Err(FetchEnd::Absent(why.to_owned()));
    match status {
        StatusCode::PARTIAL_CONTENT => {
            let range = headers.get(CONTENT_RANGE).and_then(|it| it.to_str().ok());
            match range.and_then(content_range) {
                Some((_, _, Some(len))) if len != job.file_len => {
                    absent("the server's file is of another length")
                }
                // Less than was asked for is a short answer.
                Some((first, last, _))
                    if first == job.bytes.start && (first..job.bytes.end).contains(&last) =>
                {
                    Ok(())
                }
                _ => absent("the server sent another part than it was asked for"),
            }
        }
        StatusCode::OK if content_len.is_some_and(|len| len != job.file_len) => {
            absent("the server's file is of another length")
        }
        StatusCode::OK if job.bytes == (0..job.file_len) => Ok(()),
        StatusCode::OK => absent("the server does not send parts of files"),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Err(FetchEnd::Busy(retry_after(headers)))
        }
        status if status.is_server_error() => Err(FetchEnd::Busy(retry_after(headers))),
        status => absent(&format!("HTTP status {}", status.as_u16())),
    }
}

/// First and last byte, and the length of the whole if the server says it
/// (RFC 9110, section 14.4).
fn content_range(value: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, len) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let len = match len {
        "*" => None,
        len => Some(len.parse().ok()?),
    };
    Some((first.parse().ok()?, last.parse().ok()?, len))
}

/// How long a server wants to be left alone, if it says so in seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// The way of a body to the engine.
struct Reader {
    fetch: FetchKey,
    lent: mpsc::UnboundedReceiver<u64>,
    /// Bytes that may be passed on now.
    credit: u64,
    answers: Answers,
}

impl Reader {
    /// Passes a body of so many bytes on.
    async fn read(&mut self, mut response: Response, len: u64) -> Result<(), FetchEnd> {
        let mut left = len;
        while left > 0 {
            // What may not be passed on waits in the socket.
            self.wait_for_credit().await;
            let part = response.chunk().await;
            let part = part.map_err(|error| FetchEnd::Broke(root_cause(&error)))?;
            let Some(mut part) = part else {
                return Err(FetchEnd::Broke("the answer is too short".to_owned()));
            };
            part.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            left -= part.len() as u64;
            while !part.is_empty() {
                self.wait_for_credit().await;
                let now = self.credit.min(part.len() as u64);
                self.credit -= now;
                let now = part.split_to(now as usize);
                self.give(Part::Bytes(now)).await;
            }
        }
        let end = response.chunk();
        // All that is lost by an end that does not come is the connection.
        let _ = tokio::time::timeout(END_TIMEOUT, end).await;
        Ok(())
    }

    async fn wait_for_credit(&mut self) {
        while let Ok(more) = self.lent.try_recv() {
            self.credit += more;
        }
        while self.credit == 0 {
            match self.lent.recv().await {
                Some(more) => self.credit += more,
                // Whoever lends is gone, and is about to abort this.
                None => std::future::pending().await,
            }
        }
    }

    async fn give(&self, part: Part) {
        let fetch = self.fetch;
        self.answers.give(Answer::Fetched { fetch, part }).await;
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use superseed_engine::ListenerId;

    use super::*;

    fn judged(
        bytes: std::ops::Range<u64>,
        status: u16,
        head: &[(&'static str, &str)],
    ) -> Result<(), FetchEnd> {
        let job = Fetch {
            fetch: FetchKey::default(),
            url: "http://w.example/f".to_owned(),
            bytes,
            file_len: 100,
            from: ListenerId(0),
        };
        let mut headers = HeaderMap::new();
        let mut len = None;
        for (name, value) in head {
            headers.insert(*name, HeaderValue::from_str(value).unwrap());
            if *name == "content-length" {
                len = value.parse().ok();
            }
        }
        judge(&job, StatusCode::from_u16(status).unwrap(), &headers, len)
    }

    fn is_absent(result: &Result<(), FetchEnd>) -> bool {
        matches!(result, Err(FetchEnd::Absent(_)))
    }

    #[test]
    fn a_part_must_be_the_one_that_was_asked_for() {
        let part = |range| judged(10..20, 206, &[("content-range", range)]);
        assert_eq!(part("bytes 10-19/100"), Ok(()));
        assert_eq!(part("bytes 10-19/*"), Ok(()));
        assert_eq!(
            part("bytes 10-14/100"),
            Ok(()),
            "the rest is asked for again"
        );
        for wrong in [
            "bytes 0-19/100",
            "bytes 10-20/100",
            "bytes 10-9/100",
            "bytes 10-19/99",
            "bytes */100",
            "items 10-19/100",
            "",
        ] {
            assert!(is_absent(&part(wrong)), "{wrong}");
        }
        assert!(is_absent(&judged(10..20, 206, &[])));
    }

    #[test]
    fn a_whole_file_will_do_only_where_it_was_asked_for() {
        let len = [("content-length", "100")];
        assert_eq!(judged(0..100, 200, &len), Ok(()));
        assert_eq!(judged(0..100, 200, &[]), Ok(()));
        assert!(is_absent(&judged(0..100, 200, &[("content-length", "99")])));
        assert!(is_absent(&judged(0..99, 200, &len)));
        assert!(is_absent(&judged(1..100, 200, &len)));
    }

    #[test]
    fn who_is_busy_may_say_for_how_long() {
        let busy = |status, head: &[(&'static str, &str)]| judged(0..9, status, head);
        let minute = FetchEnd::Busy(Some(Duration::from_secs(60)));
        assert_eq!(busy(503, &[("retry-after", " 60 ")]), Err(minute));
        assert_eq!(busy(429, &[]), Err(FetchEnd::Busy(None)));
        let date = [("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")];
        assert_eq!(busy(500, &date), Err(FetchEnd::Busy(None)));
        for status in [204, 304, 401, 403, 404, 410, 416] {
            assert!(is_absent(&busy(status, &[])), "{status}");
        }
    }
}
