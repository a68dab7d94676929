//! Reading an HTTP body whose length nobody has promised.

use reqwest::Response;

/// Why a body was not read.
#[derive(Debug)]
pub(super) enum BodyError {
    /// It is longer than allowed.
    TooLarge,
    /// The exchange broke.
    Broken(reqwest::Error),
}

/// Reads a body of at most `max` bytes, counted after decompression.
pub(super) async fn read_capped(mut response: Response, max: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(BodyError::Broken)? {
        if body.len() + part.len() > max {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// An error in the words of its innermost cause: the outer ones repeat the URL.
pub(super) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
