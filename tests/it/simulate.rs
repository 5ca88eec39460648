//! `simulate`: identity providers against the gateway, and against servers that do something wrong.

mod directory;
mod entra;
mod entra_faults;
mod garbage;
mod jumpcloud;
mod limits;
mod okta;
mod onelogin;
mod ping;
mod providers;
mod response_forms;
mod rippling;
mod rotation;
mod sailpoint;
mod scope;
mod seed;
mod stale_responses;
mod test_bed;

use scimgate_simulate::{BaseUrl, Dialect, Directory, NoProgress, OktaApp, Options, Report, Size};
use scimgate_tests::Tenant;
use scimgate_tests::simulation::{self, secret};

const DIALECTS: [Dialect; 3] = [Dialect::Default, Dialect::Flag, Dialect::Mixed];

/// A simulated provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Provider {
    Entra,
    Okta(OktaApp),
    OneLogin,
    JumpCloud,
    Ping,
    Rippling,
    SailPoint,
}

impl Provider {
    const ALL: [Self; 8] = [
        Self::Entra,
        Self::Okta(OktaApp::Wizard),
        Self::Okta(OktaApp::Catalogue),
        Self::OneLogin,
        Self::JumpCloud,
        Self::Ping,
        Self::Rippling,
        Self::SailPoint,
    ];

    async fn simulate(self, options: &Options) -> Report {
        let report = match self {
            Self::Entra => scimgate_simulate::entra(options, &NoProgress).await,
            Self::Okta(app) => scimgate_simulate::okta(options, app, &NoProgress).await,
            Self::OneLogin => scimgate_simulate::onelogin(options, &NoProgress).await,
            Self::JumpCloud => scimgate_simulate::jumpcloud(options, &NoProgress).await,
            Self::Ping => scimgate_simulate::ping(options, &NoProgress).await,
            Self::Rippling => scimgate_simulate::rippling(options, &NoProgress).await,
            Self::SailPoint => scimgate_simulate::sailpoint(options, &NoProgress).await,
        };
        report.unwrap()
    }
}

/// Every role and change, in a few requests.
fn options(tenant: &Tenant) -> Options {
    let size = Size { users: 12, groups: 5, members_per_group: 9, cycles: 2 };
    simulation::options(&tenant.scim.base, secret(&tenant.scim), size)
}

/// The directory of a tenant.
fn directory(tenant: &Tenant) -> Directory {
    Directory { base_url: BaseUrl::parse(&tenant.directory.base).unwrap(), key: secret(&tenant.directory) }
}

async fn simulate_entra(options: &Options) -> Report {
    Provider::Entra.simulate(options).await
}

/// The numbers of users and groups on the server.
async fn remaining(tenant: &Tenant) -> [i64; 2] {
    let total = async |path| tenant.get(path).await.expect(200).body["totalResults"].as_i64().unwrap();
    [total("/Users?count=0").await, total("/Groups?count=0").await]
}

/// Asserts that there are no findings, and that something was compared.
#[track_caller]
fn assert_green(report: &Report) {
    assert!(report.green, "{:#?}\n{:#?}\n{:?}", report.findings, report.compared, report.stopped);
    for compared in &report.compared {
        assert!(compared.users > 0 && compared.groups > 0 && compared.memberships > 0, "{compared:?}");
        assert!(compared.gone > 0 && compared.differences == 0, "{compared:?}");
    }
}
