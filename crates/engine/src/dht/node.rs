//! One node of ours: one family of addresses on one listener.
//!
//! Each has an id, a table and a store of its own (BEP 32, BEP 45), and answers
//! leave by the socket that their questions came to.

use core::net::{IpAddr, SocketAddr};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand_chacha::ChaCha12Rng;
use rand_core::Rng;
use superseed_proto::krpc::{
    Item, Kind, Message, NodeAddr, NodeId, PACKET_LEN_MAX, Query, QueryFault, Response,
    Transaction, Version, Want,
};

use super::announce::Turns;
use super::contact::{Contact, FAILURES_BAD};
use super::refresh::Refresh;
use super::rpc::{Purpose, Rpc, SearchId};
use super::search::{Found, Goal, Owner, Search};
use super::server::{Known, Server};
use super::table::{K, Table};
use super::{DhtAction, Wish};
use crate::candidates::{is_peer, is_peer_or_name};
use crate::ids::{ListenerId, Ticket};
use crate::limits::DHT_HINTS_MAX;
use crate::time::Time;

/// Who we are, in every packet (`v`): our letters of BEP 20, and our version.
const VERSION: Version = Version(*b"SS\x01\x00");

/// The longest answer with an item: its value alone may be almost as long as
/// BEP 32 wants packets, and what is shorter than this is not cut in two.
const ITEM_PACKET_LEN_MAX: usize = 1_400;

/// Between two changes of our id, each of which makes us a stranger to all.
const ID_CHANGE_MIN: Duration = Duration::from_secs(10 * 60);

/// What a node may touch of what all share, at one moment.
pub(super) struct Cx<'a> {
    pub(super) now: Time,
    pub(super) random: &'a mut ChaCha12Rng,
    pub(super) out: &'a mut Vec<DhtAction>,
    /// We answer nothing, and say so.
    pub(super) read_only: bool,
    /// There is a node of the other family.
    pub(super) has_other_family: bool,
    pub(super) wish: &'a mut dyn FnMut(crate::ids::TorrentKey) -> Option<Wish>,
}

/// Somebody who may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hint {
    pub(super) addr: SocketAddr,
    pub(super) id: Option<NodeId>,
}

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) listener: ListenerId,
    pub(super) local: SocketAddr,
    /// What torrents are announced with.
    pub(super) port: u16,
    pub(super) id: NodeId,
    pub(super) table: Table,
    pub(super) rpc: Rpc,
    pub(super) server: Server,
    pub(super) searches: BTreeMap<SearchId, Search>,
    next_search: u32,
    pub(super) hints: VecDeque<Hint>,
    pub(super) refresh: Refresh,
    pub(super) turns: Turns,
    /// Our address, as others see it.
    pub(super) ours: Option<IpAddr>,
    id_changed: Option<Time>,
    /// When routers are asked next, if nobody answers.
    pub(super) routers_at: Time,
    pub(super) routers_tried: u32,
    /// When something that had to wait may be sent.
    pub(super) wake: Time,
    /// Look-ups of users that ended.
    pub(super) found: Vec<(Ticket, Found)>,
    pub(super) asked: u64,
    pub(super) answered: u64,
}

impl Node {
    pub(super) fn new(
        (listener, local): (ListenerId, SocketAddr),
        bytes_per_s: u64,
        random: &mut ChaCha12Rng,
        now: Time,
    ) -> Self {
        let mut id = [0; 20];
        random.fill_bytes(&mut id);
        let id = NodeId(id);
        Self {
            listener,
            local,
            port: local.port(),
            id,
            table: Table::new(id),
            rpc: Rpc::new(bytes_per_s, now),
            server: Server::new(bytes_per_s, random, now),
            searches: BTreeMap::new(),
            next_search: 0,
            hints: VecDeque::new(),
            refresh: Refresh::new(),
            turns: Turns::new(now),
            ours: None,
            id_changed: None,
            routers_at: now,
            routers_tried: 0,
            wake: Time::NEVER,
            found: Vec::new(),
            asked: 0,
            answered: 0,
        }
    }

    /// Takes the id of an earlier run, if it may, and whom that knew.
    pub(super) fn restore(&mut self, id: Option<NodeId>, known: &[NodeAddr], now: Time) {
        if let Some(id) = id {
            self.take_id(id, now);
        }
        for &node in known {
            if self.is_usable(node.addr) {
                self.table.restore(node);
            }
        }
        // They have their chance first; most will answer at once.
        self.routers_at = now + Duration::from_secs(1);
    }

