//! The order compared with its definition on small graphs.

use proptest::prelude::*;

use super::sorted_sets;

fn check(dependencies: &[&[usize]], expected: &[&[usize]]) {
    let dependencies: Vec<Vec<usize>> = dependencies.iter().map(|others| others.to_vec()).collect();
    assert_eq!(sorted_sets(&dependencies), expected, "{dependencies:?}");
}

#[test]
fn nodes_without_dependencies_keep_their_order() {
    check(&[], &[]);
    check(&[&[], &[], &[]], &[&[0], &[1], &[2]]);
    check(&[&[0], &[]], &[&[0], &[1]]);
}

#[test]
fn a_node_moves_behind_its_dependencies_only() {
    check(&[&[2], &[], &[], &[]], &[&[1], &[2], &[0], &[3]]);
    check(&[&[1], &[2], &[3], &[]], &[&[3], &[2], &[1], &[0]]);
}

#[test]
fn a_cycle_takes_the_position_of_its_last_node() {
    check(&[&[3], &[], &[], &[0], &[]], &[&[1], &[2], &[0, 3], &[4]]);
    check(&[&[1], &[0, 2], &[3], &[2]], &[&[2, 3], &[0, 1]]);
}

#[test]
fn a_long_chain_does_not_overflow_the_stack() {
    let chain: Vec<Vec<usize>> = (0..100_000).map(|node| vec![node + 1]).chain([vec![]]).collect();
    assert_eq!(sorted_sets(&chain).len(), chain.len());
    let mut ring = chain;
    ring[100_000] = vec![0];
    assert_eq!(sorted_sets(&ring).len(), 1);
}

/// Whether one node depends on another, directly or indirectly.
fn reaches(dependencies: &[Vec<usize>]) -> Vec<Vec<bool>> {
    let size = dependencies.len();
    let mut reach = vec![vec![false; size]; size];
    for (node, others) in dependencies.iter().enumerate() {
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
    fn sets_are_cycles_and_follow_their_dependencies(dependencies in graphs()) {
        let sets = sorted_sets(&dependencies);
        let mut position = vec![None; dependencies.len()];
        for (index, set) in sets.iter().enumerate() {
            for node in set {
                prop_assert_eq!(position[*node].replace(index), None, "{} occurs twice", node);
            }
        }
        prop_assert!(position.iter().all(Option::is_some));
        let reach = reaches(&dependencies);
        for from in 0..dependencies.len() {
            for to in 0..dependencies.len() {
                let is_cycle = from == to || reach[from][to] && reach[to][from];
                prop_assert_eq!(position[from] == position[to], is_cycle, "{} and {}", from, to);
                if reach[from][to] && !is_cycle {
                    prop_assert!(position[to] < position[from], "{} depends on {}", from, to);
                }
            }
        }
    }

    #[test]
    fn of_several_ready_sets_the_earliest_is_next(dependencies in graphs()) {
        let sets = sorted_sets(&dependencies);
        let mut done: Vec<usize> = Vec::new();
        for (index, set) in sets.iter().enumerate() {
            let is_ready = |later: &Vec<usize>| {
                let known = |other: &usize| done.contains(other) || later.contains(other);
                later.iter().all(|node| dependencies[*node].iter().all(known))
            };
            let earliest = sets[index..].iter().filter(|later| is_ready(later)).min_by_key(|later| later.iter().max());
            prop_assert_eq!(earliest, Some(set));
            done.extend(set);
        }
    }
}
