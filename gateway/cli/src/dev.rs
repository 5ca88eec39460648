//! `scimgate dev`: serves on an embedded database with a demo tenant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use scimgate::app::{self, Bound};
use scimgate::auth::token::{Kind, Token};
use scimgate::clock::Clock;
use scimgate::config::{Issuers, Listeners, Plugins, RootKeys};
use scimgate::operation::admin::bundled::Bundled;
use scimgate::operation::admin::{demo, operator_keys};
use scimgate::operation::{Gateway, Operator};
use scimgate::store::operator_key::{OperatorKey, OperatorScope};
use scimgate::store::postgres::embedded::{self, Embedded};
use scimgate::tenant::TenantId;
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;
use crate::issuers;
use crate::output::print;
use crate::root_key;

/// The plugins that come with the gateway.
const BUNDLED: [&str; 6] = ["attribute-map", "normalize", "redact", "roles", "scoping", demo::PLUGIN];
/// How long to wait for the embedded database to stop.
const DATABASE_STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Operator keys of one database: each but the last was revoked.
const MAX_KEYS: u32 = 1_000;

/// The listeners and the data directory.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    listeners: Listeners,
    #[command(flatten)]
    root_keys: RootKeys,
    #[command(flatten)]
    issuers: Issuers,
    /// Directory of the embedded database; created if it is missing, kept between starts.
    #[arg(long, env = "SCIMGATE_DATA_DIR", default_value = "data")]
    data_dir: PathBuf,
    /// Use a temporary database instead.
    #[arg(long)]
    ephemeral: bool,
    /// Directory with the plugins that come with the gateway; `make plugins` builds them.
    #[arg(long, env = "SCIMGATE_PLUGINS", default_value = "target/wasm32-unknown-unknown/plugin")]
    plugins: PathBuf,
    /// Accept plugins of up to 32 MiB that use up to 64 MiB of memory in a call, such as those in Python; without it 8 and 16.
    #[arg(long, env = "SCIMGATE_LARGE_PLUGINS")]
    large_plugins: bool,
    /// Print one line of JSON when ready, for programs.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let clock = Clock::system();
    let plugins = read_plugins(&arguments.plugins)?;
    // A demo with a token on the screen must not be open to the whole network.
    let localhost = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    let listeners = Listeners { bind: arguments.listeners.bind.or(Some(localhost)), ..arguments.listeners.clone() };
    let bound = app::bind(&listeners).await?;
    let database = start_database(&arguments).await?;
    database.store.migrate().await?;
    let local = format!("http://127.0.0.1:{}", bound.public_address.port());
    let public_url = arguments.listeners.public_url.clone().unwrap_or(local);
    let keys = root_key::keys(&arguments.root_keys, &database.store, &clock).await?;
    let mut gateway = app::gateway(database.store.clone(), clock.clone(), &public_url, (keys, Plugins::default()))?;
    gateway.auth.oauth.set_fetch_rules(issuers::rules(&arguments.issuers)?);
    gateway.trusted_proxies = listeners.trusted_proxies.into();
    if arguments.large_plugins {
        gateway.mapper.accept_large_plugins();
    }
    let ready = Ready {
        operator_key: operator_key(&gateway).await?,
        demo: demo::run(&Operator::command(&gateway, "dev"), &plugins).await?,
        admin_url: format!("http://127.0.0.1:{}", bound.internal_address.port()),
        tenant_url: format!("{}/scim/v2/", gateway.public_url),
    };
    serve(bound, gateway, database, || ready.announce(&arguments)).await;
    Ok(())
}

/// The plugins that come with the gateway, as far as they are there. The demo's is needed only for a new demo tenant, but its absence
/// should be an error before a database is created.
fn read_plugins(directory: &Path) -> Result<Vec<Bundled>, Failure> {
    let mut plugins = Vec::new();
    for name in BUNDLED {
        let path = directory.join(name.replace('-', "_")).with_extension("wasm");
        match std::fs::read(&path) {
            Ok(wasm) => plugins.push(Bundled { name: name.to_owned(), wasm }),
            Err(error) if name == demo::PLUGIN => {
                return Err(Failure::new(format!(
                    "the demo's plugin {} cannot be read ({error}); --plugins names the directory of the plugins that come with the \
                     gateway, which `make plugins` builds in the repository",
                    path.display()
                )));
            }
            Err(_) => {}
        }
    }
    Ok(plugins)
}

async fn start_database(arguments: &Arguments) -> Result<Embedded, Failure> {
    let directory = (!arguments.ephemeral).then(|| arguments.data_dir.clone());
    if let Some(path) = &directory {
        std::fs::create_dir_all(path).map_err(|error| {
            Failure::new(format!(
                "the data directory {} cannot be created ({error}); give another --data-dir",
                path.display()
            ))
        })?;
    }
    Ok(embedded::start(directory.as_deref()).await?)
}

