use super::*;

/// Lets everything happen until nothing is left, up to `until`.
fn run(net: &mut Net, until: Time) -> Vec<(Time, Notice)> {
    let mut queue = crate::queue::Queue::new();
    let mut notices = Vec::new();
    let mut now = Time::START;
    loop {
        for (at, event) in net.due.drain(..) {
            queue.push(at, event);
        }
        notices.extend(net.notices.drain(..).map(|notice| (now, notice)));
        if queue.next_at().is_none_or(|at| at > until) {
            return notices;
        }
        let (at, event) = queue.pop().unwrap();
        now = at;
        net.handle(event, at);
    }
}

fn link(up: Option<u64>, down: Option<u64>) -> LinkSpec {
    LinkSpec {
        up_bytes_per_s: up,
        down_bytes_per_s: down,
        latency: Duration::from_millis(10),
        send_buffer_bytes: 1 << 20,
        window_bytes: 1 << 20,
        ..LinkSpec::default()
    }
}

fn ip(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn at(seconds: u64) -> Time {
    Time::START + Duration::from_secs(seconds)
}

/// Two machines and an established stream between them.
fn pair(up: Option<u64>, down: Option<u64>) -> (Net, EndId, EndId) {
    let mut net = Net::new(Rng::new(1));
    let a = net.add_node(ip(1), 1, link(up, None));
    net.add_node(ip(2), 1, link(None, down));
    let from = net.connect(a, SocketAddr::new(ip(2), 1), Time::START);
    let notices = run(&mut net, at(1));
    assert!(
        notices
            .iter()
            .any(|(_, notice)| matches!(notice, Notice::Connected(..)))
    );
    (net, from, from.other())
}

fn read(net: &mut Net, end: EndId, max: usize, now: Time) -> Vec<u8> {
    let mut copy = Vec::new();
    let shared = net.read(end, max, &mut copy, now);
    shared.map_or(copy, Vec::from)
}

#[test]
fn bytes_arrive_in_order_after_the_time_that_the_narrower_link_takes() {
    for (up, down) in [
        (Some(100_000), None),
        (None, Some(100_000)),
        (Some(100_000), Some(200_000)),
    ] {
        let (mut net, from, to) = pair(up, down);
        let data: Bytes = (0..200_000u32).map(|at| at as u8).collect();
        for (nth, part) in data.chunks(7_000).enumerate() {
            match nth % 2 {
                0 => net.share(from, data.slice_ref(part)),
                _ => net.copy(from, part),
            }
        }
        net.push(from, at(1));
        let notices = run(&mut net, at(100));
        let last = notices.last().map(|(time, _)| time.since(at(1))).unwrap();
        assert!(last >= Duration::from_millis(2_000), "{last:?}");
        assert!(last <= Duration::from_millis(2_150), "{last:?}");
        let mut got = Vec::new();
        while net.readable(to) > 0 {
            got.extend_from_slice(&read(&mut net, to, 1_000, at(100)));
        }
        assert_eq!(got, data);
        assert_eq!(net.check_ledger().unwrap().received, 200_000);
    }
}

#[test]
fn two_streams_share_a_link_evenly() {
    let mut net = Net::new(Rng::new(1));
    let a = net.add_node(ip(1), 1, link(Some(100_000), None));
    net.add_node(ip(2), 1, link(None, None));
    net.add_node(ip(3), 1, link(None, None));
    let to = [ip(2), ip(3)];
    let ends = to.map(|to| net.connect(a, SocketAddr::new(to, 1), Time::START));
    run(&mut net, at(1));
    for end in ends {
        net.write(end, vec![0; 500_000].into(), at(1));
    }
    run(&mut net, at(6));
    let [one, two] = ends.map(|end| net.readable(end.other()) as f64);
    assert!((one / two - 1.0).abs() < 0.02, "{one} {two}");
    assert!(
        (450_000.0..=500_000.0).contains(&(one + two)),
        "{one} {two}"
    );
}

#[test]
fn small_writes_on_a_busy_uplink_leave_together_when_their_turn_comes() {
    let mut net = Net::new(Rng::new(1));
    let a = net.add_node(ip(1), 1, link(Some(1_000_000), None));
    net.add_node(ip(2), 1, link(None, None));
    net.add_node(ip(3), 1, link(None, None));
    let to = [ip(2), ip(3)];
    let [bulk, talk] = to.map(|to| net.connect(a, SocketAddr::new(to, 1), Time::START));
    run(&mut net, at(1));
    net.write(bulk, vec![0; 500_000].into(), at(1));
    for number in 0..100_u8 {
        net.write(talk, vec![number; 17].into(), at(1));
    }
    // Two turns of the bulk, which came first, then all of the talk.
    run(&mut net, at(1) + Duration::from_millis(60));
    let mut got = Vec::new();
    while net.readable(talk.other()) > 0 {
        got.extend_from_slice(&read(&mut net, talk.other(), usize::MAX, at(2)));
    }
    let sent: Vec<u8> = (0..100).flat_map(|number| [number; 17]).collect();
    assert_eq!(got, sent);
}

#[test]
fn a_reader_that_does_not_read_stops_the_sender() {
    let (mut net, from, to) = pair(None, None);
    for _ in 0..4 {
        let room = net.room(from);
        net.write(from, vec![0; room].into(), at(1));
        run(&mut net, at(2));
    }
    assert_eq!(net.room(from), 0);
    net.want_room(from);
    read(&mut net, to, usize::MAX, at(3));
    while net.readable(to) > 0 {
        read(&mut net, to, usize::MAX, at(3));
    }
    let notices = run(&mut net, at(4));
    assert!(
        notices
            .iter()
            .any(|(_, notice)| matches!(notice, Notice::Writable(..)))
    );
    net.check_ledger().unwrap();
}

#[test]
fn a_close_comes_after_the_data_and_a_reset_drops_it() {
    let (mut net, from, to) = pair(Some(10_000), None);
    net.write(from, vec![7; 5_000].into(), at(1));
    net.close(from, at(1));
    run(&mut net, at(10));
    assert!(!net.at_eof(to));
    while net.readable(to) > 0 {
        read(&mut net, to, usize::MAX, at(10));
    }
    assert!(net.at_eof(to));
    net.close(to, at(10));
    assert_eq!(net.streams.len(), 0);
    assert_eq!(net.check_ledger().unwrap().received, 5_000);

    let (mut net, from, to) = pair(Some(10_000), None);
    net.write(from, vec![7; 5_000].into(), at(1));
    net.reset(from, at(1));
    let notices = run(&mut net, at(10));
    assert!(matches!(notices.last(), Some((_, Notice::Reset(of))) if of.end == to));
    assert_eq!(net.streams.len(), 0);
    let ledger = net.check_ledger().unwrap();
    assert_eq!(
        (ledger.sent, ledger.received + ledger.dropped),
        (5_000, 5_000)
    );
}

#[test]
fn connecting_is_refused_ignored_or_goes_nowhere() {
    let mut net = Net::new(Rng::new(1));
    let a = net.add_node(ip(1), 1, link(None, None));
    let b = net.add_node(ip(2), 1, link(None, None));
    let outcome = |net: &mut Net, to: SocketAddr| {
        net.connect(a, to, Time::START);
        match run(net, at(200)).pop() {
            Some((at, Notice::ConnectFailed(_, why))) => (why, at.since(Time::START).as_secs()),
            _ => panic!("the connection was made"),
        }
    };
    let refused = (ConnectEnd::Refused, 0);
    let silent = (ConnectEnd::TimedOut, 127);
    assert_eq!(outcome(&mut net, SocketAddr::new(ip(2), 2)), refused);
    net.set_inbound(b, Inbound::Refused);
    assert_eq!(outcome(&mut net, SocketAddr::new(ip(2), 1)), refused);
    net.set_inbound(b, Inbound::Silent);
    assert_eq!(outcome(&mut net, SocketAddr::new(ip(2), 1)), silent);
    assert_eq!(outcome(&mut net, SocketAddr::new(ip(9), 1)), silent);
    assert_eq!(net.streams.len(), 0);
}

#[test]
fn a_byte_that_is_nowhere_is_found() {
    let (mut net, from, _) = pair(None, None);
    net.copy(from, &[0; 100]);
    net.push(from, at(1));
    assert_eq!(net.check_ledger().unwrap().sent, 100, "all are in the pipe");
    net.ledger.received += 1;
    net.check_ledger().unwrap_err();
    net.ledger.sent += 1;
    net.check_ledger().unwrap();
}
