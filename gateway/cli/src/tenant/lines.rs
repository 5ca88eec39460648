//! An export as lines: what its first and its last line say, and whether it is complete.

use serde_json::Value;

use crate::failure::Failure;

/// The format and its version that this binary reads and writes.
const FORMAT: &str = "scimgate-tenant";
const VERSION: u64 = 1;
/// Longest line in bytes: a header has all schemas of a tenant.
pub(super) const MAX_LINE_BYTES: usize = 16 << 20;

/// What the first line says.
#[derive(Debug)]
pub(super) struct Header {
    /// The tenant that was exported.
    pub(super) tenant: String,
    /// How many resources it had when that began.
    pub(super) resources: u64,
    /// Its settings.
    pub(super) settings: Value,
}

impl Header {
    /// Reads the first line.
    pub(super) fn read(line: &[u8]) -> Result<Self, Failure> {
        let line: Value = serde_json::from_slice(line).unwrap_or_default();
        let header = &line["header"];
        if header["format"] != FORMAT {
            return Err(Failure::new(
                "this is not an export of a tenant: its first line is not a header; make one with `scimgate tenant export`",
            ));
        }
        if header["version"] != VERSION {
            return Err(Failure::new(format!(
                "the export has version {} of the format, and this scimgate reads version {VERSION}; use the scimgate that made it, \
                 or a newer one",
                header["version"]
            )));
        }
        Ok(Self {
            tenant: header["tenant"].as_str().unwrap_or_default().to_owned(),
            resources: header["resources"].as_u64().unwrap_or_default(),
            settings: header["settings"].clone(),
        })
    }
}

/// Counts lines as they pass, and knows at the end whether all are there.
#[derive(Debug, Default)]
pub(super) struct Completeness {
    resources: u64,
    members: u64,
    pending: u64,
    /// What the last line says there are.
    end: Option<[u64; 3]>,
    /// Whether lines follow the last one.
    goes_on: bool,
}

impl Completeness {
    /// A line after the header. Only its beginning is looked at, save for members.
    pub(super) fn pass(&mut self, line: &[u8]) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        self.goes_on |= self.end.is_some();
        if line.starts_with(b"{\"resource\":") {
            self.resources += 1;
            return;
        }
        let line: Value = serde_json::from_slice(line).unwrap_or_default();
        let length = |list: &Value| list.as_array().map_or(0, |list| list.len() as u64);
        self.resources += u64::from(line["resource"].is_object());
        self.members += length(&line["members"]["ids"]);
        self.pending += length(&line["members"]["pending"]);
        if line["end"].is_object() {
            self.end =
                Some(["resources", "members", "pending"].map(|name| line["end"][name].as_u64().unwrap_or_default()));
        }
    }

    pub(super) fn resources(&self) -> u64 {
        self.resources
    }

    pub(super) fn members(&self) -> u64 {
        self.members + self.pending
    }

    /// Whether every line is there.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let found = [self.resources, self.members, self.pending];
        match self.end {
            Some(end) if end == found && !self.goes_on => Ok(()),
            Some(end) => Err(Failure::new(format!(
                "the export is damaged: its last line says {} resources and {} members, and there are {} and {}; export again",
                end[0],
                end[1] + end[2],
                found[0],
                found[1] + found[2]
            ))),
            None => Err(Failure::new("the export is not complete: its last line is missing; export again")),
        }
    }
}

/// Cuts bytes into lines as they arrive.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    rest: Vec<u8>,
}

impl Splitter {
    /// The lines that end in these bytes, each with its line feed. The last line of an export has one, too.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.rest.len() + piece.len() > MAX_LINE_BYTES {
                return Err(Failure::new(format!(
                    "a line is longer than {MAX_LINE_BYTES} bytes, the longest accepted"
                )));
            }
            self.rest.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                lines.push(std::mem::take(&mut self.rest));
            }
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(lines: &[&str]) -> Result<(), String> {
        let mut complete = Completeness::default();
        lines.iter().for_each(|line| complete.pass(line.as_bytes()));
        complete.check().map_err(|failure| failure.message)
    }

    #[test]
    fn an_export_is_complete_with_the_end_that_counts_its_lines() {
        let resource = "{\"resource\":{}}\n";
        let members = "{\"members\":{\"group\":\"g\",\"ids\":[\"a\",\"b\"]}}\n";
        let end = "{\"end\":{\"resources\":1,\"members\":2,\"pending\":0}}\n";
        assert_eq!(checked(&[resource, members, end, "\n"]), Ok(()));
        for (lines, part) in [
            (&[resource, members][..], "its last line is missing"),
            (&[resource, end][..], "2 members, and there are 1 and 0"),
            (&[resource, members, end, resource][..], "damaged"),
            (&[][..], "not complete"),
        ] {
            let said = checked(lines).unwrap_err();
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn a_header_of_another_format_or_version_is_refused() {
        let read = |text: &str| Header::read(text.as_bytes()).map(|it| it.tenant).map_err(|failure| failure.message);
        assert_eq!(
            read(r#"{"header":{"format":"scimgate-tenant","version":1,"tenant":"acme"}}"#),
            Ok("acme".to_owned())
        );
        let newer = read(r#"{"header":{"format":"scimgate-tenant","version":2,"tenant":"acme"}}"#).unwrap_err();
        assert!(newer.contains("version 2") && newer.contains("reads version 1"), "{newer}");
        for text in ["", "{}", "id,name", r#"{"resource":{}}"#] {
            assert!(read(text).unwrap_err().contains("not an export of a tenant"), "{text}");
        }
    }

    #[test]
    fn bytes_are_cut_into_lines() {
        let mut splitter = Splitter::default();
        assert_eq!(splitter.push(b"ab").unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(splitter.push(b"c\nd\ne").unwrap(), [b"abc\n".to_vec(), b"d\n".to_vec()]);
        assert!(Splitter::default().push(&vec![b'x'; MAX_LINE_BYTES + 1]).is_err());
    }
}
