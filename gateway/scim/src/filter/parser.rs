//! Parses a filter by recursive descent: `or` of `and`s of terms. RFC 7644 §3.4.2.2: "Grouping", then "Logical
//! operators - where "not" takes precedence over "and", which takes precedence over "or"", then "Attribute operators".
//! The ABNF's left-recursive logExp is read as a list.

use super::lexer::{self, Kind, LexError, Token};
use super::literal::{self, RawLiteral};
use super::{Comparison, ElementFilter, Filter, MAX_BYTES, MAX_DEPTH, MAX_TERMS, Operator, ValuePath, element_part};
use crate::error::{ScimError, ScimType};
use crate::leniency::{Leniencies, Leniency, Warnings};
use crate::normalise::key;
use crate::schema::{AttributeRef, ResourceType};

pub(super) fn parse_filter(
    text: &str,
    resource_types: &[&ResourceType],
    leniencies: Leniencies,
    warnings: &mut Warnings,
) -> Result<Filter, ScimError> {
    let mut parser = Parser::new(text, leniencies, warnings)?;
    let filter = parser.disjunction(Scope::Document(resource_types), 0)?;
    parser.finish()?;
    Ok(filter)
}

/// The scope that names are resolved in.
#[derive(Clone, Copy)]
pub(crate) enum Scope<'a> {
    /// Attributes of one of these types.
    Document(&'a [&'a ResourceType]),
    /// Sub-attributes of this attribute.
    Element(&'a AttributeRef),
}

pub(crate) struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token<'t>>,
    /// The index of the next token.
    next: usize,
    terms: usize,
    leniencies: Leniencies,
    warnings: &'t mut Warnings,
}

impl<'t> Parser<'t> {
    pub(crate) fn new(text: &'t str, leniencies: Leniencies, warnings: &'t mut Warnings) -> Result<Self, ScimError> {
        if text.len() > MAX_BYTES {
            let detail =
                format!("The filter has {} bytes; at most {MAX_BYTES} are read. Ask for less at once.", text.len());
            return Err(ScimError::bad_request(ScimType::InvalidFilter, detail));
        }
        match lexer::tokens(text) {
            Ok(tokens) => Ok(Self { text, tokens, next: 0, terms: 0, leniencies, warnings }),
            Err(LexError { start, problem }) => Err(refusal(text, start, problem)),
        }
    }

    /// `a or b or c`
    pub(crate) fn disjunction(&mut self, scope: Scope<'_>, depth: usize) -> Result<Filter, ScimError> {
        let first = self.conjunction(scope, depth)?;
        if !self.take_keyword("or") {
            return Ok(first);
        }
        let mut terms = vec![first, self.conjunction(scope, depth)?];
        while self.take_keyword("or") {
            terms.push(self.conjunction(scope, depth)?);
        }
        Ok(Filter::any(terms))
    }

    /// `a and b and c`
    fn conjunction(&mut self, scope: Scope<'_>, depth: usize) -> Result<Filter, ScimError> {
        let first = self.term(scope, depth)?;
        if !self.take_keyword("and") {
            return Ok(first);
        }
        let mut terms = vec![first, self.term(scope, depth)?];
        while self.take_keyword("and") {
            terms.push(self.term(scope, depth)?);
        }
        Ok(Filter::all(terms))
    }

    /// `(…)`, `not (…)`, or a condition on an attribute.
    fn term(&mut self, scope: Scope<'_>, depth: usize) -> Result<Filter, ScimError> {
        let start = self.position();
        if depth > MAX_DEPTH {
            return Err(self.refuse(start, &format!("parentheses are nested deeper than {MAX_DEPTH}")));
        }
        if self.take(&Kind::Open) {
            return self.group(scope, depth);
        }
        let Some(word) = self.take_word() else {
            return Err(self.refuse(start, "the name of an attribute is expected"));
        };
        if word.eq_ignore_ascii_case("not") {
            // RFC 7644 figure 1: `*1"not" "(" FILTER ")"`. Without parentheses the scope of `not` is ambiguous.
            if !self.take(&Kind::Open) {
                return Err(self.refuse(self.position(), "not must be followed by a condition in parentheses"));
            }
            return Ok(Filter::Not(Box::new(self.group(scope, depth)?)));
        }
        self.count_term(start)?;
        let attribute = self.attribute(word, start, scope)?;
        if self.take(&Kind::OpenBracket) {
            return self.value_path(attribute, start, scope, depth);
        }
        self.condition(attribute, scope)
    }