    /// Our address is known.
    pub(super) fn set_ours(&mut self, ip: IpAddr, cx: &mut Cx<'_>) {
        self.ours = Some(ip);
        self.fit_id(cx);
    }

    /// Replaces an id that is not of our address, now or as soon as it may.
    pub(super) fn fit_id(&mut self, cx: &mut Cx<'_>) {
        let is_soon = |at: Time| cx.now.since(at) < ID_CHANGE_MIN;
        let Some(ip) = self.ours else { return };
        if self.id.fits(ip) || self.id_changed.is_some_and(is_soon) {
            return;
        }
        let mut random = [0; 20];
        cx.random.fill_bytes(&mut random);
        self.id_changed = Some(cx.now);
        self.take_id(NodeId::of_ip(ip, random), cx.now);
    }

    fn take_id(&mut self, id: NodeId, now: Time) {
        self.id = id;
        self.table.rehome(id);
        self.refresh.moved(now);
    }

    /// Whether nobody that answered is left to ask.
    pub(super) fn is_starving(&self) -> bool {
        let mut contacts = self.table.contacts();
        !contacts.any(|contact| contact.is_confirmed() && contact.failures < FAILURES_BAD)
    }

    /// Notes an address where a node may be.
    pub(super) fn hint(&mut self, hint: Hint) {
        if self.is_usable(hint.addr) {
            self.note(hint);
        }
    }

    /// Notes where a node is that was named by its name.
    pub(super) fn hint_of_name(&mut self, addr: SocketAddr) {
        if self.may_be_asked(addr) {
            self.note(Hint { addr, id: None });
        }
    }

    fn note(&mut self, hint: Hint) {
        let is_known = self.hints.iter().any(|known| known.addr == hint.addr);
        if !is_known && self.hints.len() < DHT_HINTS_MAX {
            self.hints.push_back(hint);
        }
    }

    pub(super) fn is_of_family(&self, addr: SocketAddr) -> bool {
        addr.is_ipv4() == self.local.is_ipv4()
    }

    /// Whether an address can be another node's, by whoever names it.
    pub(super) fn is_usable(&self, addr: SocketAddr) -> bool {
        self.may_be_asked(addr) && is_peer(addr)
    }

    /// Whether an address can be another node's where a name was looked up, for
    /// which it may stand.
    pub(super) fn may_be_asked(&self, addr: SocketAddr) -> bool {
        let ours = self.ours.unwrap_or(self.local.ip());
        let is_own = addr.port() == self.local.port() && addr.ip() == ours;
        self.is_of_family(addr) && is_peer_or_name(addr) && !is_own
    }

    /// Whom to begin a look-up with.
    pub(super) fn begin_with(&self, target: &NodeId) -> Vec<NodeAddr> {
        const ENOUGH: usize = 4 * K;
        let of_table = self.table.closest(target, ENOUGH);
        let mut nodes: Vec<_> = of_table.into_iter().map(Contact::node).collect();
        if nodes.len() < ENOUGH
            && let Some(home) = self.home()
        {
            // We have only just begun: whom the first answer named will do.
            nodes.extend(home.frontier.closest_to(target, ENOUGH));
        }
        nodes
    }

    fn home(&self) -> Option<&Search> {
        self.searches
            .values()
            .find(|search| search.owner == Owner::Home)
    }

    /// How many look-ups run that are not the node's own.
    pub(super) fn ordered(&self) -> usize {
        let is_ordered = |search: &&Search| !matches!(search.owner, Owner::Home | Owner::Far);
        self.searches.values().filter(is_ordered).count()
    }

    /// Begins a look-up. Without anybody to ask it ends at the next poll.
    pub(super) fn begin(&mut self, goal: Goal, owner: Owner, now: Time) -> &mut Search {
        let mut search = Search::new(goal, owner, now);
        for node in self.begin_with(&search.goal.target()) {
            search.frontier.add(node, true);
        }
        let id = SearchId(self.next_search);
        self.next_search = self.next_search.wrapping_add(1);
        self.wake = now;
        self.searches.entry(id).or_insert(search)
    }

    /// Looks up our own id, beginning with these as well.
    pub(super) fn look_home(&mut self, named: &[NodeAddr], cx: &mut Cx<'_>) {
        let running = self
            .searches
            .iter()
            .find_map(|(id, search)| (search.owner == Owner::Home).then_some(*id));
        if running.is_none() {
            let known = self.table.len();
            self.refresh.began_home(known, cx.random, cx.now);
            self.begin(Goal::Nodes(self.id), Owner::Home, cx.now);
        }
        let home = self
            .searches
            .values_mut()
            .find(|search| search.owner == Owner::Home);
        if let Some(home) = home {
            for &node in named {
                home.frontier.add(node, false);
            }
        }
        self.wake = cx.now;
    }

