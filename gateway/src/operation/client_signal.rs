//! Takes note of who a request shows to be calling.

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
    /// Takes note of what a request shows of the client that sent it. Only what changes what is known is written down;
    /// this request is read by it already.
    pub async fn record_client_signal(self, signal: Option<&'static Signal>) -> Self {
        match signal {
            Some(signal)
                if self.settings.client.profile == Profile::Auto
                    && self.settings.client.is_news(signal, self.gateway.clock.now()) =>
            {
                Box::pin(self.recognising(signal)).await
            }
            _ => self,
        }
    }

    async fn recognising(mut self, signal: &'static Signal) -> Self {
        let found = RecognisedRow {
            profile: signal.profile.name().to_owned(),
            signal: signal.name.to_owned(),
            strength: signal.strength.word().to_owned(),
            at: self.gateway.clock.now(),
        };
        self.settings = match keep(&self, &found).await {
            Ok(settings) => settings,
            Err(error) => {
                // The next request sees the same, and tries again.
                tracing::warn!(error = %telemetry::chain(&error), "who is calling was recognised, but not kept");
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
    // Kept by this request, or by another in the meantime.
    ctx.gateway.settings.forget(ctx.store.id()).await;
    ctx.gateway.settings.get(ctx.store.id()).await
}
