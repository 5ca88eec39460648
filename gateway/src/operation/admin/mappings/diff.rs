//! What differs between two revisions of a mapping.

use serde_json::Value;

use crate::mapping::OnFailure;
use crate::operation::admin::mappings::check::RevisionStep;
use crate::operation::admin::mappings::{self, Revision};
use crate::operation::error::Error;
use crate::operation::operator::Operator;

/// The differences of two revisions; 0 is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MappingDiff {
    /// The first.
    pub from: i32,
    /// The second.
    pub to: i32,
    /// What a failure does in each, where that differs.
    pub on_failure: Option<(Option<OnFailure>, Option<OnFailure>)>,
    /// Steps that differ, in their order.
    pub steps: Vec<StepDiff>,
}

/// A step that one of two revisions lacks, or that differs in them.
#[derive(Clone, Debug, PartialEq)]
pub struct StepDiff {
    /// Its position in the first, from 1.
    pub from: Option<usize>,
    /// Its position in the second.
    pub to: Option<usize>,
    /// The step, as the second has it; as the first, where the second lacks it.
    pub step: RevisionStep,
    /// What differs of a step that both have.
    pub changes: Vec<Change>,
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// A JSON pointer into the step.
    pub path: String,
    /// The value in the first.
    pub before: Option<Value>,
    /// The value in the second.
    pub after: Option<Value>,
}

/// The differences of two revisions: of the active one, where `from` is none, and of the newest, where `to` is none.
///
/// # Errors
/// 404 for an unknown tenant or revision.
pub async fn diff(operator: &Operator, tenant: &str, from: Option<i32>, to: Option<i32>) -> Result<MappingDiff, Error> {
    let row = operator.tenant(tenant).await?;
    let newest = async || Ok::<_, Error>(operator.gateway.store.tenant(row.id).mappings(i32::MAX, 1).await?);
    let to = match to {
        Some(to) => to,
        None => newest().await?.first().map_or(0, |head| head.revision),
    };
    let read = async |revision: i32| match revision {
        0 => Ok(None),
        revision => mappings::find(operator, &row, revision).await.map(Some),
    };
    let (from, to) = (read(from.unwrap_or(row.active_mapping)).await?, read(to).await?);
    Ok(compare(from.as_ref(), to.as_ref()))
}

fn compare(from: Option<&Revision>, to: Option<&Revision>) -> MappingDiff {
    let number = |revision: Option<&Revision>| revision.map_or(0, |it| it.head.revision);
    let on_failure = (from.map(|it| it.on_failure), to.map(|it| it.on_failure));
    let [before, after] = [from, to].map(|revision| revision.map_or(&[][..], |it| &it.steps));
    MappingDiff {
        from: number(from),
        to: number(to),
        on_failure: (on_failure.0 != on_failure.1).then_some(on_failure),
        steps: steps(before, after),
    }
}

fn steps(before: &[RevisionStep], after: &[RevisionStep]) -> Vec<StepDiff> {
    let mut found = Vec::new();
    let (mut one, mut other) = (0, 0);
    for (from, to) in aligned(before, after).into_iter().chain([(before.len(), after.len())]) {
        let removed = (one..from).zip(&before[one..from]);
        found.extend(removed.map(|(at, step)| StepDiff::new(Some(at), None, step, Vec::new())));
        let added = (other..to).zip(&after[other..to]);
        found.extend(added.map(|(at, step)| StepDiff::new(None, Some(at), step, Vec::new())));
        if let (Some(old), Some(new)) = (before.get(from), after.get(to))
            && old != new
        {
            found.push(StepDiff::new(Some(from), Some(to), new, changes(old, new)));
        }
        (one, other) = (from + 1, to + 1);
    }
    found
}

impl StepDiff {
    fn new(from: Option<usize>, to: Option<usize>, step: &RevisionStep, changes: Vec<Change>) -> Self {
        Self { from: from.map(|at| at + 1), to: to.map(|at| at + 1), step: step.clone(), changes }
    }
}