    /// Asks somebody something. Says when to try again, if not now.
    pub(super) fn ask(
        &mut self,
        (to, id): (SocketAddr, Option<NodeId>),
        query: Query,
        purpose: Purpose,
        cx: &mut Cx<'_>,
    ) -> Result<(), Time> {
        self.rpc.may_ask(to, cx.now)?;
        let number = loop {
            let number = cx.random.next_u32();
            if !self.rpc.is_out(number) {
                break number;
            }
        };
        let message = Message {
            transaction: Transaction::from(number),
            version: Some(VERSION),
            read_only: cx.read_only,
            ip: None,
            kind: Kind::Query { id: self.id, query },
        };
        // The longest question stores an item, whose parts are bounded: it is sent
        // whole, since nothing of it could be left out.
        let Ok(bytes) = message.encode_within(usize::MAX) else {
            return Ok(());
        };
        self.rpc.may_send(bytes.len(), cx.now)?;
        let round_trip = id.and_then(|id| self.table.get(&id)?.round_trip);
        self.rpc.sent(number, (to, id), purpose, round_trip, cx.now);
        if let Some(id) = id {
            self.table.asking(&id, cx.now);
        }
        self.asked += 1;
        cx.out.push(DhtAction::Send {
            listener: self.listener,
            to,
            bytes,
        });
        Ok(())
    }

    /// Nodes of which families an answer should name: both only as long as we
    /// know few (BEP 32).
    pub(super) fn want(&self, cx: &Cx<'_>) -> Want {
        let both = cx.has_other_family && self.table.len() < K;
        Want { v4: both, v6: both }
    }

    /// Answers a question that was read.
    pub(super) fn on_query(
        &mut self,
        from: SocketAddr,
        (message, id, query): (&Message, NodeId, Query),
        other_family: Option<Vec<NodeAddr>>,
        cx: &mut Cx<'_>,
    ) {
        let is_item = matches!(query, Query::Get { .. });
        let known = Known {
            table: &self.table,
            other_family,
        };
        let answer = self
            .server
            .answer(from, query, (self.id, known), cx.random, cx.now);
        match answer {
            Some(Ok(response)) => self.reply(from, message.transaction, response, is_item, cx),
            Some(Err(fault)) => self.refuse(from, message.transaction, &fault, cx),
            None => {}
        }
        let node = NodeAddr { id, addr: from };
        if !message.read_only && self.is_usable(from) && self.table.asked_us(node, cx.now) {
            self.hint(Hint {
                addr: from,
                id: Some(id),
            });
        }
    }

    fn reply(
        &mut self,
        to: SocketAddr,
        transaction: Transaction,
        response: Response,
        is_item: bool,
        cx: &mut Cx<'_>,
    ) {
        let len_max = match is_item && response.value.is_some() {
            true => ITEM_PACKET_LEN_MAX,
            false => PACKET_LEN_MAX,
        };
        let message = Message {
            transaction,
            version: Some(VERSION),
            read_only: false,
            ip: Some(to),
            kind: Kind::Response(Box::new(response)),
        };
        if let Ok(bytes) = message.encode_within(len_max) {
            self.send_answer(to, bytes, cx);
        }
    }

    /// Tells somebody what is wrong with its question.
    pub(super) fn refuse(
        &mut self,
        to: SocketAddr,
        transaction: Transaction,
        fault: &QueryFault,
        cx: &mut Cx<'_>,
    ) {
        if let Ok(bytes) = Message::refusal(transaction, Some(VERSION), to, fault).encode() {
            self.send_answer(to, bytes, cx);
        }
    }

    fn send_answer(&mut self, to: SocketAddr, bytes: Vec<u8>, cx: &mut Cx<'_>) {
        if self.server.guard.may_answer(bytes.len(), cx.now) {
            self.answered += 1;
            cx.out.push(DhtAction::Send {
                listener: self.listener,
                to,
                bytes,
            });
        }
    }

    /// The item of ours that a user looks for, if we store it.
    pub(super) fn own_item(&self, goal: &Goal, now: Time) -> Option<Item> {
        let Goal::Get { target, .. } = goal else {
            return None;
        };
        self.server.items.get(target, now).cloned()
    }
}
