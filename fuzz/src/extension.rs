//! Payloads of the extension protocol: what is read is bounded, and written
//! again says the same.

use superseed_proto::wire::{DontHave, ExtendedHandshake, MetadataMessage, UploadOnly};

/// Checks one input as the payload of every extension message there is.
pub fn check(bytes: &[u8]) {
    handshake(bytes);
    metadata(bytes);
    small(bytes);
}

fn handshake(bytes: &[u8]) {
    if let Ok(handshake) = ExtendedHandshake::decode(bytes) {
        let written = handshake.encode();
        assert_eq!(ExtendedHandshake::decode(&written), Ok(handshake));
    }
}

fn metadata(bytes: &[u8]) {
    let Ok(message) = MetadataMessage::decode(bytes) else {
        return;
    };
    if let MetadataMessage::Data { block, .. } = message {
        assert!(bytes.ends_with(block) && block.len() < bytes.len());
    }
    assert_eq!(MetadataMessage::decode(&message.encode()), Ok(message));
}

fn small(bytes: &[u8]) {
    if let Some(message) = DontHave::decode(bytes) {
        assert_eq!(message.encode(), bytes);
    }
    if let Some(message) = UploadOnly::decode(bytes) {
        assert_eq!(UploadOnly::decode(&message.encode()), Some(message));
    }
}
