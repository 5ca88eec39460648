//! Where the keys of other issuers may be, for `serve` and `dev`.

use scimgate::auth::oauth::fetch::FetchRules;
use scimgate::config::Issuers;

use crate::failure::Failure;

pub(super) fn rules(given: &Issuers) -> Result<FetchRules, Failure> {
    let mut authorities = Vec::new();
    if let Some(path) = &given.ca_file {
        let wrong = |why: String| Failure::new(format!("the file of --issuer-ca-file, {}, {why}", path.display()));
        let bytes = std::fs::read(path).map_err(|error| wrong(format!("cannot be read ({error})")))?;
        authorities = reqwest::Certificate::from_pem_bundle(&bytes)
            .ok()
            .filter(|found| !found.is_empty())
            .ok_or_else(|| wrong("has no certificates in PEM".to_owned()))?;
    }
    Ok(FetchRules { networks: given.networks.clone(), authorities })
}
