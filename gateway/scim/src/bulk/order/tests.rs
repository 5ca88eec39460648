//! The order against its definition, on graphs small enough to ask every pair.

use proptest::prelude::*;

use super::components;

fn check(waits: &[&[usize]], expected: &[&[usize]]) {
    let waits: Vec<Vec<usize>> = waits.iter().map(|others| others.to_vec()).collect();
    assert_eq!(components(&waits), expected, "{waits:?}");
}

#[test]
fn who_waits_for_nobody_keeps_the_written_order() {
    check(&[], &[]);
    check(&[&[], &[], &[]], &[&[0], &[1], &[2]]);
    check(&[&[0], &[]], &[&[0], &[1]]);
}

#[test]
fn who_waits_comes_later_and_nobody_comes_earlier() {
    check(&[&[2], &[], &[], &[]], &[&[1], &[2], &[0], &[3]]);
    check(&[&[1], &[2], &[3], &[]], &[&[3], &[2], &[1], &[0]]);
}

#[test]
fn a_circle_comes_at_the_place_of_its_last() {
    check(&[&[3], &[], &[], &[0], &[]], &[&[1], &[2], &[0, 3], &[4]]);
    check(&[&[1], &[0, 2], &[3], &[2]], &[&[2, 3], &[0, 1]]);
}

#[test]
fn a_long_chain_exhausts_no_stack() {
    let chain: Vec<Vec<usize>> = (0..100_000).map(|node| vec![node + 1]).chain([vec![]]).collect();
    assert_eq!(components(&chain).len(), chain.len());
    let mut ring = chain;
    ring[100_000] = vec![0];
    assert_eq!(components(&ring).len(), 1);
}

/// Whether one node waits for another, at once or through others.
fn reaches(waits: &[Vec<usize>]) -> Vec<Vec<bool>> {
    let size = waits.len();
    let mut reach = vec![vec![false; size]; size];
    for (node, others) in waits.iter().enumerate() {
        for other in others {
            reach[node][*other] = true;
        }
    }
    for through in 0..size {
        for from in 0..size {
            for to in 0..size {
                reach[from][to] |= reach[from][through] && reach[through][to];
            }
        }
    }
    reach
}

fn graphs() -> impl Strategy<Value = Vec<Vec<usize>>> {
    (1_usize..10).prop_flat_map(|size| proptest::collection::vec(proptest::collection::vec(0..size, 0..3), size))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_node_comes_once_after_what_it_waits_for_and_with_whom_it_stands_in_a_circle(waits in graphs()) {
        let sets = components(&waits);
        let mut place = vec![None; waits.len()];
        for (at, set) in sets.iter().enumerate() {
            for node in set {
                prop_assert_eq!(place[*node].replace(at), None, "{} comes twice", node);
            }
        }
        prop_assert!(place.iter().all(Option::is_some));
        let reach = reaches(&waits);
        for from in 0..waits.len() {
            for to in 0..waits.len() {
                let together = from == to || reach[from][to] && reach[to][from];
                prop_assert_eq!(place[from] == place[to], together, "{} and {}", from, to);
                if reach[from][to] && !together {
                    prop_assert!(place[to] < place[from], "{} waits for {}", from, to);
                }
            }
        }
    }

    /// No set that could have gone earlier was left behind for one that was written later.
    #[test]
    fn where_there_is_a_choice_the_earliest_written_goes_first(waits in graphs()) {
        let sets = components(&waits);
        let mut done: Vec<usize> = Vec::new();
        for (at, set) in sets.iter().enumerate() {
            let is_ready = |later: &Vec<usize>| {
                later.iter().all(|node| waits[*node].iter().all(|other| done.contains(other) || later.contains(other)))
            };
            let earliest = sets[at..].iter().filter(|later| is_ready(later)).min_by_key(|later| later.iter().max());
            prop_assert_eq!(earliest, Some(set));
            done.extend(set);
        }
    }
}
