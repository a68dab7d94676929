//! SOCKS: a proxy's answers come to the same however they are cut, and a
//! datagram is wrapped as it was.

use superseed_proto::socks::{
    Credentials, Handshake, Name, Request, SocksFault, Step, Target, unwrap, wrap,
};

/// Checks one input as what a proxy answers, and as a datagram.
pub fn check(bytes: &[u8]) {
    datagram(bytes);
    let name = |text: &str| Name::new(text).expect("a short text");
    let target = Target::Name(name("host.example"), 80);
    for request in [Request::Connect(target), Request::UdpAssociate] {
        for credentials in [
            None,
            Some(Credentials {
                user: name("user"),
                password: name("password"),
            }),
        ] {
            let begin = || Handshake::new(request.clone(), credentials.clone()).0;
            let whole = steps(begin(), [bytes].into_iter());
            let single = steps(begin(), bytes.chunks(1));
            assert_eq!(whole, single);
        }
    }
}

/// What a handshake comes to, and the bytes that it left.
fn steps<'a>(
    mut handshake: Handshake,
    parts: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Step>, Option<SocksFault>, usize) {
    let (mut steps, mut left) = (Vec::new(), 0);
    for mut part in parts {
        if matches!(steps.last(), Some(Step::Done(_))) {
            left += part.len();
            continue;
        }
        loop {
            match handshake.read(&mut part) {
                Ok(Step::NeedInput) => break,
                Ok(step) => {
                    let is_over = matches!(step, Step::Done(_));
                    steps.push(step);
                    if is_over {
                        left += part.len();
                        break;
                    }
                }
                Err(fault) => return (steps, Some(fault), 0),
            }
        }
    }
    (steps, None, left)
}

fn datagram(bytes: &[u8]) {
    let Some((from, payload)) = unwrap(bytes) else {
        return;
    };
    assert!(bytes.ends_with(payload));
    let again = wrap(&from, payload);
    assert_eq!(unwrap(&again), Some((from, payload)));
}
