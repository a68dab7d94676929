//! Which files of a torrent are wanted, and what they are called.

use std::path::{Component, Path};

use superseed::{FileIndex, Metainfo, Priority};

use crate::args::TransferArgs;
use crate::exit::Failure;
use crate::globs::Globs;

/// The priority of each file; empty where all files are wanted.
pub(crate) fn priorities(
    metainfo: &Metainfo,
    args: &TransferArgs,
) -> Result<Vec<Priority>, Failure> {
    if args.select_file.is_none() && args.include.is_empty() && args.exclude.is_empty() {
        return Ok(Vec::new());
    }
    let count = metainfo.info.files.len() as u32;
    if let Some(beyond) = args
        .select_file
        .as_ref()
        .and_then(|ranges| ranges.beyond(count))
    {
        return Err(no_such_file(beyond, count));
    }
    let globs = Globs::new(&args.include, &args.exclude)?;
    let wanted = |index: FileIndex| {
        let whole = metainfo.info.file_path(index);
        let inner: std::path::PathBuf = metainfo.info.file(index).path.iter().collect();
        args.select_file
            .as_ref()
            .is_none_or(|ranges| ranges.contains(index.0 + 1))
            && globs.choose(&[&whole, &inner])
    };
    let mut any = false;
    let priorities = metainfo.info.files_indexed().map(|(index, file)| {
        // Padding has no file, so it is never what makes the selection.
        if !file.padding && wanted(index) {
            any = true;
            Priority::Normal
        } else {
            Priority::Skip
        }
    });
    let priorities = priorities.collect();
    if any {
        Ok(priorities)
    } else {
        Err(Failure::usage("no file of the torrent is selected"))
    }
}

/// The new paths of `--index-out`, checked.
pub(crate) fn renames(
    metainfo: &Metainfo,
    args: &TransferArgs,
) -> Result<Vec<(FileIndex, std::path::PathBuf)>, Failure> {
    let count = metainfo.info.files.len() as u32;
    args.index_out
        .iter()
        .map(|rename| {
            if rename.number > count {
                return Err(no_such_file(rename.number, count));
            }
            if !stays_inside(&rename.path) {
                return Err(Failure::usage(format!(
                    "{} is not a path inside the download directory",
                    rename.path.display()
                )));
            }
            Ok((FileIndex(rename.number - 1), rename.path.clone()))
        })
        .collect()
}

/// The new name of `--out`, checked.
pub(crate) fn name(args: &TransferArgs) -> Result<Option<String>, Failure> {
    match &args.out {
        Some(name) if !stays_inside(Path::new(name)) || name.contains(['/', '\0']) => {
            Err(Failure::usage(format!(
                "--out {name} is not the name of a file or directory"
            )))
        }
        name => Ok(name.clone()),
    }
}

fn stays_inside(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

fn no_such_file(number: u32, count: u32) -> Failure {
    let files = if count == 1 { "file" } else { "files" };
    Failure::usage(format!(
        "there is no file {number}, the torrent has {count} {files}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Plan;
    use crate::args::command::definition;
    use clap::FromArgMatches;
    use superseed_proto::metainfo::TorrentBuilder;

    fn metainfo() -> Metainfo {
        let torrent = TorrentBuilder::new("films", 16_384)
            .file(["a.mkv"], 5)
            .file(["a.srt"], 5)
            .file(["extra", "b.mkv"], 5)
            .file(["extra", "read.me"], 5)
            .hash_content(&[0; 20])
            .build();
        Metainfo::parse(&torrent).unwrap()
    }

    fn args(line: &str) -> TransferArgs {
        let words = ["superseed", "download"]
            .into_iter()
            .chain(line.split_whitespace());
        let matches = definition().try_get_matches_from(words).unwrap();
        match Plan::from_arg_matches(&matches).unwrap().command {
            crate::args::Command::Download(args) => args.transfer,
            other => panic!("{other:?}"),
        }
    }

    fn selected(line: &str) -> Result<Vec<usize>, Failure> {
        let priorities = priorities(&metainfo(), &args(line))?;
        let numbered = (1..).zip(priorities);
        let wanted = numbered.filter(|(_, priority)| *priority != Priority::Skip);
        Ok(wanted.map(|(number, _)| number).collect())
    }

    #[test]
    fn numbers_and_globs_narrow_each_other() {
        let table: [(&str, &[usize]); 6] = [
            ("--select-file 1-2,4", &[1, 2, 4]),
            ("--include *.mkv", &[1, 3]),
            ("--include films/extra/*", &[3, 4]),
            ("--include extra/*", &[3, 4]),
            ("--exclude *.mkv", &[2, 4]),
            (
                "--select-file 2- --include *.mkv --include *.srt --exclude a*",
                &[3],
            ),
        ];
        for (line, expected) in table {
            assert_eq!(selected(line).unwrap(), expected, "{line}");
        }
        assert_eq!(selected(""), Ok(vec![]), "no list means all files");
    }

    #[test]
    fn a_selection_of_nothing_and_a_file_that_is_not_there_are_errors() {
        let nothing = selected("--include *.iso").unwrap_err();
        assert_eq!(nothing.message, "no file of the torrent is selected");
        let beyond = selected("--select-file 5").unwrap_err();
        assert_eq!(
            beyond.message,
            "there is no file 5, the torrent has 4 files"
        );
        assert!(renames(&metainfo(), &args("-O 5=x")).is_err());
    }

    #[test]
    fn new_names_stay_inside_the_directory() {
        for out in ["a/b", "..", ".", "/etc"] {
            assert!(name(&args(&format!("-o {out}"))).is_err(), "{out}");
        }
        assert_eq!(name(&args("-o x")).unwrap().as_deref(), Some("x"));
        for path in ["../x", "/x", "a/../../x"] {
            assert!(renames(&metainfo(), &args(&format!("-O 1={path}"))).is_err());
        }
        let renamed = renames(&metainfo(), &args("-O 2=d/x")).unwrap();
        assert_eq!(renamed, [(FileIndex(1), "d/x".into())]);
    }
}
