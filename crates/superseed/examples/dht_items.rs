//! Stores items in the DHT (BEP 44), or looks them up, and prints a line of each.
//!
//! ```text
//! cargo run --release -p superseed --example dht_items -- LISTEN ROUTER VERB...
//!
//! put VALUE                            prints the hash by which it is found
//! get HASH                             prints the value
//! put-mutable SECRET SALT SEQ VALUE    prints the key by which it is found
//! get-mutable KEY SALT                 prints the sequence number and the value
//! stay                                 stays a node until it is killed
//! ```
//!
//! LISTEN and ROUTER are ADDR:PORT; hashes, keys and the secret are in hex, values
//! are bencode. Verbs may follow each other.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use superseed::{Config, Dht, MutableItem, Session};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let [listen, router, verbs @ ..] = &args[..] else {
        return Err("usage: dht_items LISTEN ROUTER VERB...".into());
    };
    let router: SocketAddr = router.parse()?;
    let mut config = Config {
        listen: vec![listen.parse()?],
        ..Config::default()
    };
    config.settings.dht.routers = Some([(router.ip().to_string(), router.port())].into());

    let session = Session::start(config)?;
    let dht = session.dht();
    while !is_ready(&dht).await? {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut rest = verbs;
    while !rest.is_empty() {
        rest = run(&dht, rest).await?;
    }
    session.stop().await;
    Ok(())
}

/// Does what the first verb says, and returns those that follow.
async fn run<'a>(dht: &Dht, verbs: &'a [&'a str]) -> Result<&'a [&'a str], Box<dyn Error>> {
    let rest = match verbs {
        ["put", value, rest @ ..] => {
            let target = dht.put_immutable(value.as_bytes().to_vec()).await?;
            println!("{}", hex(&target));
            rest
        }
        ["get", target, rest @ ..] => {
            let value = dht.get_immutable(bytes(target)?).await?;
            let value = value.ok_or("nobody has it")?;
            println!("{}", String::from_utf8_lossy(&value));
            rest
        }
        ["put-mutable", secret, salt, seq, value, rest @ ..] => {
            let (salt, value) = (salt.as_bytes(), value.as_bytes().to_vec());
            let item = MutableItem::sign(&bytes(secret)?, salt, seq.parse()?, value)?;
            let key = item.key.0;
            dht.put_mutable(item, None).await?;
            println!("{}", hex(&key));
            rest
        }
        ["get-mutable", key, salt, rest @ ..] => {
            let item = dht.get_mutable(bytes(key)?, salt.as_bytes()).await?;
            let item = item.ok_or("nobody has it")?;
            println!("{} {}", item.seq, String::from_utf8_lossy(&item.value));
            rest
        }
        ["stay", ..] => std::future::pending().await,
        _ => return Err(format!("cannot read '{}'", verbs.join(" ")).into()),
    };
    Ok(rest)
}

/// Whether our node knows those around it.
async fn is_ready(dht: &Dht) -> Result<bool, Box<dyn Error>> {
    let nodes = dht.stats().await?;
    Ok(nodes.iter().any(|node| node.good > 0 && node.searches == 0))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes<const N: usize>(hex: &str) -> Result<[u8; N], Box<dyn Error>> {
    let digits = hex.as_bytes();
    if digits.len() != 2 * N {
        return Err(format!("'{hex}' should be {} digits long", 2 * N).into());
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair)?, 16)?;
    }
    Ok(bytes)
}
