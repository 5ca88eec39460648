//! The page of all settings, from their definitions: docs/configuration.md.

use super::setting::Setting;

const BEGINNING: &str = r#"# Configuration

Every setting is an option of a command, with an environment variable and a key in a file. The option wins over the variable, the
variable over the file, and the file over the default.

```sh
scimgate serve --config /etc/scimgate/scimgate.toml
```

The file is TOML, named by `--config` or `SCIMGATE_CONFIG`; without either none is read. One file may hold the settings of all commands:
each takes those that it has.

```toml
public_url = "https://scim.example.com"
database_url_file = "/run/secrets/database-url"
trusted_proxies = ["10.0.0.0/8"]
log_format = "json"
tenant_rate = "50/200"
```

- A key is the variable in lower case without `SCIMGATE_`. Texts are in quotes, numbers and `true` are not, and what may be repeated is a
  list.
- A secret may be in a file of its own: its key with `_file`, such as `database_url_file`, names that file. A path that is not absolute
  begins at the folder of the configuration file.
- An unknown key, or a value that the setting does not accept, is an error with the line and the key, and nothing is started.
- `scimgate config check` says everything that is wrong, without starting anything. `scimgate config show` prints each setting of `serve`
  with its value and where it is from; secrets are not shown. Both take another command line, such as
  `scimgate config show -- migrate`.

This page is what `scimgate config reference` prints.
"#;

const END: &str = r"
`SSL_CERT_FILE` names the certificates that are trusted for the TLS of every outgoing connection, to the database as to issuers and webhooks, in
place of the machine's. It is a variable alone.
";

/// What more commands have is a setting of the clients.
const MAX_NAMED_COMMANDS: usize = 5;

/// The page in Markdown.
pub(super) fn page(settings: &[Setting]) -> String {
    let mut page = BEGINNING.to_owned();
    let mut headings: Vec<&str> = Vec::new();
    for setting in settings {
        let heading = heading(setting);
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for heading in headings {
        page +=
            &format!("\n## {heading}\n\n| key | option | variable | value | default | |\n|---|---|---|---|---|---|\n");
        for setting in settings.iter().filter(|setting| self::heading(setting) == heading) {
            page += &row(setting);
        }
    }
    page + END
}

fn heading(setting: &Setting) -> &str {
    setting.arg.get_help_heading().unwrap_or("Other")
}

fn row(setting: &Setting) -> String {
    let (meaning, default) = meaning(setting);
    let commands = match setting.commands.as_slice() {
        [] => String::new(),
        names if names.len() > MAX_NAMED_COMMANDS => " (client commands)".to_owned(),
        names => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            format!(" ({})", names.join(", "))
        }
    };
    format!(
        "| `{}` | `--{}` | `{}` | {} | {} | {meaning}{commands} |\n",
        setting.key,
        setting.arg.get_long().unwrap_or_default(),
        setting.variable,
        cell(&setting.unit()),
        cell(&default),
    )
}

/// What a setting means, and its default. One that no definition can hold is at the end of the help, in brackets.
fn meaning(setting: &Setting) -> (String, String) {
    let help = setting.arg.get_help().map(ToString::to_string).unwrap_or_default();
    let long = setting.arg.get_long_help().map_or_else(|| help.clone(), ToString::to_string);
    let further = long.split_once("\n\n").map(|(_, further)| further.trim().replace('\n', " ")).unwrap_or_default();
    let (first, written) = match help.trim_end_matches('.').split_once(" [default: ") {
        Some((first, default)) => (first.to_owned(), Some(default.trim_end_matches(']').to_owned())),
        None => (help.trim_end_matches('.').to_owned(), None),
    };
    let values: Vec<String> =
        setting.arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
    let default = match written {
        Some(text) => text,
        None if setting.is_switch() => "`false`".to_owned(),
        None if values.is_empty() => "–".to_owned(),
        None => values.join(", "),
    };
    let meaning = if further.is_empty() { format!("{first}.") } else { format!("{first}. {further}") };
    (cell(&meaning), default)
}

/// A text in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