    /// The filter after `(`, up to its `)`.
    fn group(&mut self, scope: Scope<'_>, depth: usize) -> Result<Filter, ScimError> {
        let inner = self.disjunction(scope, depth + 1)?;
        if self.take(&Kind::Close) {
            return Ok(inner);
        }
        Err(self.refuse(self.position(), "and, or or a closing parenthesis is expected"))
    }

    /// The element filter after `emails[`, and an optional condition on a sub-attribute of the same element.
    fn value_path(
        &mut self,
        attribute: AttributeRef,
        start: usize,
        scope: Scope<'_>,
        depth: usize,
    ) -> Result<Filter, ScimError> {
        if matches!(scope, Scope::Element(_)) {
            return Err(self.refuse(start, "brackets within brackets are not possible"));
        }
        let mut filter = self.brackets(&attribute, start, depth)?;
        if let Some(part) = self.sub_attribute(&attribute)? {
            // The ABNF has no such form, but Entra ID and Okta send it. Both conditions apply to the same element.
            let condition = self.condition(part, Scope::Element(&attribute))?;
            filter = Filter::all(vec![filter, condition]);
        }
        Ok(Filter::ValuePath(ValuePath { attribute, filter: ElementFilter::new(filter) }))
    }

    /// The filter between `[` and `]`, on elements of `attribute`.
    pub(crate) fn brackets(
        &mut self,
        attribute: &AttributeRef,
        start: usize,
        depth: usize,
    ) -> Result<Filter, ScimError> {
        let of_elements =
            attribute.sub.is_none() && (attribute.attribute.is_complex() || attribute.attribute.multi_valued);
        if !of_elements {
            let problem = format!("{} has no elements that brackets could select", attribute.name());
            return Err(self.refuse(start, &problem));
        }
        let filter = self.disjunction(Scope::Element(attribute), depth + 1)?;
        if self.take(&Kind::CloseBracket) {
            return Ok(filter);
        }
        Err(self.refuse(self.position(), "and, or or a closing bracket is expected"))
    }

    /// The `.value` after a closing bracket, if any.
    pub(crate) fn sub_attribute(&mut self, attribute: &AttributeRef) -> Result<Option<AttributeRef>, ScimError> {
        let start = self.position();
        let Some(name) = self.word().and_then(|word| word.strip_prefix('.')) else { return Ok(None) };
        self.next += 1;
        self.attribute(name, start, Scope::Element(attribute)).map(Some)
    }

