//! Encrypted streams (MSE): what came decides whether a stream is one, who opens
//! it is told which torrent it is for, and what lies behind it is opened.
//!
//! ```text
//!  no handshake of BEP 3 ──▶ Acceptor ─┐
//!  Lasting::speak_first ──▶ Initiator ─┴─ keys ── the torrent ──▶ Handshaking
//! ```
//!
//! A stream that does not begin as a plain handshake is read as an encrypted
//! one, with the bytes that were taken already: nobody is called a second time.

use rand_chacha::ChaCha12Rng;
use rand_core::Rng;
use superseed_proto::mse::{
    Acceptor, CryptoMethod, Initiator, MseFault, PAD_LEN_MAX, Pads, PublicKey, Secret, Step,
};
use superseed_proto::wire::WireFault;

use super::Engine;
use super::shared::Cx;
use crate::action::{Action, Outbox};
use crate::candidates::Way;
use crate::fault::PeerFault;
use crate::ids::ConnKey;
use crate::peer::{Conn, Phase, Securing, Side};
use crate::time::Time;
use crate::work::Keys;

/// The exponent of one side of one stream.
fn secret(rng: &mut ChaCha12Rng) -> Secret {
    let mut secret = [0; 20];
    rng.fill_bytes(&mut secret);
    Secret(secret)
}

/// Padding as long as chance says, so that no two handshakes look alike.
fn pads(rng: &mut ChaCha12Rng) -> Pads {
    let mut len = || rng.next_u32() as usize % (PAD_LEN_MAX + 1);
    let (first, second_len) = (len(), len());
    let mut first = vec![0; first];
    rng.fill_bytes(&mut first);
    Pads { first, second_len }
}

impl Cx<'_> {
    /// Begins to encrypt a stream that we opened for `swarm`; our handshake goes
    /// with it.
    pub(crate) fn encrypt(&mut self, key: ConnKey, swarm: superseed_proto::SwarmKey) {
        let handshake = self.handshake(key, swarm).encode().to_vec();
        let methods = self.shared.settings.encryption.outgoing.methods();
        let rng = &mut self.shared.encryption;
        let (secret, pads) = (secret(rng), pads(rng));
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        // It is a part of what is queued below.
        conn.handshake_left = 0;
        conn.swarm = Some(swarm);
        let half = Initiator::new(swarm, methods, handshake, pads);
        let securing = Securing::new(Side::Initiator(half), secret, self.now);
        let job = securing.keys_for(None);
        conn.phase = Phase::Securing(Box::new(securing));
        self.compute_keys(key, job);
    }
}

impl Engine {
    /// Whether a stream that is no handshake may be an encrypted one.
    pub(super) fn may_be_encrypted(&self, key: ConnKey, fault: WireFault) -> bool {
        let policy = self.shared.settings.encryption.incoming;
        let unknown = |conn: &Conn| conn.incoming && conn.secure.is_none();
        matches!(fault, WireFault::WrongProtocol { .. })
            && policy.allows(Way::Encrypted)
            && self.conns.get(key).is_some_and(unknown)
    }

    /// Whether a plain handshake may come on this stream of a stranger.
    pub(super) fn may_be_plain(&self, conn: &Conn) -> bool {
        let secure = conn.secure.as_ref();
        let encrypted = secure.is_some_and(|secure| secure.method == CryptoMethod::Rc4);
        encrypted || self.shared.settings.encryption.incoming.allows(Way::Plain)
    }

    /// Goes on with a stranger's stream as with an encrypted one, of which `seen`
    /// was taken for the beginning of a handshake.
    pub(super) fn accept_encrypted(
        &mut self,
        key: ConnKey,
        seen: &[u8],
        input: &[u8],
        now: Time,
        out: &mut Outbox,
    ) {
        let policy = self.shared.settings.encryption.incoming;
        let rng = &mut self.shared.encryption;
        let (secret, pads) = (secret(rng), pads(rng));
        let half = Acceptor::new(seen, policy.methods(), policy.preferred(), pads);
        let securing = Securing::new(Side::Acceptor(half), secret, now);
        if let Some(conn) = self.conns.get_mut(key) {
            conn.phase = Phase::Securing(Box::new(securing));
            self.unveil(key, input, now, out);
        }
    }

