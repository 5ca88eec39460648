//! The settings: a file, the variables and the options; what is shown of them, and their page.

use scimgate_tests::binary::{command, finish, refusal};
use scimgate_tests::harness::block_on;
use scimgate_tests::root;
use serde_json::Value;

use super::serve::said;
use super::text;

#[test]
fn the_page_of_settings_is_what_the_binary_prints() {
    block_on(async {
        let page = std::fs::read_to_string(root().join("docs/configuration.md")).unwrap();
        let printed = said(command(&["config", "reference"])).await;
        let differs = page.trim_end().lines().zip(printed.lines()).find(|(written, now)| written != now);
        let anew = "write it anew: target/debug/scimgate config reference > docs/configuration.md";
        assert!(
            page.trim_end() == printed,
            "{anew}
{differs:#?}"
        );
        for key in ["database_url", "trusted_proxies", "log_format", "operator_key", "data_dir"] {
            assert!(printed.contains(&format!("| `{key}` | `--")), "{key}");
        }
    });
}

#[test]
fn each_setting_is_shown_with_its_place_and_secrets_are_not() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scimgate.toml");
        std::fs::write(folder.path().join("url"), "postgres://gate:s3cret@db.internal/gate\n").unwrap();
        let settings =
            "database_url_file = \"url\"\nport = 8001\ninternal_port = 8002\ntrusted_proxies = [\"10.0.0.0/8\"]\n";
        std::fs::write(&file, settings).unwrap();
        let configured = |arguments: &[&str]| {
            let mut command = command(arguments);
            command
                .env("SCIMGATE_CONFIG", &file)
                .env("SCIMGATE_INTERNAL_PORT", "9002")
                .env("SCIMGATE_PROBE_PORT", "9003");
            command
        };
        let show = ["config", "show", "-o", "json", "--", "serve", "--probe-port", "7003"];
        let shown: Value = serde_json::from_str(&said(configured(&show)).await).unwrap();
        let of = |key: &str| {
            let rows = shown["settings"].as_array().unwrap();
            let row = rows.iter().find(|row| row["setting"] == key).unwrap_or_else(|| panic!("{key}: {shown}"));
            let from = row["from"].as_str().unwrap().replace(text(folder.path()), "");
            format!("{} from {from}", row["value"])
        };
        assert_eq!(of("port"), "\"8001\" from file /scimgate.toml:2");
        assert_eq!(of("internal_port"), "\"9002\" from variable SCIMGATE_INTERNAL_PORT");
        assert_eq!(of("probe_port"), "\"7003\" from option --probe-port");
        assert_eq!(of("bind"), "null from default");
        assert_eq!(of("log_format"), "\"text\" from default");
        assert_eq!(of("trusted_proxies"), "[\"10.0.0.0/8\"] from file /scimgate.toml:4");
        assert_eq!(of("database_url"), "\"(secret)\" from file /scimgate.toml:1");
        let table = said(configured(&["config", "show"])).await;
        assert!(table.contains("database_url") && !table.contains("s3cret"), "{table}");

        let mut misspelled = configured(&["config", "check"]);
        misspelled.env("SCIMGATE_PUBLIC_ULR", "https://x");
        let checked = said(misspelled).await;
        assert!(
            checked.contains("SCIMGATE_PUBLIC_ULR is not a setting; did you mean SCIMGATE_PUBLIC_URL?"),
            "{checked}"
        );
        assert!(checked.ends_with("The settings are valid."), "{checked}");
    });
}

#[test]
fn wrong_settings_are_named_before_anything_is_started() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scimgate.toml");
        let settings = "puplic_url = \"https://a\"\nport = \"eighty\"\nlog = \"info,=x=\"\nlarge_plugins = 1\n";
        std::fs::write(&file, settings).unwrap();
        let output = finish(command(&["config", "check", "--config", text(&file)])).await;
        let said = String::from_utf8(output.stdout).unwrap().replace(text(&file), "scimgate.toml");
        assert_eq!(output.status.code(), Some(1), "{said}");
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 4, "{said}");
        assert_eq!(lines[0], "scimgate.toml:1: `puplic_url` is not a setting; did you mean `public_url`?");
        assert!(lines[1].starts_with("scimgate.toml:2: `port` = \"eighty\" is not possible: "), "{said}");
        assert!(lines[2].starts_with("scimgate.toml:3: `log` = "), "{said}");
        assert_eq!(lines[3], "scimgate.toml:4: `large_plugins` must be true or false, not a TOML integer");
        let said = refusal(command(&["serve", "--config", text(&file)])).await;
        assert!(said.ends_with("(and 3 more; `scimgate config check` lists what is wrong)"), "{said}");

        // What belongs together, all of it at once.
        let together = "require_signature = true\nprevious_root_key_file = \"/nowhere\"\n";
        std::fs::write(&file, together).unwrap();
        let output = finish(command(&["config", "check", "--config", text(&file)])).await;
        let said = String::from_utf8(output.stdout).unwrap();
        for what in [
            "--require-signature needs --plugin-key",
            "/nowhere, cannot be read",
            "no database is named: set DATABASE_URL",
        ] {
            assert!(said.contains(what), "{what}: {said}");
        }
        for name in ["serve", "migrate", "bootstrap"] {
            let said = refusal(command(&[name])).await;
            assert!(said.starts_with("no database is named: set DATABASE_URL, --database-url, or "), "{name}: {said}");
        }
        let output = finish(command(&["serve", "--public-url", "scim.example.com"])).await;
        assert!(String::from_utf8(output.stderr).unwrap().contains("such as https://scim.example.com"), "--public-url");
    });
}
