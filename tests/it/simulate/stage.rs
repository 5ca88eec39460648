//! A server that does something wrong before a gateway's tenant, whoever plays against it.

use std::collections::BTreeSet;
use std::sync::Mutex;

use scimgate_simulate::{Dialect, Options, Report, address::Base};
use scimgate_tests::broken::{self, Asked, Fault, Reply};
use scimgate_tests::{Tenant, TestGateway};
use serde_json::{Value, json};

use super::{Player, options};

/// A fault that changes requests on their way.
pub(super) struct Asking<F>(pub(super) F);

/// A fault that changes answers on their way.
pub(super) struct Answering<F>(pub(super) F);

impl<F: Fn(&mut Asked) + Send + Sync + 'static> Fault for Asking<F> {
    fn asked(&self, asked: &mut Asked) -> Option<Reply> {
        (self.0)(asked);
        None
    }
}

impl<F: Fn(&Asked, &mut Reply) + Send + Sync + 'static> Fault for Answering<F> {
    fn answered(&self, asked: &Asked, reply: &mut Reply) {
        (self.0)(asked, reply);
    }
}

/// A tenant, behind whatever server stands before it.
pub(super) struct Stage<'a> {
    gateway: &'a TestGateway,
    pub(super) tenant: Tenant,
}

impl<'a> Stage<'a> {
    pub(super) async fn new(gateway: &'a TestGateway) -> Self {
        Self::at(gateway, "acme").await
    }

    /// With a tenant of its own: Scimgate takes a tenant for one client's at a time.
    pub(super) async fn at(gateway: &'a TestGateway, tenant: &str) -> Self {
        Self { gateway, tenant: gateway.plain_tenant(tenant).await }
    }

    /// Plays Entra before a fault, with what is told of it.
    pub(super) async fn play(&self, fault: impl Fault, change: impl FnOnce(&mut Options)) -> Report {
        self.play_as(Player::Entra, fault, change).await
    }

    /// Plays a client before a fault.
    pub(super) async fn of(&self, player: Player, fault: impl Fault) -> Report {
        self.play_as(player, fault, |_| ()).await
    }

    /// Plays a client before a fault, with what is told of it.
    pub(super) async fn play_as(&self, player: Player, fault: impl Fault, change: impl FnOnce(&mut Options)) -> Report {
        self.with(fault, change, async |options: &Options| player.play(options).await).await
    }

    /// Plays anything before a fault, and cleans up behind the faulty server's back.
    pub(super) async fn with(
        &self,
        fault: impl Fault,
        change: impl FnOnce(&mut Options),
        play: impl AsyncFnOnce(&Options) -> Report,
    ) -> Report {
        let address = broken::start(&format!("http://{}", self.gateway.public), fault).await;
        let mut options = options(&self.tenant);
        options.base = Base::parse(&format!("{address}/scim/v2")).unwrap();
        change(&mut options);
        let report = play(&options).await;
        for path in ["/Groups", "/Users"] {
            let left = self.tenant.get(&format!("{path}?count=1000&attributes=id")).await.expect(200);
            for resource in left.body["Resources"].as_array().into_iter().flatten() {
                let _ = self.tenant.delete(&format!("{path}/{}", resource["id"].as_str().unwrap())).await.expect(204);
            }
        }
        report
    }

    pub(super) async fn by_default(&self, fault: impl Fault) -> Report {
        self.play(fault, |_| ()).await
    }

    pub(super) async fn by_flag(&self, fault: impl Fault) -> Report {
        self.play(fault, |options| options.dialect = Dialect::Flag).await
    }
}

/// The report calls what is wrong by these names and no others.
#[track_caller]
pub(super) fn assert_named(report: &Report, names: &[&str]) {
    let found: BTreeSet<&str> = report.counts.keys().copied().collect();
    let unexpected = report.findings.iter().find(|finding| !names.contains(&finding.kind.name()));
    assert_eq!(found, names.iter().copied().collect::<BTreeSet<_>>(), "{unexpected:#?}");
    assert_eq!(report.green, names.is_empty());
    assert!(report.stopped.is_none(), "{:?}", report.stopped);
    for finding in &report.findings {
        assert!(
            !finding.expected.is_empty() && !finding.seen.is_empty() && !finding.resource.is_empty(),
            "{finding:?}"
        );
    }
}

pub(super) fn operations(asked: &mut Asked) -> &mut Vec<Value> {
    asked.body["Operations"].as_array_mut().unwrap()
}

pub(super) fn is(asked: &Asked, method: &str, of: &str) -> bool {
    asked.method == method && asked.path.contains(of)
}

/// Asks for the resource instead: answered with 200 and nothing done.
pub(super) fn only_read(asked: &mut Asked) {
    asked.method = "GET".parse().unwrap();
    asked.body = Value::Null;
}

/// Leaves operations out of a PATCH.
pub(super) fn leave_out(asked: &mut Asked, mut which: impl FnMut(&Value) -> bool) {
    operations(asked).retain(|operation| !which(operation));
    if operations(asked).is_empty() {
        only_read(asked);
    }
}

/// A SCIM error in the gateway's place.
pub(super) fn error(status: u16, detail: &str) -> Reply {
    let mut reply = Reply::status(status);
    let _ = reply.headers.insert("content-type", "application/scim+json".parse().unwrap());
    let urn = "urn:ietf:params:scim:api:messages:2.0:Error";
    reply.text = json!({ "schemas": [urn], "status": status.to_string(), "detail": detail }).to_string();
    reply
}

/// A server that takes the same user name a second time and makes another user of it.
#[derive(Default)]
pub(super) struct Doubles(Mutex<BTreeSet<String>>);

impl Fault for Doubles {
    fn asked(&self, asked: &mut Asked) -> Option<Reply> {
        if is(asked, "POST", "/Users") {
            let name = asked.body["userName"].as_str().unwrap().to_owned();
            if !self.0.lock().unwrap().insert(name.clone()) {
                asked.body["userName"] = format!("second.{name}").into();
                asked.body["externalId"] = format!("second.{name}").into();
            }
        }
        None
    }

    fn answered(&self, asked: &Asked, reply: &mut Reply) {
        if is(asked, "POST", "/Users") {
            reply.text = reply.text.replace("second.", "");
        }
    }
}