    /// Takes bytes that are no messages before they are opened.
    pub(super) fn unveil(&mut self, key: ConnKey, mut input: &[u8], now: Time, out: &mut Outbox) {
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        if let Phase::Securing(_) = &conn.phase {
            match self.secure(key, &mut input, now, out) {
                Ok(true) if !input.is_empty() => {}
                Ok(_) => return,
                Err(fault) => return self.fault(key, PeerFault::Encryption(fault), now, out),
            }
        }
        let conn = self.conns.get_mut(key);
        let Some(secure) = conn.and_then(|conn| conn.secure.as_mut()) else {
            return;
        };
        let mut opened = std::mem::take(&mut self.shared.opened);
        opened.clear();
        secure.open.append(input, &mut opened);
        self.read(key, &opened, None, now, out);
        self.shared.opened = opened;
    }

    /// Reads on in an encrypted handshake. True when it is whole; what is left of
    /// the input lies behind it.
    fn secure(
        &mut self,
        key: ConnKey,
        input: &mut &[u8],
        now: Time,
        out: &mut Outbox,
    ) -> Result<bool, MseFault> {
        loop {
            let Some(conn) = self.conns.get_mut(key) else {
                return Ok(false);
            };
            let Phase::Securing(securing) = &mut conn.phase else {
                return Ok(true);
            };
            match securing.read(input)? {
                Step::NeedInput => return Ok(false),
                Step::Send(bytes) => self.send_secret(key, &bytes, now, out),
                Step::NeedKeys(remote) => self.need_keys(key, remote, now, out),
                Step::WhichTorrent(name) => {
                    securing.torrent(self.swarms.by_obfuscated(&name))?;
                }
                Step::Established(established) => {
                    let secure = securing.over(*established, conn.outgoing.len());
                    conn.secure = Some(Box::new(secure));
                    conn.phase = Phase::Handshaking(Box::default());
                }
            }
        }
    }

    /// The remote's public key is here: ours and the shared secret are computed,
    /// unless it is a stranger and there are too many of them.
    fn need_keys(&mut self, key: ConnKey, remote: Box<PublicKey>, now: Time, out: &mut Outbox) {
        let Some(conn) = self.conns.get(key) else {
            return;
        };
        if conn.incoming && !self.shared.keys.admit(conn.remote.ip(), now) {
            return self.refuse_stranger(key, out);
        }
        if let Phase::Securing(securing) = &conn.phase {
            let job = securing.keys_for(Some(remote));
            self.cx(now, out).compute_keys(key, job);
        }
    }

    /// Keys were computed for a connection, which may be gone.
    pub(super) fn keys_came(&mut self, key: ConnKey, keys: Keys, now: Time, out: &mut Outbox) {
        self.cx(now, out).keys_ended();
        let Some(conn) = self.conns.get_mut(key) else {
            return;
        };
        let Phase::Securing(securing) = &mut conn.phase else {
            return;
        };
        match securing.keys(keys, now) {
            Ok(bytes) => {
                self.send_secret(key, &bytes, now, out);
                out.push(Action::WantRead { conn: key });
            }
            Err(fault) => self.fault(key, PeerFault::Encryption(fault), now, out),
        }
    }

    /// Sends bytes of our half of an encrypted handshake.
    fn send_secret(&mut self, key: ConnKey, bytes: &[u8], now: Time, out: &mut Outbox) {
        if let Some(conn) = self.conns.get_mut(key) {
            conn.push_handshake(bytes);
            self.cx(now, out).want_write(key);
        }
    }

    fn cx<'a>(&'a mut self, now: Time, out: &'a mut Outbox) -> Cx<'a> {
        Cx {
            now,
            conns: &mut self.conns,
            shared: &mut self.shared,
            out,
        }
    }
}
