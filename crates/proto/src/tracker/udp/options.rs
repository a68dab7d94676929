//! The options after an announce request (BEP 41).

/// The longest path and query that are sent or kept, in bytes. With its
/// options and the announce it stays within one datagram of any network.
pub const URL_DATA_LEN_MAX: usize = 1000;

const END_OF_OPTIONS: u8 = 0;
const NOP: u8 = 1;
const URL_DATA: u8 = 2;

/// Path and query of a tracker's URL, which is what the option carries:
/// `/dir?a=b` of `udp://tracker.example.com:80/dir?a=b`.
pub fn url_data(url: &str) -> &str {
    let url = url.split_once('#').map_or(url, |(before, _)| before);
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    match url[after_scheme..].find(['/', '?']) {
        Some(at) => &url[after_scheme + at..],
        None => "",
    }
}

/// Appends the data as one or more options. What is too long to be sent whole
/// is not sent, since a part of it would be another URL.
pub(super) fn write_url_data(data: &[u8], out: &mut Vec<u8>) {
    if data.len() > URL_DATA_LEN_MAX {
        return;
    }
    for part in data.chunks(usize::from(u8::MAX)) {
        out.extend_from_slice(&[URL_DATA, part.len() as u8]);
        out.extend_from_slice(part);
    }
}

/// Joins the URL data among the options. An option that runs over the end of
/// the datagram ends the reading, like the end itself.
pub(super) fn read_url_data(mut options: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    loop {
        match options {
            [NOP, rest @ ..] => options = rest,
            [END_OF_OPTIONS, ..] | [] | [_] => return data,
            [kind, len, rest @ ..] => {
                let Some((value, rest)) = rest.split_at_checked(usize::from(*len)) else {
                    return data;
                };
                if *kind == URL_DATA && data.len() + value.len() <= URL_DATA_LEN_MAX {
                    data.extend_from_slice(value);
                }
                options = rest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_bep_41_are_read() {
        let table: &[(&[u8], &[u8])] = &[
            (b"\x02\x0c/dir?a=b&c=d", b"/dir?a=b&c=d"),
            (b"\x02\x0c/dir?a=b&c=d\x01\x01\x00", b"/dir?a=b&c=d"),
            (b"\x02\x00", b""),
            (b"", b""),
            (b"\x01\x07\x02xx\x02\x02/a\x00\x02\x02/b", b"/a"),
            (b"\x02\x02/a\x02\x02/b", b"/a/b"),
            (b"\x02\x02/a\x02\x09/b", b"/a"),
            (b"\x02", b""),
        ];
        for (options, expected) in table {
            assert_eq!(read_url_data(options), *expected);
        }
    }

    #[test]
    fn long_data_is_split_into_options_of_255_bytes() {
        let data = vec![b'x'; 600];
        let mut out = Vec::new();
        write_url_data(&data, &mut out);
        assert_eq!(out.len(), 600 + 3 * 2);
        assert_eq!((out[0], out[1]), (2, 255));
        assert_eq!((out[257], out[258]), (2, 255));
        assert_eq!((out[514], out[515]), (2, 90));
        assert_eq!(read_url_data(&out), data);

        let mut out = Vec::new();
        write_url_data(&vec![b'x'; URL_DATA_LEN_MAX + 1], &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn path_and_query_are_cut_out_of_the_url() {
        let table = [
            ("udp://tracker.example.com:80/dir?a=b&c=d", "/dir?a=b&c=d"),
            ("udp://tracker.example.com:80", ""),
            ("udp://tracker.example.com:80/#top", "/"),
            ("udp://[::1]:80?key=/1", "?key=/1"),
        ];
        for (url, expected) in table {
            assert_eq!(url_data(url), expected);
        }
    }
}
