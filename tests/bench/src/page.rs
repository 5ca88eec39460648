//! The page in the documentation.

use crate::arguments::Arguments;
use crate::report::Report;
use crate::table;

const TEMPLATE: &str = include_str!("page.md.template");

/// The page as Markdown.
pub(crate) fn markdown(arguments: &Arguments, machine: String, report: &Report) -> String {
    [
        ("{goals}", table::goals(report)),
        ("{machine}", machine),
        ("{measurements}", table::measurements(report)),
        ("{work}", table::work(report)),
        ("{steps}", table::steps(&report.steps)),
        ("{seconds}", arguments.seconds.to_string()),
        ("{rounds}", arguments.rounds.to_string()),
        ("{clients}", arguments.clients.to_string()),
        ("{users}", arguments.users.to_string()),
        ("{tenants}", arguments.tenants.to_string()),
    ]
    .into_iter()
    .fold(TEMPLATE.to_owned(), |page, (name, value)| page.replace(name, &value))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::report::tests::report;

    #[test]
    fn the_page_has_no_placeholder_left() {
        let arguments = Arguments::parse_from(["bench", "--postgres", "url", "--programs", "bin", "--clients", "17"]);
        let page = markdown(&arguments, "- kernel: Linux".to_owned(), &report());
        for part in [
            "- kernel: Linux",
            "| gateway               |       1050 |",
            "| the tutorial's mapping |",
            "17 connections",
        ] {
            assert!(page.contains(part), "{part} is missing:\n{page}");
        }
        let placeholder =
            page.split('{').skip(1).find(|rest| rest.split_once('}').is_some_and(|(name, _)| name != "id"));
        assert_eq!(placeholder, None);
    }
}
