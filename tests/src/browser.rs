//! A real browser: Debian's Chromium without a window, by its driver (`make test` installs both). Each has a profile of its own.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Map, Value, json};

use crate::harness::poll;

/// The driver, and the browser that belongs to its process group.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let group = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::TERM);
        }
        let _ = self.0.wait();
    }
}

/// What differs from one browser to another.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// The width of a phone, in place of a desktop's.
    pub phone: bool,
    /// Dark colours.
    pub dark: bool,
    /// No JavaScript.
    pub without_script: bool,
}

/// A running browser. End it with [`Browser::end`].
pub struct Browser {
    /// Its pages.
    pub client: Client,
    _driver: Driver,
}

impl Browser {
    /// Starts one.
    pub async fn start(look: Look) -> Self {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .process_group(0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|why| panic!("chromedriver cannot be started ({why}); run `make setup-browser`"));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let driver = Driver(child);
        let port = tokio::task::spawn_blocking(move || {
            let mut lines = lines.map(|line| line.unwrap());
            let line = lines.find(|line| line.contains("started successfully on port")).unwrap();
            line.trim_end_matches('.').rsplit(' ').next().unwrap().to_owned()
        });
        let address = format!("http://127.0.0.1:{}", port.await.unwrap());
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(capabilities(look)).connect(&address).await.unwrap();
        if !look.phone {
            client.set_window_size(1100, 1500).await.unwrap();
        }
        Self { client, _driver: driver }
    }

    /// Opens an address.
    pub async fn open(&self, address: &str) {
        self.client.goto(address).await.unwrap();
    }

    /// The text of an element, as it is seen.
    pub async fn text(&self, css: &str) -> String {
        self.client.find(Locator::Css(css)).await.unwrap().text().await.unwrap()
    }

    /// How many elements there are.
    pub async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.unwrap().len()
    }

    /// Presses an element.
    pub async fn press(&self, css: &str) {
        self.client.find(Locator::Css(css)).await.unwrap().click().await.unwrap();
    }

    /// Types into an empty field.
    pub async fn enter(&self, css: &str, text: &str) {
        let field = self.client.find(Locator::Css(css)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Waits for an element.
    pub async fn wait_for(&self, css: &str) {
        poll(css, async || (self.count(css).await > 0).then_some(())).await;
    }

    /// What a script returns.
    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// A picture of the whole page, in `target/screenshots`.
    pub async fn picture(&self, name: &str) -> PathBuf {
        let folder = crate::root().join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let path = Path::new(&folder).join(format!("{name}.png"));
        std::fs::write(&path, self.client.screenshot().await.unwrap()).unwrap();
        path
    }

    /// Closes it.
    pub async fn end(self) {
        self.client.close().await.unwrap();
    }
}

fn capabilities(look: Look) -> Map<String, Value> {
    // Chromium's own sandbox does not work for root, nor in every container; it opens pages of the tests alone.
    let mut arguments =
        vec!["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"];
    if look.dark {
        arguments.push("--blink-settings=preferredColorScheme=0");
    }
    let mut options = json!({ "args": arguments });
    if look.phone {
        options["mobileEmulation"] = json!({ "deviceMetrics": { "width": 375, "height": 812, "pixelRatio": 2.0 } });
    }
    if look.without_script {
        options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
    }
    let wanted =
        json!({ "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
    wanted.as_object().unwrap().clone()
}
