use super::grid::{CHOKERS, NAIVE, R4, R4_AGAIN};
use super::*;

fn measured(plan: &Plan) -> Results {
    run(plan, |_, _| ControlFlow::Continue(())).unwrap()
}

#[test]
fn who_breaks_off_gets_no_results() {
    let plan = Plan::quick(1);
    let told = AtomicUsize::new(0);
    let results = run(&plan, |done, _| {
        told.fetch_max(done, Ordering::Relaxed);
        ControlFlow::Break(())
    });
    assert!(results.is_none());
    assert!(told.into_inner() < plan.jobs().len());
}

#[test]
fn the_document_is_made_again_byte_for_byte_and_the_control_is_zero() {
    let plan = Plan::quick(2);
    let results = measured(&plan);
    let files = document(&plan, &results);
    assert_eq!(files, document(&plan, &measured(&plan)));
    let (name, text) = &files[0];
    assert_eq!(name, "policies.md");
    assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    for (subject, swarm) in plan.swarms.iter().filter(report::with_chokers) {
        let first = results.of(*subject, swarm, &R4);
        assert_eq!(first.len(), 2);
        assert_eq!(first, results.of(*subject, swarm, &R4_AGAIN));
    }
}

#[test]
fn what_is_counted_on_the_wire_is_what_the_client_needed_and_what_it_wasted() {
    let plan = Plan::quick(1);
    let results = measured(&plan);
    for (subject, swarm) in &plan.swarms {
        let len = swarm.torrent.len_bytes as u64;
        let copies = match swarm.who {
            Who::Client(_) => 1,
            Who::Everyone => (1 + swarm.fast() + swarm.slow()) as u64,
        };
        for arm in subject.arms() {
            for run in results.of(*subject, swarm, arm) {
                let wasted = run.duplicate_bytes + run.late_bytes + run.bad_bytes;
                let useful = run.down_bytes - wasted;
                // Of second copies that were under way at the end, the rest is missing.
                let lines = 1 + swarm.leechers as u64;
                let cut = copies * lines * u64::from(superseed_proto::BLOCK_LEN);
                let wanted = copies * len - cut..=copies * len;
                assert!(wanted.contains(&useful), "{swarm:?} {}: {useful}", arm.name);
                assert!(run.half_s <= run.most_s && run.most_s < run.all_s + 1e-6);
                assert!(run.swarm_last_s >= run.fluid_limit_s);
                // The end of so short a torrent is a tenth of it, whoever asks.
                let twice = run.duplicate_bytes as f64 / (copies * len) as f64;
                assert_eq!(twice > 0.2, *arm == NAIVE[1], "{}: {twice}", arm.name);
            }
        }
    }
}

#[test]
fn the_full_grid_has_every_size_both_uplinks_and_twice_the_default() {
    let plan = Plan::full(20);
    for leechers in [5, 8, 9, 20, 40] {
        for bound in [false, true] {
            let such = plan.swarms.iter().filter(|(subject, swarm)| {
                *subject == Subject::Choker
                    && swarm.leechers == leechers
                    && swarm.uplink_bytes_per_s.is_some() == bound
            });
            assert!(such.count() > 0, "{leechers} {bound}");
        }
    }
    assert_eq!(
        CHOKERS[0].policy.choker,
        superseed_engine::config::ChokerKind::UnchokeAll
    );
    assert_eq!(CHOKERS[5].policy, CHOKERS[4].policy);
    assert_eq!(plan.torrents().len(), 4);
}

#[test]
fn classes_add_up_to_the_leechers() {
    for (_, swarm) in Plan::full(1).swarms {
        let sum = swarm.riders() + swarm.fast() + swarm.slow();
        assert_eq!(sum, swarm.leechers);
    }
}

#[test]
fn a_run_is_made_again_from_the_line_that_it_prints_when_it_fails() {
    let plan = Plan::quick(1);
    let results = measured(&plan);
    let at = plan.jobs().len() - 1;
    let job = plan.jobs()[at];
    let again = replay(&plan, at).unwrap();
    assert_eq!(results.of(job.subject, &job.swarm, &job.arm), [again]);
    let line = replay_line(&plan, at, &job);
    let words = format!("cargo xtask policies --quick --seeds 1 --job {at} ");
    assert!(line.starts_with(&words), "{line}");
    assert!(replay(&plan, at + 1).is_none());
}
