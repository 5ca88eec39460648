//! `scimgate tenant export`: a whole tenant as lines of JSON, or as SCIM bulk requests. The file appears under its name when it is
//! complete.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};

use super::bulk::{Bulk, Limits};
use super::lines::{Completeness, Header, Splitter};
use crate::client::AdminClient;
use crate::failure::Failure;

/// The progress line.
pub(super) const PROGRESS: &str = "{msg:22} {bar:30} {pos}/{len} {eta:.dim}";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The tenant's name.
    name: String,
    /// Where to write it; - is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Lines that `scimgate tenant import` takes, or SCIM bulk requests for any SCIM server, one on each line.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Most operations of a bulk request: maxOperations of the server that is to take it.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_operations: u32,
    /// Longest bulk request: maxPayloadSize of the server that is to take it.
    #[arg(long, value_name = "BYTES", default_value_t = 1_048_576, value_parser = clap::value_parser!(u32).range(1024..))]
    max_payload: u32,
}

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Jsonl,
    Bulk,
}

pub(super) async fn run(client: &AdminClient, it: &Arguments) -> Result<(), Failure> {
    let path = client.path(&["tenants", &it.name, "export"])?;
    let mut response = client.stream(&path).await?;
    let mut target = Target::open(&it.file)?;
    let bar = progress("exporting resources");
    let limits = Limits { operations: it.max_operations as usize, bytes: it.max_payload as usize };
    let mut bulk = (it.format == Format::Bulk).then(|| Bulk::new(limits));
    let (mut splitter, mut complete, mut header) = (Splitter::default(), Completeness::default(), None);
    while let Some(part) = client.part(&mut response).await? {
        for line in splitter.push(&part)? {
            if header.is_none() {
                let read = Header::read(&line)?;
                bar.set_length(read.resources);
                if let Some(bulk) = &mut bulk {
                    bulk.begin(&read.settings);
                }
                header = Some(read);
            } else {
                complete.pass(&line);
            }
            match &mut bulk {
                Some(bulk) => bulk.line(&line, &mut target)?,
                None => target.write_all(&line)?,
            }
        }
        bar.set_position(complete.resources());
    }
    bar.finish_and_clear();
    complete
        .check()
        .map_err(|failure| Failure::new(format!("the gateway ended the export early: {}", failure.message)))?;
    let requests = bulk.map(|bulk| bulk.end(&mut target)).transpose()?;
    target.finish()?;
    let (resources, members) = (complete.resources(), complete.members());
    eprint_line(&format!("{resources} resources and {members} memberships of {} are exported.", it.name));
    if let Some(sentence) = requests {
        eprint_line(&sentence);
    }
    Ok(())
}

/// A bar on standard error, if that is a terminal.
pub(super) fn progress(message: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template(PROGRESS).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_message(message)
}

/// Standard output may be the file.
pub(super) fn eprint_line(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The file, under another name until it is complete, or standard output.
enum Target {
    Out(io::Stdout),
    File { file: BufWriter<File>, partial: PathBuf, path: PathBuf },
}

impl Target {
    fn open(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Ok(Self::Out(io::stdout()));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        // It has the tenant's identities: for its owner alone.
        let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial);
        let file = opened.map_err(|error| Failure::new(format!("cannot write {}: {error}", partial.display())))?;
        Ok(Self::File { file: BufWriter::new(file), partial, path: path.to_owned() })
    }

    /// The file gets its name.
    fn finish(mut self) -> Result<(), Failure> {
        self.flush()?;
        if let Self::File { file, partial, path } = &self {
            file.get_ref().sync_all()?;
            std::fs::rename(partial, path)
                .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
        }
        Ok(())
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Out(out) => out.write(bytes),
            Self::File { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Out(out) => out.flush(),
            Self::File { file, .. } => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template(PROGRESS).is_ok());
    }
}
