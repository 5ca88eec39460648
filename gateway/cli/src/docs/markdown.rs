//! Markdown as HTML: with an anchor at each heading, as forges make them, and links that lead to the pages of the site.

use std::collections::HashMap;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

/// A document as a page.
pub(super) struct Rendered {
    /// Its first heading.
    pub(super) title: String,
    pub(super) html: String,
    /// What the search finds: the text below each heading.
    pub(super) sections: Vec<Section>,
}

/// A heading, and the text below it up to the next one.
#[derive(Default)]
pub(super) struct Section {
    pub(super) anchor: String,
    pub(super) heading: String,
    pub(super) text: String,
}

/// Renders a document. `link` gives the address on the site for one in the document; where it gives none, the text stays without a link.
pub(super) fn render(text: &str, link: impl Fn(&str) -> Option<String>) -> Rendered {
    let mut reader = Reader {
        link,
        events: Vec::new(),
        sections: vec![Section::default()],
        anchors: HashMap::new(),
        heading: None,
        is_linked: Vec::new(),
    };
    for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        reader.add(event);
    }
    let mut html = String::new();
    html::push_html(&mut html, reader.events.into_iter());
    // The site's policy forbids styles in the text; these are of aligned columns.
    let html = html.replace(" style=\"text-align: ", " class=\"");
    let mut sections = reader.sections;
    sections.retain(|section| !section.heading.is_empty() || !section.text.trim().is_empty());
    let title = sections.iter().map(|section| section.heading.clone()).find(|heading| !heading.is_empty());
    Rendered { title: title.unwrap_or_default(), html, sections }
}

/// Reads a document's parts in order.
struct Reader<'t, L> {
    link: L,
    /// What becomes HTML.
    events: Vec<Event<'t>>,
    sections: Vec<Section>,
    /// How often each anchor was used.
    anchors: HashMap<String, usize>,
    /// Where the heading that is read begins.
    heading: Option<usize>,
    /// Of each open link, whether it has an address.
    is_linked: Vec<bool>,
}

impl<'t, L: Fn(&str) -> Option<String>> Reader<'t, L> {
    fn add(&mut self, event: Event<'t>) {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                self.sections.push(Section::default());
                self.heading = Some(self.events.len());
                self.events.push(event);
            }
            Event::End(TagEnd::Heading(_)) => {
                self.end_heading();
                self.events.push(event);
            }
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let address = (self.link)(&dest_url);
                self.is_linked.push(address.is_some());
                if let Some(address) = address {
                    self.events.push(Event::Start(Tag::Link { link_type, dest_url: address.into(), title, id }));
                }
            }
            Event::End(TagEnd::Link) => {
                if self.is_linked.pop() == Some(true) {
                    self.events.push(event);
                }
            }
            Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
                let dest_url = (self.link)(&dest_url).map_or(dest_url, Into::into);
                self.events.push(Event::Start(Tag::Image { link_type, dest_url, title, id }));
            }
            // Comments for the tests of the documents.
            Event::Html(_) | Event::InlineHtml(_) => {}
            event => {
                if let Event::Text(text) | Event::Code(text) = &event {
                    self.add_text(text);
                }
                self.events.push(event);
            }
        }
    }

    fn end_heading(&mut self) {
        let (Some(at), Some(section)) = (self.heading.take(), self.sections.last_mut()) else { return };
        section.anchor = anchor(&section.heading, &mut self.anchors);
        if let Some(Event::Start(Tag::Heading { id, .. })) = self.events.get_mut(at) {
            *id = Some(section.anchor.clone().into());
        }
    }

    /// For the search.
    fn add_text(&mut self, text: &str) {
        let Some(section) = self.sections.last_mut() else { return };
        if self.heading.is_some() {
            section.heading.push_str(text);
        } else {
            section.text.push_str(text);
            section.text.push(' ');
        }
    }
}

/// The anchor of a heading: its letters and digits in lower case, a hyphen for each blank; a number where another heading has the same.
fn anchor(heading: &str, seen: &mut HashMap<String, usize>) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-' | ' '));
    let name: String = kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect();
    let count = seen.entry(name.clone()).or_default();
    *count += 1;
    if *count == 1 { name } else { format!("{name}-{}", *count - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_anchors_and_links_lead_to_pages() {
        let text = "# The `tour`\n\nSee [a](a.md#b), [gone](../x.rs).\n<!-- hidden -->\n\n## Same\n\none\n\n## Same\n\n| a |\n|---|\n| two |\n";
        let rendered = render(text, |to| to.starts_with("a.md").then(|| to.replace(".md", ".html")));
        assert_eq!(rendered.title, "The tour");
        for part in [
            "<h1 id=\"the-tour\">",
            "<h2 id=\"same\">",
            "<h2 id=\"same-1\">",
            "<a href=\"a.html#b\">a</a>, gone.",
            "<td>two</td>",
        ] {
            assert!(rendered.html.contains(part), "{part} is missing in {}", rendered.html);
        }
        assert!(!rendered.html.contains("hidden"), "{}", rendered.html);
        let found: Vec<(&str, &str)> =
            rendered.sections.iter().map(|section| (section.anchor.as_str(), section.text.trim())).collect();
        assert_eq!(found[1..], [("same", "one"), ("same-1", "a two")], "{found:?}");
    }
}
