//! What can be known of an expression before it is evaluated: functions at places where they may not stand, and constant
//! arguments that no call accepts.

use crate::call::{Node, Term};
use crate::date::Interval;
use crate::error::{Error, Kind};

/// Checks a whole expression.
pub(crate) fn check(root: &Node<'_>) -> Result<(), Error> {
    if let Term::Compare(_) = root.term {
        let message = "a comparison is only a condition: write IIF(…, \"True\", \"False\")";
        return Err(Error::new(Kind::Syntax, root.at, message));
    }
    parts(root, true)
}

/// Checks a whole condition, which may also be a comparison.
pub(crate) fn check_condition(root: &Node<'_>) -> Result<(), Error> {
    parts(root, false)
}

fn parts(node: &Node<'_>, is_top: bool) -> Result<(), Error> {
    match &node.term {
        Term::Call(function, arguments) => {
            placed(node, function.name, is_top)?;
            for (index, argument) in arguments.iter().enumerate() {
                let Some(argument) = argument else { continue };
                constant(function.name, index, argument)?;
                if matches!(argument.term, Term::Compare(_)) && !takes_comparison(function.name, index) {
                    let message =
                        format!("{} takes no comparison here; only IIF and CBool do, as first argument", function.name);
                    return Err(Error::new(Kind::Syntax, argument.at, message));
                }
                if function.name == "IIF" && index == 0 && is_call_of(argument, "IgnoreFlowIfNullOrEmpty") {
                    let message = "IgnoreFlowIfNullOrEmpty is not a condition; put it around the whole IIF";
                    return Err(Error::new(Kind::Argument, argument.at, message));
                }
                parts(argument, false)?;
            }
            Ok(())
        }
        Term::Compare(sides) => {
            for side in [&sides.0, &sides.2] {
                if matches!(side.term, Term::Compare(_)) {
                    return Err(Error::new(Kind::Syntax, side.at, "a comparison cannot be compared again"));
                }
                parts(side, false)?;
            }
            Ok(())
        }
        Term::Concat(all) => all.iter().try_for_each(|part| parts(part, false)),
        _ => Ok(()),
    }
}

fn placed(node: &Node<'_>, name: &str, is_top: bool) -> Result<(), Error> {
    if name == "SelectUniqueValue" && !is_top {
        let message = "SelectUniqueValue may only be the outermost function of an expression";
        return Err(Error::new(Kind::NotTopLevel, node.at, message));
    }
    Ok(())
}

fn takes_comparison(function: &str, index: usize) -> bool {
    index == 0 && matches!(function, "IIF" | "CBool")
}

fn is_call_of(node: &Node<'_>, name: &str) -> bool {
    matches!(&node.term, Term::Call(function, _) if function.name == name)
}

/// The interval of a date function is nearly always a constant.
fn constant(function: &str, index: usize, argument: &Node<'_>) -> Result<(), Error> {
    match (function, index, &argument.term) {
        ("DateAdd" | "DateDiff", 0, Term::Text(text)) => match Interval::parse(text) {
            Some(_) => Ok(()),
            None => Err(Error::new(Kind::Argument, argument.at, Interval::expected(text))),
        },
        _ => Ok(()),
    }
}
