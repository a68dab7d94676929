//! Serving our metadata to peers that ask for it (BEP 9).

use superseed_proto::wire::{METADATA_BLOCK_LEN, Message, MetadataMessage};

use super::Torrent;
use crate::engine::shared::Cx;
use crate::fault::PeerFault;
use crate::ids::ConnKey;
use crate::limits::METADATA_LEN_MAX;
use crate::metadata::block_count;

/// Blocks are queued as long as fewer bytes than this wait for the stream.
const QUEUED_BYTES: usize = 2 * METADATA_BLOCK_LEN as usize;

impl Torrent {
    /// The length of the metadata that we serve, in bytes.
    pub(super) fn metadata_len(&self) -> Option<u32> {
        let len = u32::try_from(self.metainfo.raw_info.len()).ok()?;
        (len <= METADATA_LEN_MAX).then_some(len)
    }

    /// Takes a message of metadata exchange. Nothing was asked here: all is
    /// known.
    pub(super) fn metadata_message(
        &mut self,
        cx: &mut Cx<'_>,
        key: ConnKey,
        payload: &[u8],
    ) -> Result<(), PeerFault> {
        let message = MetadataMessage::decode(payload).map_err(|_| PeerFault::BadExtension)?;
        let MetadataMessage::Request { piece } = message else {
            return Ok(());
        };
        let blocks = self.metadata_len().map(block_count);
        let blocks = blocks.filter(|blocks| piece < *blocks);
        let blocks = blocks.ok_or(PeerFault::BadMetadataPiece)?;
        let Some(conn) = cx.conns.get_mut(key) else {
            return Ok(());
        };
        let Some(peer) = conn.peer_mut() else {
            return Ok(());
        };
        // Before its extension handshake a peer cannot be answered.
        let Some(id) = peer.about.extensions.ut_metadata else {
            return Ok(());
        };
        if peer.metadata.get_or_insert_default().ask(piece, blocks) {
            self.send_metadata(cx, key);
        } else {
            let payload = MetadataMessage::Reject { piece }.encode();
            conn.send(&Message::Extended {
                id,
                payload: &payload,
            });
            cx.want_write(key);
        }
        Ok(())
    }

    /// Queues what the stream can take of the blocks that a peer asked for.
    pub(crate) fn send_metadata(&self, cx: &mut Cx<'_>, key: ConnKey) {
        let Some(conn) = cx.conns.get_mut(key) else {
            return;
        };
        let mut any = false;
        while conn.outgoing.message_bytes() < QUEUED_BYTES {
            let Some(peer) = conn.peer_mut() else { break };
            let Some(piece) = peer.metadata.as_mut().and_then(|asked| asked.next()) else {
                break;
            };
            // It may have turned the extension off since.
            let Some(id) = peer.about.extensions.ut_metadata else {
                continue;
            };
            let raw = &self.metainfo.raw_info;
            let start = piece as usize * METADATA_BLOCK_LEN as usize;
            let end = raw.len().min(start + METADATA_BLOCK_LEN as usize);
            let message = MetadataMessage::Data {
                piece,
                total_len: self.metadata_len(),
                block: &raw[start..end],
            };
            conn.send(&Message::Extended {
                id,
                payload: &message.encode(),
            });
            any = true;
        }
        if any {
            cx.want_write(key);
        }
    }
}