/// The pairs of steps that are the same step in both: in order, of one plugin's name, and equal ones before others. A mapping has
/// few steps, so the table of all pairs is small.
fn aligned(before: &[RevisionStep], after: &[RevisionStep]) -> Vec<(usize, usize)> {
    const EQUAL: u32 = 4;
    const SAME_PLUGIN: u32 = 3;
    let score = |one: &RevisionStep, other: &RevisionStep| match () {
        () if one == other => EQUAL,
        () if one.name == other.name => SAME_PLUGIN,
        () => 0,
    };
    let mut best = vec![vec![0; after.len() + 1]; before.len() + 1];
    for (i, one) in before.iter().enumerate().rev() {
        for (j, other) in after.iter().enumerate().rev() {
            let paired = match score(one, other) {
                0 => 0,
                score => score + best[i + 1][j + 1],
            };
            best[i][j] = paired.max(best[i + 1][j]).max(best[i][j + 1]);
        }
    }
    let (mut pairs, mut i, mut j) = (Vec::new(), 0, 0);
    while i < before.len() && j < after.len() {
        let score = score(&before[i], &after[j]);
        if score > 0 && best[i][j] == score + best[i + 1][j + 1] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if best[i][j] == best[i + 1][j] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

fn changes(old: &RevisionStep, new: &RevisionStep) -> Vec<Change> {
    let mut found = Vec::new();
    if old.step.plugin != new.step.plugin {
        let shown = |step: &RevisionStep| Some(format!("{} = {}", step.title(), step.step.plugin).into());
        found.push(Change { path: "/plugin".to_owned(), before: shown(old), after: shown(new) });
    }
    let types = |step: &RevisionStep| Value::from(step.step.resource_types.clone());
    add("/resourceTypes", Some(&types(old)), Some(&types(new)), &mut found);
    add("/config", Some(old.step.config.value()), Some(new.step.config.value()), &mut found);
    found
}

/// Objects are compared by member, arrays of the same length by element. The recursion is as deep as the configuration, which the
/// parser bounds.
fn add(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Change>) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
            for name in names {
                let part = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
                add(&part, one.get(name), other.get(name), found);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                add(&format!("{path}/{index}"), Some(one), Some(other), found);
            }
        }
        (before, after) => {
            found.push(Change { path: path.to_owned(), before: before.cloned(), after: after.cloned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::*;
    use crate::mapping::Step;

    fn step(name: &str, config: Value) -> RevisionStep {
        let step = Step { plugin: name.repeat(4), config: config.into(), resource_types: Vec::new() };
        RevisionStep { step, name: name.to_owned(), version: "1".to_owned() }
    }

    fn shown(before: &[RevisionStep], after: &[RevisionStep]) -> String {
        let mut text = String::new();
        for it in steps(before, after) {
            writeln!(text, "{:?} {:?} {}", it.from, it.to, it.step.name).unwrap();
            for Change { path, before, after } in it.changes {
                writeln!(text, "  {path}: {before:?} => {after:?}").unwrap();
            }
        }
        text
    }

    #[test]
    fn steps_are_added_removed_and_changed() {
        let before = [
            step("a", json!({ "x": 1, "list": [1, 2], "y/z": { "deep": true } })),
            step("b", json!({})),
            step("c", json!({})),
        ];
        let after =
            [step("d", json!({})), step("a", json!({ "x": 2, "list": [1, 3], "y/z": {} })), step("c", json!({}))];
        let expected = [
            "None Some(1) d",
            "Some(1) Some(2) a",
            "  /config/x: Some(Number(1)) => Some(Number(2))",
            "  /config/list/1: Some(Number(2)) => Some(Number(3))",
            "  /config/y~1z/deep: Some(Bool(true)) => None",
            "Some(2) None b",
        ];
        assert_eq!(shown(&before, &after).lines().collect::<Vec<_>>(), expected);
        assert_eq!(shown(&before, &before), "");
    }

    #[test]
    fn an_equal_step_is_the_same_step_before_one_of_the_same_plugin() {
        let (one, two) = ([step("a", json!({ "n": 1 }))], [step("a", json!({ "n": 2 }))]);
        let both = [two, one.clone()].concat();
        assert_eq!(shown(&one, &both), "None Some(1) a\n");
        assert_eq!(shown(&both, &one), "Some(1) None a\n");
    }
}
