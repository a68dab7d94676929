//! Where a web seed has a file (BEP 19, "Client Implementation Overview").

use super::Info;
use crate::layout::FileIndex;
use crate::percent;

impl Info {
    /// The URL of a file at a web seed.
    ///
    /// A torrent of one file is at the seed's URL itself or, if that ends with
    /// a slash, under its name there; the files of others are under the
    /// torrent's name. Names are the ones that were made safe: a file whose own
    /// name is another is not found.
    ///
    /// # Panics
    ///
    /// If the index is not one of this torrent's.
    pub fn web_seed_url(&self, seed: &str, file: FileIndex) -> String {
        let mut url = seed.to_owned();
        if !self.multi_file && !url.ends_with('/') {
            return url;
        }
        if !url.ends_with('/') {
            url.push('/');
        }
        let root = self.multi_file.then_some(&self.name);
        let elements = root.into_iter().chain(&self.file(file).path);
        for (at, element) in elements.enumerate() {
            if at > 0 {
                url.push('/');
            }
            percent::encode(element.as_bytes(), &mut url);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use crate::layout::FileIndex;
    use crate::metainfo::Metainfo;

    fn info(raw_info: &str) -> super::Info {
        let torrent = format!("d4:info{raw_info}e");
        Metainfo::parse(torrent.as_bytes()).expect("valid").info
    }

    #[test]
    fn one_file_is_at_the_url_or_under_its_name_there() {
        let one =
            info("d6:lengthi5e4:name5:a b.c12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae");
        let url = |seed| one.web_seed_url(seed, FileIndex(0));
        assert_eq!(url("http://w/x?y=1"), "http://w/x?y=1");
        assert_eq!(url("http://w/x/"), "http://w/x/a%20b.c");
    }

    #[test]
    fn files_of_a_directory_are_under_its_name() {
        let many = info(
            "d5:filesld6:lengthi5e4:pathl3:s#b2:\u{fc}eee4:name1:d12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae",
        );
        let url = |seed| many.web_seed_url(seed, FileIndex(0));
        assert_eq!(url("http://w/x/"), "http://w/x/d/s%23b/%C3%BC");
        assert_eq!(url("http://w/x"), "http://w/x/d/s%23b/%C3%BC");
    }
}
