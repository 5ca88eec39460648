//! In which order operations can be done that wait for one another, and which must be done together.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Sorts the nodes `0..waits.len()`, of which node `i` waits for every one of `waits[i]`, into sets that come one after the
/// other. A set holds one node, or those that wait for each other around a circle; each waits for nothing but what is in
/// its own set or an earlier one. Where that leaves a choice, the set goes first whose last node was written first: who
/// waits comes later than it was written, and nobody comes earlier for its sake.
pub(super) fn components(waits: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let sets = circles(waits);
    let mut set_of = vec![0; waits.len()];
    for (number, set) in sets.iter().enumerate() {
        for node in set {
            set_of[*node] = number;
        }
    }
    let mut open = vec![0_usize; sets.len()];
    let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); sets.len()];
    for (node, others) in waits.iter().enumerate() {
        for other in others.iter().filter(|other| set_of[**other] != set_of[node]) {
            open[set_of[node]] += 1;
            waiting[set_of[*other]].push(set_of[node]);
        }
    }
    let place = |set: usize| Reverse((sets[set].iter().max().copied(), set));
    let mut ready: BinaryHeap<_> = (0..sets.len()).filter(|set| open[*set] == 0).map(place).collect();
    let mut ordered = Vec::with_capacity(sets.len());
    while let Some(Reverse((_, set))) = ready.pop() {
        ordered.push(sets[set].clone());
        for next in &waiting[set] {
            open[*next] -= 1;
            if open[*next] == 0 {
                ready.push(place(*next));
            }
        }
    }
    ordered
}

/// The strongly connected components, each sorted: Tarjan's algorithm with a list of open nodes in place of recursion.
fn circles(waits: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut search = Search {
        waits,
        found: vec![None; waits.len()],
        lowest: vec![0; waits.len()],
        is_open: vec![false; waits.len()],
        path: Vec::new(),
        count: 0,
        sets: Vec::new(),
    };
    for node in 0..waits.len() {
        if search.found[node].is_none() {
            search.from(node);
        }
    }
    search.sets
}

struct Search<'a> {
    waits: &'a [Vec<usize>],
    /// When a node was found.
    found: Vec<Option<usize>>,
    /// The earliest node still on the path that a node leads to.
    lowest: Vec<usize>,
    is_open: Vec<bool>,
    /// Nodes whose set is not known yet.
    path: Vec<usize>,
    count: usize,
    sets: Vec<Vec<usize>>,
}

impl Search<'_> {
    fn from(&mut self, first: usize) {
        // Each with the number of those that were looked at of what it waits for.
        let mut open = vec![(first, 0)];
        self.enter(first);
        while let Some((node, next)) = open.pop() {
            let Some(other) = self.waits[node].get(next).copied() else {
                self.leave(node);
                if let Some((before, _)) = open.last() {
                    self.lowest[*before] = self.lowest[*before].min(self.lowest[node]);
                }
                continue;
            };
            open.push((node, next + 1));
            match self.found[other] {
                None => {
                    self.enter(other);
                    open.push((other, 0));
                }
                Some(at) if self.is_open[other] => self.lowest[node] = self.lowest[node].min(at),
                Some(_) => {}
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.found[node] = Some(self.count);
        self.lowest[node] = self.count;
        self.count += 1;
        self.is_open[node] = true;
        self.path.push(node);
    }

    fn leave(&mut self, node: usize) {
        if Some(self.lowest[node]) != self.found[node] {
            return;
        }
        let begin = self.path.iter().rposition(|open| *open == node).unwrap_or_default();
        let mut set = self.path.split_off(begin);
        for member in &set {
            self.is_open[*member] = false;
        }
        set.sort_unstable();
        self.sets.push(set);
    }
}

#[cfg(test)]
mod tests;