    /// `pr`, or an operator and a value.
    pub(crate) fn condition(&mut self, attribute: AttributeRef, scope: Scope<'_>) -> Result<Filter, ScimError> {
        let start = self.position();
        let Some(word) = self.take_word() else {
            return Err(self.refuse(start, &format!("an operator is expected after {}", attribute.name())));
        };
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(attribute));
        }
        let Some(operator) = Operator::find(word) else {
            let problem = format!("{word} is not an operator; use eq, ne, co, sw, ew, gt, ge, lt, le or pr");
            return Err(self.refuse(start, &problem));
        };
        let start = self.position();
        let raw = match self.tokens.get_mut(self.next).map(|token| &mut token.kind) {
            Some(Kind::Text(text)) => RawLiteral::Text(std::mem::take(text)),
            Some(Kind::Word(word)) => RawLiteral::from_word(word),
            _ => return Err(self.refuse(start, &format!("a value is expected after {word}"))),
        };
        self.next += 1;
        if raw == RawLiteral::Null {
            return self.null(attribute, operator, start);
        }
        self.comparison(value_of(attribute, scope), operator, raw, start)
    }

    /// RFC 7643 §2.5: null, an empty array and a missing value are one state, so `eq null` is the negation of `pr`.
    fn null(&self, attribute: AttributeRef, operator: Operator, start: usize) -> Result<Filter, ScimError> {
        match operator {
            Operator::Equal => Ok(Filter::Not(Box::new(Filter::Present(attribute)))),
            Operator::NotEqual => Ok(Filter::Present(attribute)),
            _ => Err(self.refuse(start, &format!("null cannot be compared by {}; use eq, ne or pr", operator.name()))),
        }
    }

    fn comparison(
        &mut self,
        attribute: AttributeRef,
        operator: Operator,
        raw: RawLiteral<'_>,
        start: usize,
    ) -> Result<Filter, ScimError> {
        let text = self.text;
        let expected = |what: &str| refusal(text, start, &format!("{} must be compared with {what}", attribute.name()));
        let (value, leniency) = raw.convert(attribute.leaf()).map_err(expected)?;
        if let Some(leniency) = leniency {
            let refuse = || match leniency {
                Leniency::UnquotedFilterValue => expected("a value in double quotes (\")"),
                _ => expected("a value of its own type, without quotes"),
            };
            self.leniencies.tolerate(leniency, &attribute.name(), self.warnings, refuse)?;
        }
        if let Some(problem) = literal::operator_problem(operator, attribute.leaf(), &value) {
            return Err(self.refuse(start, &problem));
        }
        Ok(Filter::Compare(Comparison { attribute, operator, value }))
    }

    /// Resolves a name in its scope.
    fn attribute(&mut self, name: &str, start: usize, scope: Scope<'_>) -> Result<AttributeRef, ScimError> {
        let found = match scope {
            Scope::Document(resource_types) => self.resolve(name, start, resource_types)?,
            Scope::Element(attribute) => element_part(attribute, name)
                .ok_or_else(|| self.refuse(start, &format!("{} has no sub-attribute {name}", attribute.name())))?,
        };
        // RFC 7643 §7, returned "never": "A service provider MAY allow attributes to be used in a search filter." This
        // one does not: filters would reveal a secret character by character.
        if found.attribute.is_secret() || found.leaf().is_secret() {
            return Err(self.refuse(start, &format!("{} is never returned and cannot be filtered by", found.name())));
        }
        Ok(found)
    }

    /// RFC 7644 §3.4.2.2 leaves undefined attributes open. With an empty list instead of an error, clients would create
    /// duplicates.
    fn resolve(
        &mut self,
        name: &str,
        start: usize,
        resource_types: &[&ResourceType],
    ) -> Result<AttributeRef, ScimError> {
        let mut each = resource_types.iter().filter_map(|known| Some((*known, known.resolve(name)?)));
        let text = self.text;
        let undefined = || refusal(text, start, &format!("there is no attribute {name}"));
        let Some((resource_type, found)) = each.next() else { return Err(undefined()) };
        if let Some((other, _)) = each.find(|(_, it)| !it.compares_like(&found)) {
            let problem = format!(
                "{name} is not the same kind of attribute in {} and in {}; ask for one type at a time",
                resource_type.name, other.name
            );
            return Err(self.refuse(start, &problem));
        }
        key::tolerate_form(name, &found, resource_type, &self.leniencies, self.warnings, undefined)?;
        Ok(found)
    }

    /// Consumes the next token if it is a word.
    pub(crate) fn take_word(&mut self) -> Option<&'t str> {
        let word = self.word();
        self.next += usize::from(word.is_some());
        word
    }

    fn word(&self) -> Option<&'t str> {
        match self.tokens.get(self.next)?.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(crate) fn take_bracket(&mut self) -> bool {
        self.take(&Kind::OpenBracket)
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.next >= self.tokens.len()
    }

    /// Refuses remaining tokens.
    pub(crate) fn finish(&self) -> Result<(), ScimError> {
        if self.is_at_end() {
            return Ok(());
        }
        Err(self.refuse(self.position(), "the text goes on where it should end, or with and or or"))
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.word().is_some_and(|word| word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    fn take(&mut self, kind: &Kind<'_>) -> bool {
        let found = self.tokens.get(self.next).is_some_and(|token| token.kind == *kind);
        self.next += usize::from(found);
        found
    }

    fn count_term(&mut self, start: usize) -> Result<(), ScimError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(
                self.refuse(start, &format!("there are more than {MAX_TERMS} conditions; ask for less at once"))
            );
        }
        Ok(())
    }

    /// The byte offset of the next token.
    pub(crate) fn position(&self) -> usize {
        self.tokens.get(self.next).map_or(self.text.len(), |token| token.start)
    }

    pub(crate) fn refuse(&self, start: usize, problem: &str) -> ScimError {
        refusal(self.text, start, problem)
    }
}

/// A comparison on a complex attribute is one on its `value`: Entra ID sends `members eq "…"` and `manager eq "…"`.
fn value_of(attribute: AttributeRef, scope: Scope<'_>) -> AttributeRef {
    if attribute.sub.is_some() || !attribute.attribute.is_complex() || !matches!(scope, Scope::Document(_)) {
        return attribute;
    }
    element_part(&attribute, "value").unwrap_or(attribute)
}

fn refusal(text: &str, start: usize, problem: &str) -> ScimError {
    let position = text.get(..start).unwrap_or(text).chars().count() + 1;
    ScimError::bad_request(ScimType::InvalidFilter, format!("Filter, character {position}: {problem}."))
}
