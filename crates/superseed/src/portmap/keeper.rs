//! Keeping the mappings of one listener, until the session ends.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::Transport;
use super::mapping::{Lease, Mapping};

/// How long releasing may take, all of it.
const RELEASE_TIME: Duration = Duration::from_secs(1);

/// Who maps ports.
pub(super) trait Gateway {
    /// Maps our port, or goes on with it; `external` is the port that is wished.
    /// An error is a sentence for the log.
    async fn map(
        &mut self,
        transport: Transport,
        port: u16,
        external: u16,
    ) -> Result<Lease, String>;

    /// Maps it no more.
    async fn unmap(&mut self, transport: Transport, port: u16) -> Result<(), String>;
}

/// Keeps a port mapped and tells where peers reach it, until `ending` says so;
/// then releases it.
pub(super) async fn keep<G: Gateway>(
    mut gateway: G,
    port: u16,
    tell: impl AsyncFn(Option<SocketAddr>),
    mut ending: watch::Receiver<bool>,
) {
    let mut mappings = Transport::ALL.map(|_| Mapping::wanted(Instant::now()));
    tokio::select! {
        never = attend(&mut gateway, port, &mut mappings, tell) => match never {},
        _ = ending.wait_for(|ending| *ending) => {}
    }
    let release = async {
        for (transport, mapping) in Transport::ALL.into_iter().zip(&mappings) {
            if mapping.may_be_held()
                && let Err(why) = gateway.unmap(transport, port).await
            {
                tracing::debug!("{transport:?} port {port} may stay mapped for a while: {why}");
            }
        }
    };
    if timeout(RELEASE_TIME, release).await.is_err() {
        tracing::debug!("the gateway did not say in time that port {port} is mapped no more");
    }
}

