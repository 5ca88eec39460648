//! The tree of an expression, and its evaluation: a function gets its arguments unevaluated and asks for those it needs.

use std::borrow::Cow;

use crate::error::{Error, Kind};
use crate::lexer::Comparison;
use crate::pattern::Pattern;
use crate::source::Source;
use crate::value::Value;

/// Longest text that an expression may make.
pub const MAX_TEXT_BYTES: usize = 256 << 10;

/// A part of an expression and the byte at which it begins.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) at: usize,
    pub(crate) term: Term<'a>,
}

impl<'a> Node<'a> {
    /// Adds the names of the attributes that this part reads.
    pub(crate) fn attributes(&self, names: &mut Vec<&'a str>) {
        match &self.term {
            Term::Attribute(name) => names.push(name),
            Term::Call(_, arguments) => arguments.iter().flatten().for_each(|argument| argument.attributes(names)),
            Term::Compare(sides) => [&sides.0, &sides.2].into_iter().for_each(|side| side.attributes(names)),
            Term::Concat(all) => all.iter().for_each(|part| part.attributes(names)),
            _ => {}
        }
    }
}

#[derive(Debug)]
pub(crate) enum Term<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    Attribute(&'a str),
    Parameter(&'a str),
    Word(&'a str),
    Call(&'static Function, Vec<Option<Node<'a>>>),
    Compare(Box<(Node<'a>, Comparison, Node<'a>)>),
    Concat(Vec<Node<'a>>),
    /// A constant argument that is a pattern, compiled.
    Pattern(Box<Pattern>),
}

/// What a function does with the arguments of a call.
pub(crate) type Run = fn(&mut Call<'_, '_, '_>) -> Flow<Value>;

/// A function of the language.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) least: usize,
    pub(crate) most: usize,
    pub(crate) run: Run,
}

/// Why the evaluation ended before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    Error(Error),
    /// The attribute is dropped from the flow.
    IgnoreAttribute,
    /// The whole object is dropped from the flow.
    IgnoreObject,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

pub(crate) type Flow<T> = Result<T, Stop>;

/// What an evaluation reads, and what it has used up.
pub(crate) struct Evaluation<'s> {
    pub(crate) source: &'s mut dyn Source,
    /// Steps that patterns may still take.
    pub(crate) pattern_steps: u32,
    /// How often a random value was taken.
    pub(crate) random_calls: u32,
}

impl Evaluation<'_> {
    pub(crate) fn value(&mut self, node: &Node<'_>) -> Flow<Value> {
        match &node.term {
            Term::Text(text) => Ok(Value::Text(text.clone().into_owned())),
            Term::Integer(number) => Ok(Value::Integer(*number)),
            Term::Attribute(name) => self.source.attribute(name).map_err(|error| {
                Error::new(if error.is_unknown { Kind::UnknownAttribute } else { Kind::Type }, node.at, error.message)
                    .into()
            }),
            Term::Parameter(name) => match self.source.parameter(name) {
                Some(value) => Ok(Value::from(value)),
                None => Err(Error::new(Kind::Argument, node.at, format!("the parameter %{name}% has no value")).into()),
            },
            Term::Word("IgnoreAttributeFlow") => Err(Stop::IgnoreAttribute),
            Term::Word("IgnoreObjectFlow") => Err(Stop::IgnoreObject),
            Term::Word(word) => Ok(Value::from(*word)),
            Term::Call(function, arguments) => (function.run)(&mut Call { evaluation: self, arguments, at: node.at }),
            Term::Compare(sides) => Ok(Value::Boolean(self.compare(&sides.0, sides.1, &sides.2)?)),
            Term::Concat(parts) => {
                let mut text = String::new();
                for part in parts {
                    let value = self.value(part)?;
                    push(&mut text, &text_of(&value, part.at)?.unwrap_or_default(), node.at)?;
                }
                Ok(Value::Text(text))
            }
            Term::Pattern(pattern) => Ok(Value::from(pattern.text())),
        }
    }

    /// Whether a condition holds. Without a value it does not.
    pub(crate) fn holds(&mut self, node: &Node<'_>) -> Flow<bool> {
        let value = self.value(node)?;
        if let Value::Boolean(it) = value {
            return Ok(it);
        }
        if value.is_absent_or_empty() {
            return Ok(false);
        }
        match value.text().as_deref() {
            Some(text) if text.eq_ignore_ascii_case("true") => return Ok(true),
            Some(text) if text.eq_ignore_ascii_case("false") => return Ok(false),
            _ => {}
        }
        let Some(number) = value.number() else {
            let message = "this is neither true nor false; compare it with a value";
            return Err(Error::new(Kind::Type, node.at, message).into());
        };
        Ok(number != 0.0)
    }

    /// A comparison with an absent value, or with a source that is empty, is false whatever the operator.
    fn compare(&mut self, left: &Node<'_>, comparison: Comparison, right: &Node<'_>) -> Flow<bool> {
        let mut sides = [Value::Absent, Value::Absent];
        for (side, node) in sides.iter_mut().zip([left, right]) {
            *side = self.value(node)?;
            let constant = matches!(node.term, Term::Text(_));
            if side.is_absent() || (!constant && side.is_absent_or_empty()) {
                return Ok(false);
            }
        }
        let [left_value, right_value] = &sides;
        let order = if let (Some(left), Some(right)) = (left_value.number(), right_value.number()) {
            left.partial_cmp(&right)
        } else if let (Value::Date(left), Value::Date(right)) = (left_value, right_value) {
            Some(left.cmp(right))
        } else {
            let texts = (text_of(left_value, left.at)?, text_of(right_value, right.at)?);
            match comparison {
                Comparison::Equal => return Ok(texts.0 == texts.1),
                Comparison::NotEqual => return Ok(texts.0 != texts.1),
                _ => None,
            }
        };
        let Some(order) = order else {
            let message = "only numbers, or two dates, can be compared by <, <=, > and >=";
            return Err(Error::new(Kind::Type, right.at, message).into());
        };
        Ok(match comparison {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        })
    }
}

/// The text of a value, or an error if it is several values or a complex one without a text.
pub(crate) fn text_of(value: &Value, at: usize) -> Flow<Option<Cow<'_, str>>> {
    match value.text() {
        None if !value.is_absent() => {
            let message = "several values stand where one is needed; take one with Item, or all with Join";
            Err(Error::new(Kind::Type, at, message).into())
        }
        text => Ok(text),
    }
}

