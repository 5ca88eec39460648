//! Plugins that change nothing, with any name and version, and signatures of them; and any number of different ones that map.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::served::Served;
use crate::{Request, Tenant};

/// Where the manifest's texts begin, behind its pointers.
const TEXTS: usize = 1184;

/// A plugin's manifest, and what makes its bytes differ from those of the same manifest.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The resource types it is for.
    pub types: &'a [&'a str],
    /// Any text.
    pub salt: &'a str,
}

impl<'a> Plain<'a> {
    /// One for users.
    #[must_use]
    pub fn new(name: &'a str, version: &'a str, salt: &'a str) -> Self {
        Self { name, version, types: &["User"], salt }
    }

    /// Its bytes.
    #[must_use]
    pub fn wasm(&self) -> Vec<u8> {
        let mut texts = String::new();
        let mut place = |text: &str| {
            let at = TEXTS + texts.len();
            texts.push_str(text);
            pair(at, text.len())
        };
        let (name, version, schema) = (place(self.name), place(self.version), place("{}"));
        let types: String = self.types.iter().map(|name| place(name)).collect();
        let types_at = (TEXTS + texts.len()).next_multiple_of(4);
        let manifest = [name, version, pair(types_at, self.types.len()), schema].concat();
        let salt = self.salt;
        let text = format!(
            r#"(data (i32.const 1024) "{manifest}") (data (i32.const {TEXTS}) "{texts}") (data (i32.const {types_at}) "{types}")
            (data (i32.const 4096) "{salt}") (func (export "describe") (result i32) (i32.const 1024))"#
        );
        wat_guests::build(self.name, &text)
    }
}

/// A pointer and a length, as WebAssembly text has bytes.
fn pair(at: usize, length: usize) -> String {
    let numbers = [at, length].map(|number| u32::try_from(number).unwrap().to_le_bytes());
    numbers.as_flattened().iter().fold(String::new(), |mut text, byte| {
        write!(text, "\\{byte:02x}").unwrap();
        text
    })
}

/// The tutorial's plugin with a section that makes it another one.
#[must_use]
pub fn variant(number: usize) -> Vec<u8> {
    let mut module = crate::plugin("tutorial");
    let content = format!("\u{7}variant{number:08}");
    module.extend([0, u8::try_from(content.len()).unwrap()]);
    module.extend(content.as_bytes());
    module
}

/// Creates a tenant whose mapping is such a plugin of its own, uploaded for development, with a configuration.
pub async fn with_variant(served: &Served, number: usize, config: &Value) -> Tenant {
    let name = format!("t{number}");
    let tenant = Tenant::plain(&served.operator, &name, served.addresses()).await;
    use_variant(served, &name, number, config).await;
    tenant
}

/// Uploads such a plugin and sets it as a tenant's mapping.
pub async fn use_variant(served: &Served, tenant: &str, number: usize, config: &Value) {
    let upload = Request::new("POST", "/plugins?dev=true").body("application/wasm", variant(number));
    let digest = served.operator.send(upload).await.body["digest"].clone();
    let mapping = json!({ "onFailure": "refuse", "steps": [{ "plugin": digest, "config": config }] });
    let _ = served.operator.put(&format!("/tenants/{tenant}/mapping"), &mapping).await.expect(200);
}

/// A pair of minisign keys.
pub struct Signer(minisign::KeyPair);

impl Signer {
    /// New keys.
    #[must_use]
    pub fn new() -> Self {
        Self(minisign::KeyPair::generate_unencrypted_keypair().unwrap())
    }

    /// The public key, as `minisign.pub` has it in its second line.
    #[must_use]
    pub fn public(&self) -> String {
        self.0.pk.to_base64()
    }

    /// A signature, as `minisign -S` writes it.
    #[must_use]
    pub fn sign(&self, wasm: &[u8]) -> String {
        minisign::sign(None, &self.0.sk, wasm, Some("a test"), Some("signature")).unwrap().into_string()
    }
}

impl Default for Signer {
    fn default() -> Self {
        Self::new()
    }
}