/// The same key at each start, which is derived from the root key and so is stored nowhere; another one if it was revoked.
async fn operator_key(gateway: &Gateway) -> Result<Token, Failure> {
    let operator = Operator::command(gateway, "dev");
    for number in 1..=MAX_KEYS {
        let purpose = format!("operator key {number} of dev");
        let Some(secret) = gateway.keys.derive(&purpose).into_iter().next() else { break };
        let token = Token::of(Kind::Operator, TenantId(uuid::Uuid::nil()), &secret);
        match gateway.store.control().find_operator_key(&token.digest()).await? {
            Some(key) if key.is_accepted(gateway.clock.now()) => return Ok(token),
            Some(_) => {}
            None => {
                return Ok(operator_keys::store(&operator, new_key(gateway, &token), token).await?.secret);
            }
        }
    }
    Err(Failure::new(format!("{MAX_KEYS} operator keys of dev are revoked; begin anew with another --data-dir")))
}

fn new_key(gateway: &Gateway, token: &Token) -> OperatorKey {
    OperatorKey {
        id: gateway.clock.new_id(),
        label: "made by scimgate dev".to_owned(),
        scopes: vec![OperatorScope::Everything],
        last_four: token.last_four().to_owned(),
        bootstrap: false,
        created_at: gateway.clock.now(),
        created_by: Some("dev".to_owned()),
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    }
}

async fn serve(bound: Bound, gateway: Gateway, database: Embedded, announce: impl FnOnce()) {
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    let stop_signal = app::stop_signal();
    tokio::spawn(async move {
        stop_signal.await;
        stopping.cancel();
    });
    announce();
    app::serve(bound, gateway.clone(), stop).await;
    // The database stops after its only client has disconnected, and blocks its thread until then.
    drop(gateway);
    let stopped = tokio::task::spawn_blocking(move || drop(database));
    let _ = tokio::time::timeout(DATABASE_STOP_TIMEOUT, stopped).await;
}

/// What a new user needs to continue.
struct Ready {
    tenant_url: String,
    admin_url: String,
    operator_key: Token,
    demo: demo::Demo,
}

impl Ready {
    fn announce(&self, arguments: &Arguments) {
        if arguments.json {
            print(&self.json().to_string());
        } else {
            print(&self.text(arguments));
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "tenant_url": self.tenant_url,
            "token": self.demo.token.reveal(),
            "admin_url": format!("{}/admin/v1", self.admin_url),
            "operator_key": self.operator_key.reveal(),
            "directory_url": format!("{}/directory/v1", self.admin_url),
            "directory_key": self.demo.directory_key.reveal(),
        })
    }

    fn text(&self, arguments: &Arguments) -> String {
        let (url, token) = (&self.tenant_url, self.demo.token.reveal());
        let place = if arguments.ephemeral {
            "a temporary database".to_owned()
        } else {
            format!("the database in {}", arguments.data_dir.display())
        };
        let later =
            if arguments.ephemeral { "" } else { "; a later start prints another one, and this one stays valid" };
        let changes = self.demo.changes.iter().fold(String::new(), |text, change| text + "\n" + change);
        format!(
            r#"{changes}
Scimgate serves the demo tenant on {place}.

  Tenant URL    {url}
  Secret token  {token}
                (shown only once{later})

Set both in your shell and act as the identity provider:

  export TENANT_URL={url} TOKEN={token}

  1. Test Connection: no user has this name yet
     curl -s -G "$TENANT_URL"Users --data-urlencode 'filter=userName eq "ada@corp.test"' -H "Authorization: Bearer $TOKEN"

  2. Create a user as Entra does
     curl -s "$TENANT_URL"Users -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/scim+json' -d '{{
       "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User"],
       "userName": "ada@corp.test", "externalId": "ada", "active": "True",
       "name": {{"givenName": "Ada", "familyName": "Byron"}},
       "emails": [{{"type": "work", "primary": true, "value": "Ada.Byron@Corp.Test"}}],
       "urn:ietf:params:scim:schemas:extension:ws1b:2.0:User": {{"customAttribute1": "B-1815"}}}}'

  3. See what the product reads: mail in lower case, a displayName, a badge number
     curl -s {admin}/directory/v1/users -H "Authorization: Bearer {directory_key}"

The admin API is at {admin}/admin/v1, with this operator key{same}:

  export SCIMGATE_ADMIN_URL={admin} SCIMGATE_OPERATOR_KEY={operator_key}
  export SCIMGATE_DIRECTORY_KEY={directory_key}
  target/debug/scimgate directory events

Stop with Ctrl-C."#,
            admin = self.admin_url,
            same = if arguments.ephemeral { "" } else { ", the same at each start" },
            directory_key = self.demo.directory_key.reveal(),
            operator_key = self.operator_key.reveal(),
        )
    }
}
