//! The nearest of some names, for suggestions in error messages.

/// The name nearest to `wanted`, if it is near enough to be what was meant. Case does not count.
pub fn nearest<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let wanted = wanted.to_lowercase();
    // A short name has other names near by that have nothing to do with it.
    let tolerance = wanted.chars().count().div_ceil(4).min(3);
    let ranked = names.into_iter().map(|name| (distance(&wanted, &name.to_lowercase()), name));
    ranked.filter(|(distance, _)| *distance <= tolerance).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many letters must be inserted, removed, replaced or swapped with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (row, letter) in from.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != *other);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let swapped = column > 0 && previous == Some(*other) && to[column - 1] == letter;
            if swapped {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
        previous = Some(letter);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        let names = ["Join", "Left", "Len", "NormalizeDiacritics", "IIF"];
        assert_eq!(nearest("Jion", names), Some("Join"));
        assert_eq!(nearest("normaliseDiacritics", names), Some("NormalizeDiacritics"));
        assert_eq!(nearest("Iff", names), Some("IIF"));
        assert_eq!(nearest("Concat", names), None);
    }
}
