//! `simulate`: identity providers played against the gateway, and against servers that do something wrong.

mod broken;
mod clients;
mod forms;
mod garbage;
mod jumpcloud;
mod limits;
mod okta;
mod onelogin;
mod ping;
mod played;
mod product;
mod repeated;
mod rippling;
mod sailpoint;
mod stage;
mod writes;

use scimgate_simulate::address::Base;
use scimgate_simulate::okta::Form;
use scimgate_simulate::secret::Secret;
use scimgate_simulate::{Dialect, Directory, Options, Pace, Report, Silent, Size};
use scimgate_tests::{Client, Tenant};

const DIALECTS: [Dialect; 3] = [Dialect::Default, Dialect::Flag, Dialect::Mixed];

/// A client, in one of its ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Player {
    Entra,
    Okta(Form),
    OneLogin,
    JumpCloud,
    Ping,
    Rippling,
    SailPoint,
}

impl Player {
    const ALL: [Self; 8] = [
        Self::Entra,
        Self::Okta(Form::Wizard),
        Self::Okta(Form::Catalogue),
        Self::OneLogin,
        Self::JumpCloud,
        Self::Ping,
        Self::Rippling,
        Self::SailPoint,
    ];

    async fn play(self, options: &Options) -> Report {
        let report = match self {
            Self::Entra => scimgate_simulate::entra(options, &Silent).await,
            Self::Okta(form) => scimgate_simulate::okta(options, form, &Silent).await,
            Self::OneLogin => scimgate_simulate::onelogin(options, &Silent).await,
            Self::JumpCloud => scimgate_simulate::jumpcloud(options, &Silent).await,
            Self::Ping => scimgate_simulate::ping(options, &Silent).await,
            Self::Rippling => scimgate_simulate::rippling(options, &Silent).await,
            Self::SailPoint => scimgate_simulate::sailpoint(options, &Silent).await,
        };
        report.unwrap()
    }
}

/// The token of a client.
fn secret(client: &Client) -> Secret {
    let header = client.authorization.as_ref().unwrap().to_str().unwrap();
    Secret::from(header.strip_prefix("Bearer ").unwrap().to_owned())
}

/// Every part, in a few requests.
fn options(tenant: &Tenant) -> Options {
    Options {
        base: Base::parse(&tenant.scim.base).unwrap(),
        token: secret(&tenant.scim),
        directory: None,
        dialect: Dialect::Default,
        size: Size { users: 12, groups: 5, members_per_group: 9, cycles: 2 },
        pace: Pace { rate: None, concurrency: 4 },
        seed: 1,
        match_external_id: false,
        keep: false,
    }
}

/// The product's side of a tenant.
fn directory(tenant: &Tenant) -> Directory {
    Directory { base: Base::parse(&tenant.directory.base).unwrap(), key: secret(&tenant.directory) }
}

async fn play(options: &Options) -> Report {
    Player::Entra.play(options).await
}

/// How many users and groups there are.
async fn left(tenant: &Tenant) -> [i64; 2] {
    let total = async |path| tenant.get(path).await.expect(200).body["totalResults"].as_i64().unwrap();
    [total("/Users?count=0").await, total("/Groups?count=0").await]
}

/// Nothing was wrong, and something was compared.
#[track_caller]
fn assert_green(report: &Report) {
    assert!(report.green, "{:#?}\n{:#?}\n{:?}", report.findings, report.compared, report.stopped);
    for compared in &report.compared {
        assert!(compared.users > 0 && compared.groups > 0 && compared.memberships > 0, "{compared:?}");
        assert!(compared.gone > 0 && compared.differences == 0, "{compared:?}");
    }
}
