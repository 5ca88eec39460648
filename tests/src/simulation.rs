//! What simulations of identity providers are started with.

use scimgate_simulate::{BaseUrl, Dialect, Options, Pace, Secret, Size};

use crate::Client;

/// Four requests at a time at the SCIM address of a tenant, which is empty again afterwards.
#[must_use]
pub fn options(address: &str, token: Secret, size: Size) -> Options {
    Options {
        base_url: BaseUrl::parse(address).unwrap(),
        token,
        directory: None,
        dialect: Dialect::Default,
        size,
        pace: Pace { rate: None, concurrency: 4 },
        seed: 1,
        match_external_id: false,
        lost_percent: 0,
        keep: false,
    }
}

/// The token of a client.
#[must_use]
pub fn secret(client: &Client) -> Secret {
    let header = client.authorization.as_ref().unwrap().to_str().unwrap();
    Secret::from(header.strip_prefix("Bearer ").unwrap().to_owned())
}