/// Never ends: asks when it is time, and tells what changes.
async fn attend<G: Gateway>(
    gateway: &mut G,
    port: u16,
    mappings: &mut [Mapping; 2],
    tell: impl AsyncFn(Option<SocketAddr>),
) -> std::convert::Infallible {
    let mut told = None;
    loop {
        // One number for both, if the gateway lets us have it.
        let mut wished = port;
        for (transport, mapping) in Transport::ALL.into_iter().zip(mappings.iter_mut()) {
            if let Some(external) = mapping.external(Instant::now()) {
                wished = external.port();
            }
            if mapping.ask_at() > Instant::now() {
                continue;
            }
            mapping.asking();
            match gateway.map(transport, port, wished).await {
                Ok(lease) => {
                    wished = lease.external.port();
                    mapping.granted(lease, Instant::now());
                }
                Err(why) => {
                    tracing::debug!("{transport:?} port {port} is not mapped: {why}");
                    mapping.refused(Instant::now());
                }
            }
        }
        // Peers come by TCP.
        let now = Instant::now();
        let [tcp, _] = &*mappings;
        let external = tcp.external(now);
        if told != external {
            told = external;
            match external {
                Some(external) => tracing::info!("peers reach port {port} at {external}"),
                None => tracing::info!("port {port} is mapped no more"),
            }
            tell(external).await;
        }
        let asks = mappings.iter().map(Mapping::ask_at);
        let next = asks.chain(mappings[0].ends_at(now)).min();
        sleep_until(next.unwrap_or(now)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::portmap::mapping::LEASE;

    /// A gateway that follows a script and remembers.
    #[derive(Default)]
    struct Scripted {
        /// What it was asked, and when.
        seen: Vec<(Duration, &'static str, Transport, u16)>,
        refuses: bool,
        /// It answers nothing any more.
        is_dead: bool,
    }

    #[derive(Clone)]
    struct Fake(Rc<RefCell<Scripted>>, Instant);

    impl Fake {
        fn new() -> Self {
            Self(Rc::default(), Instant::now())
        }

        async fn see(&self, what: &'static str, transport: Transport, port: u16) {
            let seen = (self.1.elapsed(), what, transport, port);
            self.0.borrow_mut().seen.push(seen);
            if self.0.borrow().is_dead {
                std::future::pending::<()>().await;
            }
        }

        fn seen(&self, what: &str) -> Vec<(u64, Transport)> {
            let script = self.0.borrow();
            let seen = script.seen.iter().filter(|seen| seen.1 == what);
            seen.map(|(at, _, transport, _)| (at.as_secs(), *transport))
                .collect()
        }
    }

    impl Gateway for Fake {
        async fn map(
            &mut self,
            transport: Transport,
            _: u16,
            external: u16,
        ) -> Result<Lease, String> {
            self.see("map", transport, external).await;
            if self.0.borrow().refuses {
                return Err("no".to_owned());
            }
            Ok(Lease {
                external: ([198, 51, 100, 1], 7_000).into(),
                lasts: LEASE,
            })
        }

        async fn unmap(&mut self, transport: Transport, port: u16) -> Result<(), String> {
            self.see("unmap", transport, port).await;
            Ok(())
        }
    }

    /// Keeps a port at a gateway for so long; `change` happens in the middle.
    /// Gives how long it took, and what was told.
    async fn keep_for(
        fake: &Fake,
        time: Duration,
        change: impl Fn(&mut Scripted),
    ) -> (Duration, Vec<(u64, bool)>) {
        let begun = Instant::now();
        let told = RefCell::new(Vec::new());
        let (ending, ended) = watch::channel(false);
        let tell = async |external: Option<SocketAddr>| {
            let is_open = external.is_some();
            told.borrow_mut().push((begun.elapsed().as_secs(), is_open));
        };
        let script = async {
            tokio::time::sleep(time / 2).await;
            change(&mut fake.0.borrow_mut());
            tokio::time::sleep(time / 2).await;
            ending.send_replace(true);
        };
        tokio::join!(keep(fake.clone(), 6_881, tell, ended), script);
        (begun.elapsed(), told.into_inner())
    }

    const HOUR: Duration = Duration::from_secs(3_600);

    #[tokio::test(start_paused = true)]
    async fn both_transports_are_mapped_and_renewed_before_the_lease_ends() {
        use Transport::{Tcp, Udp};
        let fake = Fake::new();
        let (_, told) = keep_for(&fake, HOUR, |_| ()).await;
        let expected = [(0, Tcp), (0, Udp), (2_700, Tcp), (2_700, Udp)];
        assert_eq!(fake.seen("map"), expected);
        assert_eq!(told, [(0, true)]);
        let wished: Vec<_> = fake.0.borrow().seen.iter().map(|seen| seen.3).collect();
        assert_eq!(wished[..4], [6_881, 7_000, 7_000, 7_000]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_released_at_the_end() {
        use Transport::{Tcp, Udp};
        let fake = Fake::new();
        let (took, _) = keep_for(&fake, HOUR, |_| ()).await;
        assert_eq!(fake.seen("unmap"), [(3_600, Tcp), (3_600, Udp)]);
        assert_eq!(took, HOUR);
    }

    #[tokio::test(start_paused = true)]
    async fn a_gateway_that_died_does_not_hold_the_end_up_for_longer_than_a_second() {
        let fake = Fake::new();
        let (took, told) = keep_for(&fake, 2 * HOUR, |script| script.is_dead = true).await;
        assert_eq!(took, 2 * HOUR + RELEASE_TIME);
        assert_eq!(told.first(), Some(&(0, true)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_mapping_that_is_not_renewed_is_told_when_it_ends() {
        let fake = Fake::new();
        let (_, told) = keep_for(&fake, 2 * HOUR, |script| script.refuses = true).await;
        // Renewed at 2,700 s for an hour, and never again.
        assert_eq!(told, [(0, true), (6_300, false)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_gateway_that_comes_late_is_found() {
        let fake = Fake::new();
        fake.0.borrow_mut().refuses = true;
        let (_, told) = keep_for(&fake, HOUR, |script| script.refuses = false).await;
        assert_eq!(told.len(), 1);
        let (at, is_open) = told[0];
        assert!(is_open && (1_800..2_400).contains(&at), "after {at} s");
    }
}
