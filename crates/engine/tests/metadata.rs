//! A torrent that is known by its info-hash only, until its metadata comes.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the verdict")]

use std::sync::Arc;

use superseed_engine::{
    Action, AddRefusal, AddTorrent, Command, DiskOp, Engine, Input, ListenerId, Outbox, Settings,
    Ticket, Time, TorrentKey, TorrentOptions, TorrentSource, TorrentState,
};
use superseed_proto::InfoHashes;
use superseed_proto::metainfo::{Format, Metainfo, TorrentBuilder};

fn metainfo(name: &str) -> Arc<Metainfo> {
    metainfo_of(name, Format::V1)
}

fn metainfo_of(name: &str, format: Format) -> Arc<Metainfo> {
    let torrent = TorrentBuilder::new(name, 16_384)
        .format(format)
        .single_file(20_000);
    Arc::new(
        Metainfo::parse(&torrent.hash_content(&[1; 20_000]).build()).expect("a torrent of our own"),
    )
}

fn command(engine: &mut Engine, command: Command) -> Vec<Action> {
    let mut out = Outbox::new();
    engine.handle(Input::Command(command), Time::START, &mut out);
    std::iter::from_fn(|| out.pop()).collect()
}

fn add(engine: &mut Engine, source: TorrentSource) -> Vec<Action> {
    let options = TorrentOptions::default();
    command(
        engine,
        Command::Add(Box::new(AddTorrent {
            ticket: Ticket(7),
            source,
            options,
        })),
    )
}

fn added(actions: &[Action]) -> TorrentKey {
    let Some(Action::Added {
        ticket: Ticket(7),
        torrent,
    }) = actions.first()
    else {
        panic!("not added: {actions:?}");
    };
    *torrent
}

fn opens_storage(actions: &[Action]) -> bool {
    actions
        .iter()
        .any(|action| matches!(action, Action::Disk(job) if matches!(job.op, DiskOp::Open)))
}

fn hands_out_metadata(actions: &[Action]) -> bool {
    actions
        .iter()
        .any(|action| matches!(action, Action::Metadata { .. }))
}

fn begin(engine: &mut Engine, torrent: TorrentKey) -> Vec<Action> {
    command(engine, Command::Begin(torrent, Box::default()))
}

#[test]
fn it_awaits_its_metadata_and_opens_its_storage_when_it_comes() {
    let mut engine = Engine::new(Settings::default(), [3; 32]);
    let (right, wrong) = (metainfo("right"), metainfo("wrong"));
    let actions = add(&mut engine, TorrentSource::InfoHashes(right.info_hashes));
    let torrent = added(&actions);
    assert!(!opens_storage(&actions));
    let stats = engine.torrent_stats(torrent, Time::START).unwrap();
    assert_eq!(
        (stats.state, stats.info_hashes),
        (TorrentState::AwaitingMetadata, right.info_hashes)
    );

    let twin = add(&mut engine, TorrentSource::Metainfo(Arc::clone(&right)));
    assert!(matches!(
        twin.as_slice(),
        [Action::AddRefused { reason: AddRefusal::Duplicate(known), .. }] if *known == torrent
    ));
    assert!(command(&mut engine, Command::ProvideMetadata(torrent, wrong)).is_empty());
    let provide = || Command::ProvideMetadata(torrent, Arc::clone(&right));
    let actions = command(&mut engine, provide());
    assert!(hands_out_metadata(&actions) && !opens_storage(&actions));
    assert!(command(&mut engine, provide()).is_empty());
    assert!(opens_storage(&begin(&mut engine, torrent)));
    assert_eq!(
        engine.torrent_stats(torrent, Time::START).unwrap().state,
        TorrentState::Opening
    );
    assert!(command(&mut engine, provide()).is_empty());
}

#[test]
fn it_can_be_removed_while_it_waits() {
    let mut engine = Engine::new(Settings::default(), [3; 32]);
    let hashes = metainfo("gone").info_hashes;
    let torrent = added(&add(&mut engine, TorrentSource::InfoHashes(hashes)));
    let actions = command(&mut engine, Command::Remove(torrent));
    assert!(matches!(actions.as_slice(), [Action::Removed { torrent: gone }] if *gone == torrent));
    added(&add(&mut engine, TorrentSource::InfoHashes(hashes)));
}

#[test]
fn it_does_not_begin_once_it_is_to_go() {
    let mut engine = Engine::new(Settings::default(), [3; 32]);
    let right = metainfo("right");
    let options = TorrentOptions {
        trackers: vec!["http://192.0.2.1/announce".to_owned()],
        ..TorrentOptions::default()
    };
    let listening = Input::Listening {
        listener: ListenerId(0),
        addr: "192.0.2.9:6881".parse().unwrap(),
    };
    engine.handle(listening, Time::START, &mut Outbox::new());
    let add = AddTorrent {
        ticket: Ticket(7),
        source: TorrentSource::InfoHashes(right.info_hashes),
        options,
    };
    let torrent = added(&command(&mut engine, Command::Add(Box::new(add))));
    command(&mut engine, Command::ProvideMetadata(torrent, right));
    // Its tracker is told first, so that it is still there.
    command(&mut engine, Command::Remove(torrent));
    assert!(engine.torrent_stats(torrent, Time::START).is_some());
    assert!(!opens_storage(&begin(&mut engine, torrent)));
}

#[test]
fn a_torrent_without_a_v1_half_is_refused_and_a_hybrid_is_taken() {
    let mut engine = Engine::new(Settings::default(), [3; 32]);
    let v2_only = metainfo_of("v2", Format::V2);
    let refused = add(&mut engine, TorrentSource::Metainfo(Arc::clone(&v2_only)));
    assert!(matches!(
        refused.as_slice(),
        [Action::AddRefused { reason: AddRefusal::V2Only(hash), .. }]
            if Some(*hash) == v2_only.info_hashes.v2()
    ));
    // By its hash alone it might be a hybrid; it awaits metadata with a v1 half.
    let actions = add(&mut engine, TorrentSource::InfoHashes(v2_only.info_hashes));
    let torrent = added(&actions);
    assert!(command(&mut engine, Command::ProvideMetadata(torrent, v2_only)).is_empty());
    let stats = engine.torrent_stats(torrent, Time::START).unwrap();
    assert_eq!(stats.state, TorrentState::AwaitingMetadata);

    let hybrid = metainfo_of("hybrid", Format::Hybrid);
    let by_v2 = InfoHashes::V2(hybrid.info_hashes.v2().unwrap());
    let torrent = added(&add(&mut engine, TorrentSource::InfoHashes(by_v2)));
    let actions = command(&mut engine, Command::ProvideMetadata(torrent, hybrid));
    assert!(hands_out_metadata(&actions));
    assert!(opens_storage(&begin(&mut engine, torrent)));
}
