//! Rules against forged requests: what a URL that a stranger wrote may make us
//! ask of whom.
//!
//! Torrents, links and redirects name servers. Without rules they could make us
//! send a request of their choosing to a service of this machine or of its
//! network that trusts whoever comes from there. The rules are those of
//! libtorrent (`ssrf_mitigation`, `allow_idna`). Which address a name has is
//! the caller's to find out: it must ask for the address that it connects to,
//! since one looked up before may have been another.

use core::net::{IpAddr, Ipv4Addr};

use thiserror::Error;

use crate::percent;

/// Why a URL is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UrlFault {
    /// Nobody here speaks it.
    #[error("the scheme of this tracker is not supported")]
    Scheme,
    /// It leads to something else than the web.
    #[error("it redirects to something that is not http or https")]
    RedirectScheme,
    /// A server that is careless about its lines would see several.
    #[error("the URL holds a space or a control character")]
    Unprintable,
    /// It looks like another name than it is.
    #[error("internationalised host names are not asked")]
    Internationalised,
    /// The answer of such a tracker would be to the URL, and not to us.
    #[error("the URL holds an argument that announces have themselves")]
    AnnounceArgument,
    /// It would reach what else listens on this machine.
    #[error("a tracker on this machine must have a path that begins with /announce")]
    LoopbackPath,
    /// It would reach what takes orders in a local network.
    #[error("a web seed in a local network must have no query")]
    LocalQuery,
    /// It would reach what strangers cannot.
    #[error("it redirects from a global address to a local one")]
    RedirectToLocal,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// An announce; a stranger wrote the URL.
    Tracker,
    /// A part of a torrent's content; a stranger wrote the URL.
    WebSeed,
    /// A file that the user asked for.
    File,
}

/// The addresses that a request may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// All of them.
    Anywhere,
    /// None of this machine's own.
    OffThisMachine,
    /// Only those that are the same to everybody.
    Global,
}

impl Reach {
    /// Whether an address is within reach.
    pub fn includes(self, ip: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::OffThisMachine => !is_loopback(ip),
            Self::Global => !is_local(ip),
        }
    }
}

/// A request that is to be made, be it the first or after a redirect.
#[derive(Clone, Copy, Debug)]
pub struct Hop<'a> {
    /// What it is for.
    pub purpose: Purpose,
    /// The path of its URL, as it will be sent.
    pub path: &'a str,
    /// Whether its URL has a query.
    pub has_query: bool,
    /// The address that redirected us here.
    pub redirected_by: Option<IpAddr>,
}

impl Hop<'_> {
    /// How far the request may reach.
    pub fn reach(&self) -> Reach {
        self.narrowest().map_or(Reach::Anywhere, |(reach, _)| reach)
    }

    /// Whether the request may go to `ip`, and if not, why.
    pub fn check(&self, ip: IpAddr) -> Result<(), UrlFault> {
        match self.narrowest() {
            Some((reach, fault)) if !reach.includes(ip) => Err(fault),
            _ => Ok(()),
        }
    }

    /// The rule that keeps the request nearest, with what it is broken by.
    fn narrowest(&self) -> Option<(Reach, UrlFault)> {
        if self.redirected_by.is_some_and(|ip| !is_local(ip)) {
            return Some((Reach::Global, UrlFault::RedirectToLocal));
        }
        match self.purpose {
            Purpose::Tracker if !self.path.starts_with("/announce") => {
                Some((Reach::OffThisMachine, UrlFault::LoopbackPath))
            }
            Purpose::WebSeed if self.has_query => Some((Reach::Global, UrlFault::LocalQuery)),
            _ => None,
        }
    }
}

/// Checks what can be said of a tracker's URL before anything is looked up.
///
/// `url` is as the torrent writes it, without what an announce adds.
///
/// # Errors
/// If it breaks a rule.
pub fn check_tracker(url: &str) -> Result<(), UrlFault> {
    let (scheme, rest) = url.split_once("://").ok_or(UrlFault::Scheme)?;
    let is_http = match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => true,
        "udp" => false,
        _ => return Err(UrlFault::Scheme),
    };
    if url.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(UrlFault::Unprintable);
    }
    // A backslash is a slash to whoever reads URLs of the web as browsers do.
    let ends = |c| matches!(c, '/' | '?' | '#') || is_http && c == '\\';
    let authority = rest.split(ends).next().unwrap_or_default();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    check_host(host)?;
    let query = rest.split('#').next().and_then(|rest| rest.split_once('?'));
    let has_own = |(_, query): (&str, &str)| query.split('&').any(is_announce_argument);
    if is_http && query.is_some_and(has_own) {
        return Err(UrlFault::AnnounceArgument);
    }
    Ok(())
}

