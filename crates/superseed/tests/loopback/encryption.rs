//! Encrypted streams between real sessions.

use superseed::{Config, CryptoMethod, Encryption, EncryptionPolicy, RateLimits, Session};

use crate::world::{Content, run};

fn session(policy: EncryptionPolicy) -> Session {
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        ..Config::default()
    };
    config.settings.encryption = Encryption {
        incoming: policy,
        outgoing: policy,
    };
    Session::start(config).unwrap()
}

async fn transfer(from: EncryptionPolicy, to: EncryptionPolicy, wanted: Option<CryptoMethod>) {
    let content = Content::single("secret.bin", 3_000_001, 64 * 1024);
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (seeder, leecher) = (session(from), session(to));
    let seed = content.seed(&seeder, here.path()).await;
    // It lasts long enough to be looked at.
    let limits = RateLimits {
        upload_bytes_per_s: Some(3 << 20),
        ..RateLimits::default()
    };
    seed.set_limits(limits).await.unwrap();
    let torrent = content.add(&leecher, there.path()).await;
    torrent.add_peer(seeder.listen_addrs()[0]).await.unwrap();
    let peer = loop {
        if let Some(peer) = torrent.peers().await.unwrap().pop() {
            break peer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(peer.encryption, wanted, "{from:?} {to:?}");
    torrent.wait_complete().await.unwrap();
    leecher.stop().await;
    seeder.stop().await;
    content.assert_in(there.path());
}

#[test]
fn sessions_that_require_encryption_have_it_from_those_that_allow_it() {
    use EncryptionPolicy::{Allow, Prefer, Require};
    run(async {
        transfer(Allow, Require, Some(CryptoMethod::Rc4)).await;
        // The plain stream is refused, and the other way is tried.
        transfer(Require, Allow, Some(CryptoMethod::Rc4)).await;
        transfer(Allow, Prefer, Some(CryptoMethod::Plain)).await;
        transfer(Allow, Allow, None).await;
    });
}
