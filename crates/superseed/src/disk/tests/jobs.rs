//! What each job does.

use super::*;

#[test]
fn a_right_piece_is_written_and_proven_and_can_be_read() {
    let mut bench = Bench::new();
    let torrent = bench.add(Arc::new(MemoryStorage::new()), 3 * u64::from(PIECE_LEN));
    let report = bench.open(torrent);
    assert_eq!(report.unchecked.count(), 0);
    let piece = bytes(PIECE_LEN);
    let op = bench.write_piece(1, &piece, &piece);
    match bench.run(torrent, op) {
        DiskResult::Written {
            blocks,
            hasher,
            outcome: Ok(PieceVerdict::Verified(proof)),
        } => {
            assert_eq!((blocks.len(), proof.piece()), (2, PieceIndex(1)));
            assert!(hasher.is_none());
        }
        other => panic!("{other:?}"),
    }
    match bench.run(torrent, read(1, 10, 100)) {
        DiskResult::Read(Ok(got)) => assert_eq!(got, piece[10..110]),
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.wakes.load(Ordering::SeqCst), 3);
}

#[test]
fn a_wrong_piece_is_not_written() {
    let mut bench = Bench::new();
    let storage = Arc::new(MemoryStorage::new());
    let torrent = bench.add(Arc::clone(&storage) as _, u64::from(PIECE_LEN));
    bench.open(torrent);
    let op = bench.write_piece(0, &bytes(PIECE_LEN), b"something else");
    match bench.run(torrent, op) {
        DiskResult::Written {
            blocks,
            outcome: Ok(PieceVerdict::Mismatch),
            ..
        } => {
            assert_eq!(blocks.len(), 2);
        }
        other => panic!("{other:?}"),
    }
    let kept = storage.bytes(InfoHashes::V1(InfoHashV1([3; 20]))).unwrap();
    assert!(kept.iter().all(|byte| *byte == 0));
}

