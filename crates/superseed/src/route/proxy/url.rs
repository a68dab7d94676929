//! How a proxy is named.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use reqwest::Url;
use superseed_proto::percent;
use superseed_proto::socks::{Credentials, Name};

use super::Scheme;

/// The port of SOCKS where none is named (RFC 1928).
const SOCKS_PORT: u16 = 1080;

/// A proxy by its URL: `socks5://[user:password@]host[:port]`, `socks5h://` the
/// same, or `http://[user:password@]host[:port]`.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    scheme: Scheme,
    /// An IPv6 address without its brackets.
    host: String,
    port: u16,
    credentials: Option<Credentials>,
}

/// Why a text names no proxy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadProxy {
    /// It is no URL of a kind that is known.
    #[error("a proxy is socks5://[user:password@]host:port or http://[user:password@]host:port")]
    Form,
    /// Neither SOCKS nor HTTP can tell it.
    #[error("user and password of a proxy have 1 to 255 bytes each")]
    Credentials,
}

impl ProxyUrl {
    /// Where it is, without credentials.
    pub fn place(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// The URL of the same proxy at an address, for who must not look its name up;
    /// by this scheme it looks up names for others.
    pub(super) fn at(&self, addr: SocketAddr) -> String {
        let scheme = match self.scheme {
            Scheme::Socks5 => "socks5h",
            Scheme::Http => "http",
        };
        let credentials = self.credentials.as_ref().map_or_else(String::new, |known| {
            let encoded = |text: &Name| percent::encoded(text.as_str().as_bytes());
            format!("{}:{}@", encoded(&known.user), encoded(&known.password))
        });
        format!("{scheme}://{credentials}{addr}")
    }
}

impl FromStr for ProxyUrl {
    type Err = BadProxy;

    fn from_str(text: &str) -> Result<Self, BadProxy> {
        let url: Url = text.parse().map_err(|_| BadProxy::Form)?;
        let scheme = match url.scheme() {
            "socks5" | "socks5h" => Scheme::Socks5,
            "http" => Scheme::Http,
            _ => return Err(BadProxy::Form),
        };
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default().unwrap_or(SOCKS_PORT);
        let more = !matches!(url.path(), "" | "/") || url.query().or(url.fragment()).is_some();
        if host.is_empty() || port == 0 || more {
            return Err(BadProxy::Form);
        }
        let text = |encoded: &str| {
            let bytes = percent::decode(encoded.as_bytes())?;
            Name::new(String::from_utf8(bytes).ok()?)
        };
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => {
                let known = text(user).zip(text(password.unwrap_or_default()));
                let (user, password) = known.ok_or(BadProxy::Credentials)?;
                Some(Credentials { user, password })
            }
        };
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port,
            credentials,
        })
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Socks5 => "socks5",
            Scheme::Http => "http",
        };
        write!(f, "{scheme}://{}", self.place())
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> ProxyUrl {
        text.parse().unwrap()
    }

    #[test]
    fn proxies_have_urls() {
        let shown = |text| parsed(text).to_string();
        assert_eq!(shown("socks5://p.example:9050"), "socks5://p.example:9050");
        assert_eq!(shown("SOCKS5H://127.0.0.1"), "socks5://127.0.0.1:1080");
        assert_eq!(shown("http://p.example/"), "http://p.example:80");
        assert_eq!(shown("http://[::1]:3128"), "http://[::1]:3128");
    }

    #[test]
    fn what_names_no_proxy_is_refused() {
        for text in [
            "",
            "p.example:1080",
            "socks4://p.example:1080",
            "https://p.example:1080",
            "socks5://",
            "socks5://:1080",
            "socks5://p.example:0",
            "socks5://p.example:99999",
            "http://p.example:80/path",
            "http://p.example:80?query",
        ] {
            assert_eq!(text.parse::<ProxyUrl>(), Err(BadProxy::Form), "{text}");
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_shown() {
        let proxy = parsed("socks5://me:p%40ss%20word@p.example:1080");
        let known = proxy.credentials().unwrap();
        assert_eq!(known.user.as_str(), "me");
        assert_eq!(known.password.as_str(), "p@ss word");
        assert_eq!(format!("{proxy} {proxy:?}"), {
            let shown = "socks5://p.example:1080";
            format!("{shown} {shown}")
        });
        let at = proxy.at("192.0.2.1:1080".parse().unwrap());
        assert_eq!(at, "socks5h://me:p%40ss%20word@192.0.2.1:1080");
        for text in ["socks5://me@p:1", "socks5://:x@p:1", "http://a:%ff@p:1"] {
            assert_eq!(
                text.parse::<ProxyUrl>(),
                Err(BadProxy::Credentials),
                "{text}"
            );
        }
    }
}
