//! Recognises a tenant's SCIM client by signals in its requests.

use std::sync::Arc;

use scimgate_scim::profile::Profile;
use scimgate_scim::recognition::Signal;

use crate::operation::client::Client;
use crate::operation::context::Context;
use crate::operation::error::Error;
use crate::operation::settings::Settings;
use crate::store::tenant::client::{ClientRow, RecognisedRow};
use crate::telemetry;

impl Context {
    /// Records the signal that a request gives about its client, if it is new. The returned context already has the client's
    /// leniencies.
    pub async fn record_client_signal(self, signal: Option<&'static Signal>) -> Self {
        match signal {
            Some(signal)
                if self.settings.client.profile == Profile::Auto
                    && self.settings.client.is_news(signal, self.gateway.clock.now()) =>
            {
                Box::pin(self.recognise(signal)).await
            }
            _ => self,
        }
    }

    async fn recognise(mut self, signal: &'static Signal) -> Self {
        let found = RecognisedRow {
            profile: signal.profile.name().to_owned(),
            signal: signal.name.to_owned(),
            strength: signal.strength.word().to_owned(),
            at: self.gateway.clock.now(),
        };
        self.settings = match keep(&self, &found).await {
            Ok(settings) => settings,
            Err(error) => {
                // The next request gives the same signal and is recorded then.
                tracing::warn!(error = %telemetry::chain(&error), "a recognised SCIM client cannot be recorded");
                let row = ClientRow { recognised: Some(found), ..self.settings.client.row.clone() };
                let client = Client::read(row);
                let leniencies = client.leniencies();
                Arc::new(Settings { client, leniencies, ..(*self.settings).clone() })
            }
        };
        self
    }
}

async fn keep(ctx: &Context, found: &RecognisedRow) -> Result<Arc<Settings>, Error> {
    if ctx.store.recognise(found, ctx.settings.client.row.recognised.as_ref()).await? {
        tracing::info!(
            tenant.id = %ctx.store.id(), client = %found.profile, signal = %found.signal, strength = %found.strength,
            "SCIM client recognised"
        );
    }
    // Recorded by this request, or by a concurrent one.
    ctx.gateway.settings.forget(ctx.store.id()).await;
    ctx.gateway.settings.get(ctx.store.id()).await
}
