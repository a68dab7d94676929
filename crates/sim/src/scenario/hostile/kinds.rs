//! The kinds of hostile peers, and machines that are of one.

use std::sync::Arc;
use std::time::Duration;

use crate::content::Content;
use crate::net::LinkSpec;
use crate::wire::{
    Actor, Claim, Claimant, Dribble, Endless, FakeSeed, Flapper, Flood, Flooder, Gait, Leaver,
    Mask, Mute, Rider, RiderConn,
};
use crate::world::{HostId, ScriptId, World};

/// A kind of hostile peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Spoils a twentieth of the blocks that it sends.
    Liar,
    /// Asks for too much.
    Flooder(Flood),
    /// Sends its handshake byte by byte.
    SlowHandshake,
    /// Sends a message that never ends.
    EndlessMessage,
    /// Sends its blocks a byte a second.
    DribbledPiece,
    /// Chokes and unchokes many times a second.
    Flapper,
    /// Lies about what it has.
    Claimant(Claim),
    /// Announces and never sends.
    Mute,
    /// Shakes hands and says nothing else.
    MuteAfterHandshake,
    /// Closes before UNCHOKE.
    Leaver,
    /// Serves well, but each message leaves one byte at a time.
    OneByteAtATime,
    /// Takes and gives nothing.
    FreeRider,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Liar,
        Self::Flooder(Flood::Requests),
        Self::Flooder(Flood::AllowedFast),
        Self::Flooder(Flood::Cancels),
        Self::Flooder(Flood::Crumbs),
        Self::SlowHandshake,
        Self::EndlessMessage,
        Self::DribbledPiece,
        Self::Flapper,
        Self::Claimant(Claim::ServesNothing),
        Self::Claimant(Claim::RejectsAll),
        Self::Claimant(Claim::TooLong),
        Self::Claimant(Claim::SpareBits),
        Self::Claimant(Claim::HaveStorm),
        Self::Claimant(Claim::BitfieldStorm),
        Self::Claimant(Claim::HaveBeyond),
        Self::Claimant(Claim::HaveThenReject),
        Self::Mute,
        Self::MuteAfterHandshake,
        Self::Leaver,
        Self::OneByteAtATime,
        Self::FreeRider,
    ];

    /// Adds a machine of this kind. The dice say whether it speaks BEP 6,
    /// where that is not given by what it does.
    pub fn enter(self, world: &mut World, content: &Arc<Content>, number: u8) -> ScriptId {
        let link = LinkSpec {
            latency: Duration::from_millis(world.rng().between(2, 60)),
            ..LinkSpec::default()
        };
        let needs_fast = matches!(
            self,
            Self::Flooder(Flood::AllowedFast)
                | Self::Claimant(Claim::RejectsAll | Claim::HaveThenReject)
        );
        let fast = needs_fast || world.rng().chance(0.5);
        let mask = Mask::new(content, number, fast);
        let mut seed = FakeSeed::new(content, number);
        let dice = world.rng().fork();
        match self {
            Self::Liar => {
                seed.spoils = Some((0.05, dice));
                world.add_fake_seed(link, seed)
            }
            Self::Flooder(flood) => {
                let make = move || Flooder::new(mask.clone(), flood, dice.clone());
                add(world, link, make)
            }
            Self::SlowHandshake => {
                dribbler(world, link, seed, Gait::All, Duration::from_millis(500))
            }
            Self::EndlessMessage => {
                let every = Duration::from_secs(1);
                let endless = move || Box::new(Endless::new(mask.clone()));
                add(world, link, move || {
                    Dribble::new(endless(), Gait::Messages, every)
                })
            }
            Self::DribbledPiece => {
                dribbler(world, link, seed, Gait::Pieces, Duration::from_secs(1))
            }
            Self::Flapper => add(world, link, move || Flapper::new(mask.clone())),
            Self::Claimant(claim) => {
                let make = move || Claimant::new(mask.clone(), claim, dice.clone());
                add(world, link, make)
            }
            Self::Mute => add(world, link, || Mute::new(None)),
            Self::MuteAfterHandshake => add(world, link, move || Mute::new(Some(mask.clone()))),
            Self::Leaver => add(world, link, move || Leaver::new(mask.clone())),
            Self::OneByteAtATime => {
                dribbler(world, link, seed, Gait::All, Duration::from_millis(1))
            }
            Self::FreeRider => {
                let rider = Rider::new(content, number);
                add(world, link, move || RiderConn::new(&rider))
            }
        }
    }
}

fn add<A: Actor + 'static>(
    world: &mut World,
    link: LinkSpec,
    make: impl Fn() -> A + 'static,
) -> ScriptId {
    world.add_actor(link, move || Box::new(make()))
}

fn dribbler(
    world: &mut World,
    link: LinkSpec,
    seed: FakeSeed,
    gait: Gait,
    every: Duration,
) -> ScriptId {
    let make = move || Dribble::new(Box::new(seed.clone()), gait, every);
    add(world, link, make)
}

/// How soon a hostile peer connects again when its connection is over.
const CALLS_AGAIN_AFTER: Duration = Duration::from_secs(3);

/// Lets a scripted machine connect to a host, and again whenever that is over.
pub fn pester(world: &mut World, script: ScriptId, host: HostId) {
    let conn = world.script_connect(script, host);
    call_again(world, script, host, conn);
}

fn call_again(world: &mut World, script: ScriptId, host: HostId, conn: usize) {
    world.plan(CALLS_AGAIN_AFTER, move |world| {
        if world.wire(script, conn).is_up() {
            call_again(world, script, host, conn);
        } else {
            pester(world, script, host);
        }
    });
}
