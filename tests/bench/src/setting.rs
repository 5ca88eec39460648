//! Under which conditions is measured: commits that wait for the disk or not, one tenant or many.

use crate::competitor::Competitor;
use crate::failed::Failed;
use crate::request::Workload;
use crate::seed::{Place, Tenant};

/// A setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// On the command line.
    pub(crate) name: &'static str,
    /// Above the table.
    pub(crate) title: &'static str,
    pub(crate) durable: bool,
    pub(crate) many: bool,
    pub(crate) workloads: &'static [Workload],
}

use Workload::{Contains, Create, DeepPage, ExternalId, Filter, FirstPage, Get, List, Mail, Members, Patch, Sizes};

/// The goals are for this one.
pub(crate) const DURABLE: Setting = Setting {
    name: "durable",
    title: "Durable, one tenant",
    durable: true,
    many: false,
    workloads: &[Create, Get, Filter, ExternalId, Mail, List, Patch, Members, Sizes, Contains, FirstPage, DeepPage],
};

/// All of them, in the order of the report. Reads are left out where nothing but the commit differs.
pub(crate) const SETTINGS: [Setting; 4] = [
    DURABLE,
    Setting {
        name: "relaxed",
        title: "synchronous_commit=off, one tenant",
        durable: false,
        many: false,
        workloads: &[Create, Patch, Members],
    },
    Setting {
        name: "many",
        title: "Durable, many tenants",
        durable: true,
        many: true,
        workloads: &[Create, Get, Filter, Patch],
    },
    Setting {
        name: "many-relaxed",
        title: "synchronous_commit=off, many tenants",
        durable: false,
        many: true,
        workloads: &[Create, Patch],
    },
];

impl Setting {
    /// Makes the server commit so.
    pub(crate) async fn apply(&self, place: &Place) -> Result<(), Failed> {
        let value = if self.durable { "on" } else { "off" };
        let doing = "setting synchronous_commit";
        for statement in
            [format!("ALTER SYSTEM SET synchronous_commit = {value}"), "SELECT pg_reload_conf()".to_owned()]
        {
            place.superuser.batch_execute(&statement).await.map_err(Failed::doing(doing))?;
        }
        // Sessions read the configuration before their next statement; the reload itself takes a moment.
        for _ in 0..100 {
            let row = place.superuser.query_one("SHOW synchronous_commit", &[]).await.map_err(Failed::doing(doing))?;
            if row.get::<_, &str>(0) == value {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Err(Failed::because("the server does not take up synchronous_commit"))
    }

    /// Whose users the requests are for.
    pub(crate) fn tenants<'a>(&self, place: &'a Place, workload: Workload, competitor: &Competitor) -> &'a [Tenant] {
        match (self.many, competitor.mapped, competitor.adds()) {
            (true, ..) => &place.many,
            (_, true, _) => &place.mapped,
            (_, _, true) => &place.crowd,
            _ if workload.is_of_a_million() => &place.million,
            _ => &place.plain,
        }
    }
}