#[test]
fn a_piece_is_proven_over_runs_with_its_tail_read_back() {
    let mut bench = Bench::new();
    let torrent = bench.add(Arc::new(MemoryStorage::new()), u64::from(PIECE_LEN));
    bench.open(torrent);
    let piece = bytes(PIECE_LEN);
    let (head, tail) = piece.split_at(BLOCK_LEN as usize);
    // The tail comes first, unhashed; then the head; then the tail is read.
    let write = |bench: &mut Bench, begin, part: &[u8], hasher| {
        let blocks = bench.blocks(part);
        let piece = PieceIndex(0);
        let op = DiskOp::Write {
            piece,
            begin,
            blocks,
            hasher,
            expected: None,
        };
        match bench.run(torrent, op) {
            DiskResult::Written {
                hasher,
                outcome: Ok(PieceVerdict::Unfinished),
                ..
            } => hasher,
            other => panic!("{other:?}"),
        }
    };
    assert!(write(&mut bench, BLOCK_LEN, tail, None).is_none());
    let hasher = write(&mut bench, 0, head, Some(Box::new(PieceHasher::new()))).unwrap();
    let op = DiskOp::HashBack {
        piece: PieceIndex(0),
        begin: BLOCK_LEN,
        len: BLOCK_LEN,
        hasher,
        expected: Some(hash(&piece)),
    };
    match bench.run(torrent, op) {
        DiskResult::HashedBack {
            outcome: Ok(PieceVerdict::Verified(_)),
            ..
        } => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_piece_is_digested_block_by_block_from_disk_and_memory() {
    let mut bench = Bench::new();
    let storage = Arc::new(MemoryStorage::new());
    let piece = bytes(PIECE_LEN);
    storage.insert(InfoHashes::V1(InfoHashV1([3; 20])), piece.clone());
    let torrent = bench.add(storage, u64::from(PIECE_LEN));
    bench.open(torrent);
    let (head, tail) = piece.split_at(BLOCK_LEN as usize);
    let mut digest = |in_memory: &[u8], expected| {
        let op = DiskOp::Digest {
            piece: PieceIndex(0),
            unwritten: bench.blocks(in_memory),
            expected,
        };
        match bench.run(torrent, op) {
            DiskResult::Digested { unwritten, outcome } => (unwritten.len(), outcome),
            other => panic!("{other:?}"),
        }
    };
    let of = |head: &[u8], tail: &[u8]| vec![Sha1Hash::of(head), Sha1Hash::of(tail)];
    assert_eq!(digest(&[], None), (0, Ok(of(head, tail))));
    assert_eq!(digest(&[], Some(hash(&piece))), (0, Ok(of(head, tail))));
    let other = [9; BLOCK_LEN as usize];
    assert_eq!(digest(&other, None), (1, Ok(of(head, &other))));
    assert!(digest(&[], Some(hash(b"other"))).1.is_err(), "it changed");
}

#[test]
fn a_check_tells_right_wrong_and_zero_pieces_apart() {
    let mut bench = Bench::new();
    let storage = Arc::new(MemoryStorage::new());
    let piece = bytes(PIECE_LEN);
    let zeroes = vec![0; PIECE_LEN as usize];
    let last = [7; 5];
    let all = [&piece[..], &piece, &zeroes, &zeroes, &last].concat();
    let len = all.len() as u64;
    storage.insert(InfoHashes::V1(InfoHashV1([3; 20])), all);
    let torrent = bench.add(storage, len);
    bench.open(torrent);
    let pieces = [&piece[..], b"other", b"other", &zeroes, &last];
    let pieces = pieces
        .iter()
        .enumerate()
        .map(|(at, b)| (PieceIndex(at as u32), hash(b)));
    let op = DiskOp::Check {
        pieces: pieces.collect(),
    };
    let DiskResult::Checked(verdicts) = bench.run(torrent, op) else {
        panic!("not checked")
    };
    let kinds: Vec<_> = verdicts
        .iter()
        .map(|(piece, verdict)| match verdict {
            CheckVerdict::Verified(proof) => {
                assert_eq!(proof.piece(), *piece);
                "verified"
            }
            CheckVerdict::Mismatch { nonzero: true } => "wrong",
            CheckVerdict::Mismatch { nonzero: false } => "zero",
            CheckVerdict::Absent => "absent",
            CheckVerdict::Failed(_) => "failed",
        })
        .collect();
    assert_eq!(kinds, ["verified", "wrong", "zero", "verified", "verified"]);
}

#[test]
fn jobs_beyond_the_torrent_or_without_one_are_refused() {
    let mut bench = Bench::new();
    let torrent = bench.add(Arc::new(MemoryStorage::new()), u64::from(PIECE_LEN));
    let is_refused = |result: DiskResult| matches!(result, DiskResult::Read(Err(_)));
    assert!(
        is_refused(bench.run(torrent, read(0, 0, 1))),
        "not open yet"
    );
    bench.open(torrent);
    assert!(is_refused(bench.run(torrent, read(0, PIECE_LEN - 1, 2))));
    assert!(is_refused(bench.run(torrent, read(9, 0, 1))));
    assert!(matches!(
        bench.run(torrent, DiskOp::Close),
        DiskResult::Closed
    ));
    assert!(is_refused(bench.run(torrent, read(0, 0, 1))), "closed");
    let op = bench.write_piece(0, &bytes(PIECE_LEN), b"");
    match bench.run(torrent, op) {
        DiskResult::Written {
            blocks,
            outcome: Err(_),
            ..
        } => assert_eq!(blocks.len(), 2),
        other => panic!("{other:?}"),
    }
    let op = DiskOp::Digest {
        piece: PieceIndex(0),
        unwritten: bench.blocks(&bytes(100)),
        expected: None,
    };
    match bench.run(torrent, op) {
        DiskResult::Digested {
            unwritten,
            outcome: Err(_),
        } => assert_eq!(unwritten.len(), 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_chosen_before_the_torrent_is_open_are_remembered() {
    let mut bench = Bench::new();
    let temp = tempfile::tempdir().unwrap();
    let mut spec = spec(100);
    spec.dir = temp.path().join("downloads");
    spec.state_dir = temp.path().join("state");
    spec.files[0].len = 0;
    spec.files.push(StorageFile {
        path: "y".into(),
        len: 100,
        ..StorageFile::default()
    });
    let torrent = bench.torrents.insert(());
    let storage = Arc::new(crate::storage::fs::FileStorage::default());
    bench.pool.register(torrent, storage, spec);
    let op = DiskOp::SetWanted {
        wanted: vec![false, true],
    };
    assert!(matches!(
        bench.run(torrent, op),
        DiskResult::WantedSet(Ok(()))
    ));
    bench.open(torrent);
    assert!(!temp.path().join("downloads/x").exists());
}