/// Adds to a text, within the limit on its length.
pub(crate) fn push(text: &mut String, more: &str, at: usize) -> Flow<()> {
    if text.len() + more.len() > MAX_TEXT_BYTES {
        let message = format!("the text would have more than {MAX_TEXT_BYTES} bytes");
        return Err(Error::new(Kind::Argument, at, message).into());
    }
    text.push_str(more);
    Ok(())
}

/// One call of a function. Arguments are counted from 0.
pub(crate) struct Call<'c, 's, 'n> {
    pub(crate) evaluation: &'c mut Evaluation<'s>,
    pub(crate) arguments: &'c [Option<Node<'n>>],
    pub(crate) at: usize,
}

impl<'c, 'n> Call<'c, '_, 'n> {
    pub(crate) fn error<T>(&self, kind: Kind, message: impl Into<String>) -> Flow<T> {
        Err(Error::new(kind, self.at, message).into())
    }

    /// An error about one argument.
    pub(crate) fn wrong<T>(&self, index: usize, kind: Kind, message: impl Into<String>) -> Flow<T> {
        let at = self.node(index).map_or(self.at, |node| node.at);
        Err(Error::new(kind, at, message).into())
    }

    pub(crate) fn node(&self, index: usize) -> Option<&'c Node<'n>> {
        self.arguments.get(index)?.as_ref()
    }

    /// Whether something stands in this place.
    pub(crate) fn is_given(&self, index: usize) -> bool {
        self.node(index).is_some()
    }

    /// The argument's value; absent if nothing stands in its place.
    pub(crate) fn value(&mut self, index: usize) -> Flow<Value> {
        match self.node(index) {
            Some(node) => self.evaluation.value(node),
            None => Ok(Value::Absent),
        }
    }

    /// The argument's text, or none of an absent value.
    pub(crate) fn text(&mut self, index: usize) -> Flow<Option<String>> {
        let value = self.value(index)?;
        let at = self.node(index).map_or(self.at, |node| node.at);
        Ok(match value {
            Value::Text(text) => Some(text),
            other => text_of(&other, at)?.map(Cow::into_owned),
        })
    }

    /// The argument as a whole number, or none of an absent value.
    pub(crate) fn integer(&mut self, index: usize) -> Flow<Option<i64>> {
        let value = self.value(index)?;
        if value.is_absent_or_empty() {
            return Ok(None);
        }
        match value.integer() {
            Some(number) => Ok(Some(number)),
            None => self.wrong(index, Kind::Type, "a whole number is needed here"),
        }
    }

    /// The argument as a whole number.
    pub(crate) fn needed_integer(&mut self, index: usize) -> Flow<i64> {
        match self.integer(index)? {
            Some(number) => Ok(number),
            None => self.wrong(index, Kind::Type, "a whole number is needed here, and there is no value"),
        }
    }

    /// Whether a condition holds.
    pub(crate) fn condition(&mut self, index: usize) -> Flow<bool> {
        match self.node(index) {
            Some(node) => self.evaluation.holds(node),
            None => Ok(false),
        }
    }
}
