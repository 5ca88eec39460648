//! Where the keys of other issuers may be, for `serve` and `dev`.

use scimgate::auth::oauth::fetch::FetchRules;
use scimgate::config::Issuers;

use crate::authorities;
use crate::failure::Failure;

pub(super) fn rules(given: &Issuers) -> Result<FetchRules, Failure> {
    let authorities = authorities::of_https("--issuer-ca-file", given.ca_file.as_deref())?;
    Ok(FetchRules { networks: given.networks.clone(), authorities })
}
