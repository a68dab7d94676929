//! The DHT of a session (BEP 5): look-ups that are nobody's torrent, and the
//! items that it stores (BEP 44).

use std::net::SocketAddr;
use std::sync::Arc;

use superseed_engine::Command;
use superseed_engine::dht::{Found, Goal, NodeStats};
use superseed_proto::SwarmKey;
use superseed_proto::krpc::{Item, MutableItem, MutableKey, NodeId, target_of};
use tokio::sync::oneshot;

use super::error::{Gone, PutError};
use super::request::{Link, Request};

/// The DHT as a session takes part in it. A handle is cheap to clone.
///
/// All methods wait for an answer of the network, some seconds mostly, and for
/// none if the session takes no part ([`crate::Settings::dht`]).
///
/// ```no_run
/// # async fn example(session: superseed::Session) -> Result<(), Box<dyn std::error::Error>> {
/// let dht = session.dht();
/// let target = dht.put_immutable(b"12:Hello World!".to_vec()).await?;
/// assert!(dht.get_immutable(target).await?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Dht {
    link: Arc<Link>,
}

impl Dht {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    /// Peers of a swarm. We are not announced as one.
    pub async fn peers(&self, swarm: SwarmKey) -> Result<Vec<SocketAddr>, Gone> {
        Ok(self.look_up(Goal::Peers(swarm)).await?.peers)
    }

    /// The value, as bencode, of which `target` is the hash; `None` if it was not
    /// found.
    pub async fn get_immutable(&self, target: [u8; 20]) -> Result<Option<Vec<u8>>, Gone> {
        let goal = Goal::Get {
            target: NodeId(target),
            salt: Vec::new(),
        };
        let found = self.look_up(goal).await?;
        Ok(match found.item {
            Some(Item::Immutable(value)) => Some(value),
            _ => None,
        })
    }

    /// Stores a value, canonical bencode of at most 1,000 bytes, for some two
    /// hours. Returns the hash by which it is found.
    ///
    /// # Errors
    /// If it cannot be stored at all, or nobody did.
    pub async fn put_immutable(&self, value: Vec<u8>) -> Result<[u8; 20], PutError> {
        let item = Item::Immutable(value);
        let target = item.target().0;
        self.put(item, None).await?;
        Ok(target)
    }

    /// The newest item of a key and a salt, which is empty for most; `None` if
    /// there is none. Its signature is right.
    pub async fn get_mutable(
        &self,
        key: [u8; 32],
        salt: &[u8],
    ) -> Result<Option<MutableItem>, Gone> {
        let goal = Goal::Get {
            target: target_of(&MutableKey(key), salt),
            salt: salt.to_vec(),
        };
        let found = self.look_up(goal).await?;
        Ok(match found.item {
            Some(Item::Mutable(item)) => Some(item),
            _ => None,
        })
    }

    /// Stores an item that was [signed](MutableItem::sign), for some two hours;
    /// with `cas` only where that is the sequence number of the one that is
    /// stored. Returns how many nodes did.
    ///
    /// # Errors
    /// If it cannot be stored at all, or nobody did: with `cas`, somebody else
    /// may have stored a newer one.
    pub async fn put_mutable(&self, item: MutableItem, cas: Option<i64>) -> Result<u32, PutError> {
        self.put(Item::Mutable(item), cas).await
    }

    /// Asks whether there is a node, by its name or address and port; if so it
    /// becomes one of those that are known.
    pub async fn add_node(&self, host: &str, port: u16) -> Result<(), Gone> {
        let command = Command::AddNode(host.to_owned(), port);
        self.link.order(None, command).await
    }

    /// What each of our nodes is and did; there is one for each address that the
    /// session listens on.
    pub async fn stats(&self) -> Result<Vec<NodeStats>, Gone> {
        self.link.ask(superseed_engine::Engine::dht_stats).await
    }

    async fn put(&self, item: Item, cas: Option<i64>) -> Result<u32, PutError> {
        item.check()?;
        match self.look_up(Goal::Put { item, cas }).await?.stored {
            0 => Err(PutError::Nobody),
            stored => Ok(stored),
        }
    }

    async fn look_up(&self, goal: Goal) -> Result<Found, Gone> {
        let (reply, answer) = oneshot::channel();
        let goal = Box::new(goal);
        self.link.send(Request::LookUp { goal, reply }).await?;
        answer.await.map_err(|_| Gone::Session)
    }
}
