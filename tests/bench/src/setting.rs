//! The settings: whether a commit is flushed to disk, and whether requests go to one tenant or many.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use tokio_postgres::Client;

use crate::workload::Workload::{
    self, Contains, Create, DeepPage, ExternalId, Filter, FirstPage, Get, GroupSizes, List, Mail, Members, Patch,
};

/// A setting. The goals are for [`Setting::Durable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Setting {
    /// One tenant.
    Durable,
    /// One tenant, `synchronous_commit=off`.
    Relaxed,
    /// Many tenants.
    Many,
    /// Many tenants, `synchronous_commit=off`.
    ManyRelaxed,
}

impl Setting {
    /// The heading on the page.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Durable => "Durable, one tenant",
            Self::Relaxed => "synchronous_commit=off, one tenant",
            Self::Many => "Durable, many tenants",
            Self::ManyRelaxed => "synchronous_commit=off, many tenants",
        }
    }

    /// The workloads. Reads do not commit, so the relaxed settings have none.
    pub(crate) fn workloads(self) -> &'static [Workload] {
        match self {
            Self::Durable => &[
                Create, Get, Filter, ExternalId, Mail, List, Patch, Members, GroupSizes, Contains, FirstPage, DeepPage,
            ],
            Self::Relaxed => &[Create, Patch, Members],
            Self::Many => &[Create, Get, Filter, Patch],
            Self::ManyRelaxed => &[Create, Patch],
        }
    }

    /// Whether requests are spread over many tenants.
    pub(crate) fn has_many_tenants(self) -> bool {
        matches!(self, Self::Many | Self::ManyRelaxed)
    }

    /// Configures the database server.
    pub(crate) async fn apply(self, superuser: &Client) -> Result<()> {
        let value = if matches!(self, Self::Durable | Self::Many) { "on" } else { "off" };
        superuser.batch_execute(&format!("ALTER SYSTEM SET synchronous_commit = {value}")).await?;
        superuser.batch_execute("SELECT pg_reload_conf()").await?;
        // The reload is asynchronous.
        for _ in 0..100 {
            let row =
                superuser.query_one("SHOW synchronous_commit", &[]).await.context("reading synchronous_commit")?;
            if row.get::<_, &str>(0) == value {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("synchronous_commit is not {value} two seconds after a reload")
    }
}
