//! Certificates of authorities, in the file that an option names.

use std::path::Path;

use reqwest::Certificate;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::failure::Failure;

/// For requests by HTTPS; none without a file.
pub(super) fn of_https(option: &str, file: Option<&Path>) -> Result<Vec<Certificate>, Failure> {
    read(option, file, |bytes| Certificate::from_pem_bundle(bytes).ok())
}

/// For the database; none without a file.
pub(super) fn of_database(option: &str, file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, Failure> {
    read(option, file, |bytes| CertificateDer::pem_slice_iter(bytes).collect::<Result<_, _>>().ok())
}

fn read<T>(option: &str, file: Option<&Path>, parse: impl FnOnce(&[u8]) -> Option<Vec<T>>) -> Result<Vec<T>, Failure> {
    let Some(path) = file else { return Ok(Vec::new()) };
    let wrong = |why: String| Failure::new(format!("the file of {option}, {}, {why}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| wrong(format!("cannot be read ({error})")))?;
    parse(&bytes).filter(|found| !found.is_empty()).ok_or_else(|| wrong("has no certificates in PEM".to_owned()))
}
