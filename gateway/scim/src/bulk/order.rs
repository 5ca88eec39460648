//! The order of operations that depend on each other, and the sets that must be executed together.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Sorts the nodes `0..dependencies.len()` into sets, so that each depends only on nodes of its own set or an earlier one. A
/// set is a single node or a dependency cycle. If several sets could be next, the one whose last node has the lowest number
/// is: a node moves back behind its dependencies, and no node moves forward.
pub(super) fn sorted_sets(dependencies: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let sets = cycles(dependencies);
    let mut set_of = vec![0; dependencies.len()];
    for (number, set) in sets.iter().enumerate() {
        for node in set {
            set_of[*node] = number;
        }
    }
    let mut open_dependencies = vec![0_usize; sets.len()];
    let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); sets.len()];
    for (node, others) in dependencies.iter().enumerate() {
        for other in others.iter().filter(|other| set_of[**other] != set_of[node]) {
            open_dependencies[set_of[node]] += 1;
            dependents[set_of[*other]].push(set_of[node]);
        }
    }
    let priority = |set: usize| Reverse((sets[set].iter().max().copied(), set));
    let mut ready: BinaryHeap<_> = (0..sets.len()).filter(|set| open_dependencies[*set] == 0).map(priority).collect();
    let mut sorted = Vec::with_capacity(sets.len());
    while let Some(Reverse((_, set))) = ready.pop() {
        sorted.push(sets[set].clone());
        for next in &dependents[set] {
            open_dependencies[*next] -= 1;
            if open_dependencies[*next] == 0 {
                ready.push(priority(*next));
            }
        }
    }
    sorted
}

/// The strongly connected components, each sorted, by Kosaraju's algorithm.
fn cycles(dependencies: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut dependents = vec![Vec::new(); dependencies.len()];
    for (node, others) in dependencies.iter().enumerate() {
        for other in others {
            dependents[*other].push(node);
        }
    }
    let mut visited = vec![false; dependencies.len()];
    let postorder: Vec<usize> =
        (0..dependencies.len()).flat_map(|node| visit(dependencies, node, &mut visited)).collect();
    visited.fill(false);
    let sets = postorder.into_iter().rev().map(|node| {
        let mut set = visit(&dependents, node, &mut visited);
        set.sort_unstable();
        set
    });
    sets.filter(|set| !set.is_empty()).collect()
}

/// The unvisited nodes that are reachable from `start`, in depth-first postorder. The stack is a list, so that a long chain
/// cannot overflow the thread's.
fn visit(graph: &[Vec<usize>], start: usize, visited: &mut [bool]) -> Vec<usize> {
    let mut postorder = Vec::new();
    let mut stack = Vec::new();
    if !std::mem::replace(&mut visited[start], true) {
        stack.push((start, 0));
    }
    while let Some((node, next)) = stack.pop() {
        let Some(other) = graph[node].get(next) else {
            postorder.push(node);
            continue;
        };
        stack.push((node, next + 1));
        if !std::mem::replace(&mut visited[*other], true) {
            stack.push((*other, 0));
        }
    }
    postorder
}

#[cfg(test)]
mod tests;
