//! Operations on the detached values: a group's members.

use serde_json::{Map, Value};

use super::super::members::selected;
use super::{Reader, Step, Target, Verb, tolerate_value_list};
use crate::error::ScimError;
use crate::leniency::Leniency;
use crate::member::Member;
use crate::normalise::value::Coercion;
use crate::value::{assigned, is_blank};

impl Reader<'_> {
    pub(super) fn members(&mut self, target: &Target, verb: Verb, value: Option<Value>) -> Result<(), ScimError> {
        let attribute = &target.reference.attribute;
        if let Some(sub) = target.reference.sub.as_ref().filter(|sub| sub.name != "value") {
            // RFC 7643 §8.7.1: the sub-attributes of a member are immutable.
            let full = format!("{}.{}", attribute.name, sub.name);
            return self.leniencies.tolerate(Leniency::ReadOnlyIgnored, &full, &mut self.warnings, || {
                ScimError::mutability(format!("{full} is immutable; remove the member and add another."))
            });
        }
        let selected = match &target.element {
            Some(element) => Some(selected(element, &attribute.name)?),
            None => None,
        };
        let step = match (verb, selected) {
            (Verb::Remove, Some(selected)) => Step::Members(verb, selected),
            (Verb::Remove, None) if value.as_ref().is_none_or(is_blank) => Step::Members(Verb::Replace, Vec::new()),
            (Verb::Remove, None) => {
                tolerate_value_list(self.leniencies, &attribute.name, &mut self.warnings)?;
                Step::Members(verb, self.listed_members(target, value)?)
            }
            (Verb::Replace, Some(selected)) => {
                self.push(Step::Members(Verb::Remove, selected))?;
                Step::Members(Verb::Add, self.listed_members(target, value)?)
            }
            (Verb::Add, _) | (Verb::Replace, None) => Step::Members(verb, self.listed_members(target, value)?),
        };
        self.push(step)
    }

    fn listed_members(&mut self, target: &Target, value: Option<Value>) -> Result<Vec<Member>, ScimError> {
        let attribute = &target.reference.attribute;
        let value = match value.unwrap_or_default() {
            one @ Value::Object(_) => Value::Array(vec![one]),
            other => other,
        };
        let sent = assigned(&value);
        // Unknown sub-attributes of members are not kept, because members are stored outside the document.
        let (leniencies, warnings, unknown) = (&self.leniencies, &mut self.warnings, &mut Map::new());
        let value = Coercion { leniencies, warnings, unknown }.value(value, attribute, &attribute.name)?;
        Member::list_from_json(value.unwrap_or_default(), sent, &attribute.name)
    }
}