/// Checks a host's name: of a URL as it is written, or of one that was parsed.
///
/// # Errors
/// If it has a label in Punycode, or will have.
pub fn check_host(host: &str) -> Result<(), UrlFault> {
    let host = percent::decode_form_lossy(host.as_bytes());
    let is_alabel = |label: &[u8]| {
        let prefix = label.get(..4);
        prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--"))
    };
    if !host.is_ascii() || host.split(|byte| *byte == b'.').any(is_alabel) {
        return Err(UrlFault::Internationalised);
    }
    Ok(())
}

/// What announces say themselves (BEP 3, and `corrupt` of older clients).
const ANNOUNCE_ARGUMENTS: [&str; 9] = [
    "info_hash",
    "event",
    "port",
    "left",
    "key",
    "uploaded",
    "downloaded",
    "corrupt",
    "peer_id",
];

fn is_announce_argument(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    let name = percent::decode_form_lossy(name.as_bytes());
    ANNOUNCE_ARGUMENTS
        .iter()
        .any(|own| own.as_bytes() == name.as_slice())
}

/// Whether what is sent to an address stays on this machine. The network 0/8
/// and `::` are this machine to those who connect to them.
pub fn is_loopback(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.octets()[0] == 0,
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified(),
    }
}

/// Whether an address means another host to us than to strangers: this
/// machine's own, private and link-local ones, those shared by the customers of
/// a provider (RFC 6598), and what reaches one of these by way of a translator
/// (RFC 6052, 3056).
pub fn is_local(ip: IpAddr) -> bool {
    is_loopback(ip)
        || match ip.to_canonical() {
            IpAddr::V4(ip) => is_local_v4(ip),
            IpAddr::V6(ip) => {
                let words = ip.segments();
                let v4 = |high: u16, low: u16| {
                    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
                };
                let translated = match words {
                    [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
                    [0x64, 0xff9b, 1, ..] => return true,
                    [0x2002, high, low, ..] => Some(v4(high, low)),
                    [0, 0, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
                    _ => None,
                };
                let site_local = words[0] & 0xffc0 == 0xfec0;
                ip.is_unique_local()
                    || ip.is_unicast_link_local()
                    || site_local
                    || ip.is_multicast()
                    || translated.is_some_and(|ip| is_loopback(ip.into()) || is_local_v4(ip))
            }
        }
}

fn is_local_v4(ip: Ipv4Addr) -> bool {
    let [first, second, ..] = ip.octets();
    let shared = first == 100 && second & 0xc0 == 64;
    ip.is_private() || ip.is_link_local() || shared || ip.is_multicast() || ip.is_broadcast()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn tracker(path: &str) -> Hop<'_> {
        Hop {
            purpose: Purpose::Tracker,
            path,
            has_query: true,
            redirected_by: None,
        }
    }

    const LOOPBACK: [&str; 5] = [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "::1",
        "::ffff:127.0.0.1",
    ];
    const LOCAL: [&str; 11] = [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "fe80::1",
        "fd00::1",
        "fec0::1",
        "::ffff:192.168.1.1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::",
    ];
    const GLOBAL: [&str; 5] = [
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "64:ff9b::1.1.1.1",
    ];

    #[test]
    fn addresses_are_of_this_machine_of_its_network_or_of_the_world() {
        for text in LOOPBACK {
            assert!(is_loopback(ip(text)) && is_local(ip(text)), "{text}");
        }
        for text in LOCAL {
            assert!(!is_loopback(ip(text)) && is_local(ip(text)), "{text}");
        }
        for text in GLOBAL {
            assert!(!is_loopback(ip(text)) && !is_local(ip(text)), "{text}");
        }
    }

    #[test]
    fn a_tracker_on_this_machine_has_a_path_that_begins_with_announce() {
        for text in LOOPBACK {
            for path in ["/announce", "/announce.php", "/announce/passkey"] {
                assert_eq!(tracker(path).check(ip(text)), Ok(()));
            }
            for path in ["/", "", "/x/announce", "/Announce", "/api/announce"] {
                let refused = Err(UrlFault::LoopbackPath);
                assert_eq!(tracker(path).check(ip(text)), refused, "{path}");
                assert!(!tracker(path).reach().includes(ip(text)));
            }
        }
        for text in LOCAL.iter().chain(&GLOBAL) {
            assert_eq!(tracker("/x").check(ip(text)), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_web_seed_in_a_local_network_has_no_query() {
        let mut hop = Hop {
            purpose: Purpose::WebSeed,
            path: "/file",
            has_query: true,
            redirected_by: None,
        };
        for text in LOOPBACK.iter().chain(&LOCAL) {
            assert_eq!(hop.check(ip(text)), Err(UrlFault::LocalQuery), "{text}");
        }
        for text in GLOBAL {
            assert_eq!(hop.check(ip(text)), Ok(()));
        }
        hop.has_query = false;
        for text in LOOPBACK.iter().chain(&LOCAL) {
            assert_eq!(hop.check(ip(text)), Ok(()), "{text}");
        }
    }

    #[test]
    fn no_redirect_leads_from_a_global_address_to_a_local_one() {
        for purpose in [Purpose::Tracker, Purpose::WebSeed, Purpose::File] {
            let hop = |by: &str| Hop {
                purpose,
                path: "/announce",
                has_query: false,
                redirected_by: Some(ip(by)),
            };
            for local in LOOPBACK.iter().chain(&LOCAL) {
                for global in GLOBAL {
                    let refused = Err(UrlFault::RedirectToLocal);
                    assert_eq!(hop(global).check(ip(local)), refused);
                    assert_eq!(hop(local).check(ip(global)), Ok(()));
                    assert_eq!(hop(global).check(ip(global)), Ok(()));
                }
                assert_eq!(hop(local).check(ip(local)), Ok(()));
            }
        }
    }

    #[test]
    fn the_url_of_a_tracker_has_none_of_the_arguments_of_an_announce() {
        for name in ANNOUNCE_ARGUMENTS {
            for url in [
                format!("http://t.example/announce?{name}=1"),
                format!("https://t.example/announce?passkey=2&{name}"),
                format!("http://t.example?{name}="),
            ] {
                assert_eq!(
                    check_tracker(&url),
                    Err(UrlFault::AnnounceArgument),
                    "{url}"
                );
            }
        }
        let escaped = "http://t.example/announce?info%5Fhash=x";
        assert_eq!(check_tracker(escaped), Err(UrlFault::AnnounceArgument));
        for url in [
            "http://t.example/announce?passkey=1&keys=2",
            "http://t.example/left=1",
            "http://t.example/?x#?key=1",
            "udp://t.example:1/announce?key=1",
        ] {
            assert_eq!(check_tracker(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn names_in_punycode_are_refused() {
        for url in [
            "http://xn--e1afmkfd.example/announce",
            "udp://tracker.XN--p1ai:80",
            "https://пример.example/",
            "http://%78n--e1afmkfd.example/",
            "http://user@xn--p1ai\\@tracker.example/",
            "http://tracker.example@xn--p1ai",
            "udp://tracker.example\\@xn--p1ai:80",
        ] {
            assert_eq!(
                check_tracker(url),
                Err(UrlFault::Internationalised),
                "{url}"
            );
        }
        for url in [
            "http://axn--b.example/",
            "udp://[::1]:80/",
            "http://tracker.example/xn--p1ai",
        ] {
            assert_eq!(check_tracker(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn schemes_that_nobody_speaks_are_refused() {
        for url in ["wss://t.example/", "file:///etc/passwd", "nonsense", ""] {
            assert_eq!(check_tracker(url), Err(UrlFault::Scheme), "{url}");
        }
        for url in ["HTTP://t.example/", "https://t.example", "Udp://t.example"] {
            assert_eq!(check_tracker(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn spaces_and_control_characters_are_refused() {
        for c in [' ', '\t', '\r', '\n', '\0', '\u{7f}', '\u{a0}', '\u{2028}'] {
            let url = format!("http://t.example/announce{c}x");
            assert_eq!(check_tracker(&url), Err(UrlFault::Unprintable), "{url:?}");
        }
    }
}
