//! An explanation in sentences.

use crate::clock::rfc3339;
use crate::operation::explain::{DryOutcome, DryRun, Explanation, Granted};
use crate::store::explain::MAX_EXAMINED_EVENTS;
use crate::store::held::{HeldBefore, HeldKind};
use crate::store::mapping_reason::KeptReason;
use crate::store::resource::read::MappingState;

/// Where the resource stands, its last write, what the active mapping makes of it, and what the product was sent.
pub(super) fn of(it: &Explanation) -> Vec<String> {
    let mut sentences = vec![standing(it), written(it)];
    sentences.extend(it.now.as_ref().and_then(|now| difference(it, now)));
    sentences.extend(it.granted.iter().map(granted));
    sentences.push(sent(it));
    sentences
}

fn granted(it: &Granted) -> String {
    let Granted { rule, grant, group, group_name, is_in_document } = it;
    let name = group_name
        .as_ref()
        .map_or_else(|| "from which its removal is held".to_owned(), |name| format!("called {name}"));
    let (one, value) = (grant.attribute.singular(), &grant.value);
    let also = if *is_in_document { " The mapped document has it as well, so it is shown once." } else { "" };
    format!("By group rule {rule} it has the {one} {value}, as a member of the group {group}, {name}.{also}")
}

fn subject(it: &Explanation) -> String {
    let kind = &it.stored.resource_type;
    it.name.as_ref().map_or_else(|| format!("{kind} {}", it.stored.id), |name| format!("{kind} {name}"))
}

fn standing(it: &Explanation) -> String {
    let who = subject(it);
    if let Some(at) = it.deleted_at {
        let held = it.held.as_ref().map(|held| format!(" The product still sees it: {}.", held_change(held)));
        return format!("{who} was deleted by the SCIM client at {}.{}", rfc3339(at), held.unwrap_or_default());
    }
    let by = it.reason.as_ref().map(by);
    let since = it.reason.as_ref().map_or_else(String::new, |kept| format!(" since {}", rfc3339(kept.since)));
    let unknown = || "for a reason that was not kept yet when it was written".to_owned();
    match it.stored.mapping_state {
        MappingState::Same => format!("The product sees {who} as the SCIM client wrote it."),
        MappingState::Mapped => format!("The product sees {who} as the mapping made it."),
        MappingState::Excluded => {
            format!("The product does not see {who}: excluded{since} {}", sentence(by.unwrap_or_else(unknown)))
        }
        MappingState::Stale => {
            let why = sentence(by.unwrap_or_else(unknown));
            format!("The product sees an older document of {who}: the mapping fails{since} {why}")
        }
        MappingState::Held => {
            let what = it.held.as_ref().map_or_else(String::new, held_change);
            let why = by.map_or_else(String::new, |by| format!(" The mapping decided {}", sentence(by)));
            format!("The product still sees {who} as it was: {what}.{why}")
        }
        MappingState::Never => {
            let why = sentence(by.unwrap_or_else(unknown));
            format!("The product has never seen {who}: the mapping fails{since} {why}")
        }
    }
}

fn held_change(held: &HeldBefore) -> String {
    let what = match held.kind {
        HeldKind::Deactivated => "its deactivation",
        HeldKind::Excluded => "its exclusion",
        HeldKind::Deleted => "its deletion",
    };
    format!("{what} is held since {} in batch {}", rfc3339(held.since), held.batch)
}

/// "by step 2 of revision 5 (scoping@0.1.0): userType is Contractor."
fn by(kept: &KeptReason) -> String {
    if kept.reason.step == 0 {
        return format!("since {}", kept.reason.text);
    }
    let plugin = if kept.reason.plugin.is_empty() { String::new() } else { format!(" ({})", kept.reason.plugin) };
    format!("by step {} of revision {}{plugin}: {}", kept.reason.step, kept.revision, kept.reason.text)
}

fn sentence(mut text: String) -> String {
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

/// Who made the last write is known from the reason or the held change that is kept with it, or from its event.
fn written(it: &Explanation) -> String {
    let at = it.stored.modified_at;
    let known = [it.reason.as_ref().map(|kept| &kept.last), it.held.as_ref().map(|held| &held.last)];
    let kept = known.into_iter().flatten().find(|last| last.at == at);
    let event = it.events.iter().find(|event| event.at == at);
    let who = kept.map(|last| (&last.actor, &last.request_id)).or(event.map(|it| (&it.actor, &it.request_id)));
    match who {
        Some((actor, request)) => format!("It was last written at {} by {actor}, request {request}.", rfc3339(at)),
        None => format!(
            "It was last written at {}; no event names the request, since the product's view did not change.",
            rfc3339(at)
        ),
    }
}

/// Where the active mapping would decide otherwise than is stored.
fn difference(it: &Explanation, now: &DryRun) -> Option<String> {
    let state = it.stored.mapping_state;
    if state == MappingState::Held {
        return None;
    }
    let what = match &now.outcome {
        DryOutcome::Mapped(text) if state.is_mapped() && it.stored.mapped_text() == Some(text) => return None,
        DryOutcome::Mapped(_) if state.is_visible() => "the product would see another document".to_owned(),
        DryOutcome::Mapped(_) => "the product would see it".to_owned(),
        DryOutcome::Excluded(_) if state == MappingState::Excluded => return None,
        DryOutcome::Excluded(why) => format!("it would be excluded: {why}"),
        DryOutcome::Rejected(why) => format!("a write of it would be refused: {why}"),
        DryOutcome::Failed(_) if !state.is_mapped() => return None,
        DryOutcome::Failed(why) => format!("the mapping fails: {why}"),
    };
    let by = if now.revision == 0 { "Without a mapping".to_owned() } else { format!("By revision {}", now.revision) };
    Some(sentence(format!("{by}, as it is active now, {what}")))
}

fn sent(it: &Explanation) -> String {
    let Some(last) = it.events.first() else {
        return format!("Among the last {MAX_EXAMINED_EVENTS} events the product was sent none about it.");
    };
    format!(
        "The last event about it is number {}: {} at {}, by {}, request {}.",
        last.seq,
        last.kind,
        rfc3339(last.at),
        last.actor,
        last.request_id
    )
}
