//! What streams to peers look like: `--encryption`.

use clap::Args;
use superseed::{Encryption, EncryptionPolicy};

/// What streams to peers look like.
#[derive(Args, Clone, Debug)]
pub(crate) struct EncryptionArgs {
    /// Whether streams of peers are encrypted: require, prefer, allow or off
    ///
    /// `in=` and `out=` say it for those that peers make and for those that we
    /// make, as in `in=allow,out=require`. Encryption hides what is spoken from
    /// devices on the way, and nothing from whoever knows the torrent.
    #[arg(long, value_name = "[in=|out=]WHAT", default_value = "allow", value_parser = encryption, help_heading = "Network")]
    pub(crate) encryption: Encryption,
}

/// What is wanted of both directions where nothing is said.
const ENCRYPTION: EncryptionPolicy = EncryptionPolicy::Allow;

fn encryption(text: &str) -> Result<Encryption, String> {
    let wrong = || {
        format!(
            "{text:?} is not require, prefer, allow or off, for both directions or as in=allow,out=require"
        )
    };
    let policy = |word: &str| match word.trim() {
        "require" => Ok(EncryptionPolicy::Require),
        "prefer" => Ok(EncryptionPolicy::Prefer),
        "allow" => Ok(EncryptionPolicy::Allow),
        "off" => Ok(EncryptionPolicy::Off),
        _ => Err(wrong()),
    };
    if !text.contains('=') {
        let both = policy(text)?;
        return Ok(Encryption {
            incoming: both,
            outgoing: both,
        });
    }
    let (mut incoming, mut outgoing) = (None, None);
    for part in text.split(',') {
        let (direction, word) = part.split_once('=').ok_or_else(wrong)?;
        let place = match direction.trim() {
            "in" => &mut incoming,
            "out" => &mut outgoing,
            _ => return Err(wrong()),
        };
        if place.replace(policy(word)?).is_some() {
            return Err(wrong());
        }
    }
    Ok(Encryption {
        incoming: incoming.unwrap_or(ENCRYPTION),
        outgoing: outgoing.unwrap_or(ENCRYPTION),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use EncryptionPolicy::{Allow, Off, Prefer, Require};

    #[test]
    fn encryption_is_wanted_of_both_directions_or_of_each() {
        let cases = [
            ("require", (Require, Require)),
            ("off", (Off, Off)),
            ("in=prefer", (Prefer, Allow)),
            ("out=off", (Allow, Off)),
            ("in=off, out=require", (Off, Require)),
        ];
        for (text, (incoming, outgoing)) in cases {
            let wanted = Encryption { incoming, outgoing };
            assert_eq!(encryption(text), Ok(wanted), "{text}");
        }
        for text in [
            "",
            "yes",
            "in=",
            "in",
            "in=off,in=off",
            "to=off",
            "off,off",
            "in=off,",
        ] {
            assert!(encryption(text).is_err(), "{text}");
        }
    }
}
