//! Host and port of a tracker's URL.

/// The port where a URL names none, as other clients assume (BEP 15 has none).
const PORT_DEFAULT: u16 = 80;

/// Host (without brackets) and port of `udp://host:port/path?query`; `None` if
/// there is no such thing.
pub(in crate::trackers) fn parse(url: &str) -> Option<(String, u16)> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, after)| after);
    let (host, port) = match authority.strip_prefix('[') {
        Some(literal) => {
            let (host, after) = literal.split_once(']')?;
            (host, after.strip_prefix(':'))
        }
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        None | Some("") => PORT_DEFAULT,
        Some(digits) => digits.parse().ok().filter(|port| *port != 0)?,
    };
    (!host.is_empty()).then(|| (host.to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn host_and_port_are_found_in_every_form_of_url() {
        let cases = [
            (
                "udp://tracker.example:6969/announce",
                Some(("tracker.example", 6969)),
            ),
            ("UDP://Tracker.Example:1", Some(("tracker.example", 1))),
            ("udp://tracker.example", Some(("tracker.example", 80))),
            ("udp://tracker.example?key=1", Some(("tracker.example", 80))),
            ("udp://[::1]:99/announce", Some(("::1", 99))),
            ("udp://user@10.0.0.1:5", Some(("10.0.0.1", 5))),
            ("udp://tracker.example:0/", None),
            ("udp://tracker.example:65536/", None),
            ("udp://:80/", None),
            ("udp://[::1", None),
            ("tracker.example:80", None),
        ];
        for (url, expected) in cases {
            let found = parse(url);
            assert_eq!(
                found.as_ref().map(|(host, port)| (host.as_str(), *port)),
                expected,
                "{url}"
            );
        }
    }
}
