use clap::{Arg, ArgAction};

use super::*;

/// A command like `serve`, whose variables no environment has.
fn command() -> Command {
    let secret = |id: &'static str, name: &'static str| Arg::new(id).long(id).env(name).hide_env_values(true);
    let serve = Command::new("serve").args([
        Arg::new("port")
            .long("port")
            .env("SCIMGATE_UNITTEST_PORT")
            .value_parser(clap::value_parser!(u16))
            .default_value("8080"),
        Arg::new("url").long("url").env("SCIMGATE_UNITTEST_URL").required(true),
        Arg::new("proxy").long("proxy").env("SCIMGATE_UNITTEST_PROXIES").action(ArgAction::Append).value_delimiter(','),
        Arg::new("strict").long("strict").env("SCIMGATE_UNITTEST_STRICT").action(ArgAction::SetTrue),
        secret("key", "SCIMGATE_UNITTEST_KEY").conflicts_with("key_path"),
        Arg::new("key_path").long("key-path").env("SCIMGATE_UNITTEST_KEY_PATH"),
    ]);
    let format = Arg::new("format").long("format").env("SCIMGATE_UNITTEST_FORMAT").value_parser(["text", "json"]);
    let file = Arg::new("config").long("config").value_parser(clap::value_parser!(PathBuf)).global(true);
    Command::new("scimgate").args([format.global(true).default_value("text"), file]).subcommand(serve)
}

/// What the settings are with a file, or what is wrong with it.
fn shown(text: &str, options: &[&str]) -> Result<Vec<String>, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "s3cret\n").unwrap();
    let path = folder.path().join("scimgate.toml");
    std::fs::write(&path, text).unwrap();
    let line = [&["scimgate", "--config", path.to_str().unwrap(), "serve"], options].concat();
    let line: Vec<OsString> = line.into_iter().map(OsString::from).collect();
    let place = format!("{}/", folder.path().display());
    match line::with_file(&command(), &line) {
        Err(Refusal::File(problems)) => Err(problems.into_iter().map(|it| it.replace(&place, "")).collect()),
        Err(Refusal::Usage(error)) => Err(vec![sentence(&error)]),
        Ok(Line { matches, file }) => {
            let mut shown = Vec::new();
            line::each_given(&command(), &matches, &mut |arg, matches| {
                let key = setting::key(arg).unwrap_or_default();
                let Some(values) = matches.get_raw(arg.get_id().as_str()) else { return };
                let values: Vec<_> = values.map(|value| value.to_string_lossy().into_owned()).collect();
                let line = file.as_ref().and_then(|file| file.get(&key)).map_or(0, |entry| entry.line);
                shown.push(format!("{}={} {line}", key.replace("unittest_", ""), values.join("+")));
            });
            shown.retain(|row| !row.starts_with('='));
            Ok(shown)
        }
    }
}

#[test]
fn options_win_over_the_file_and_the_file_over_the_defaults() {
    let file = "unittest_port = 9_000\nunittest_url = \"http://a\"\n\nunittest_proxies = [\"10.0.0.0/8\", \"::1\"]\nunittest_format = \"json\"
        unittest_strict = true\n";
    assert_eq!(
        shown(file, &[]).unwrap(),
        ["format=json 5", "port=9000 1", "url=http://a 2", "proxies=10.0.0.0/8+::1 4", "strict=true 6"]
    );
    // A row's line is that of the file even where an option wins; `from` says which.
    assert_eq!(
        shown(file, &["--port", "1", "--proxy", "127.0.0.1", "--format", "text"]).unwrap(),
        ["format=text 5", "port=1 1", "url=http://a 2", "proxies=127.0.0.1 4", "strict=true 6"]
    );
    assert_eq!(
        shown("unittest_url = \"x\"", &[]).unwrap(),
        ["format=text 0", "port=8080 0", "url=x 1", "strict=false 0"]
    );
    let missing = shown("", &[]).unwrap_err();
    assert!(missing[0].contains("--url"), "{missing:?}");
}

#[test]
fn a_secret_may_be_in_a_file_of_its_own() {
    let shown = |text: &str, options: &[&str]| shown(&format!("unittest_url = \"x\"\n{text}"), options);
    assert!(shown("unittest_key_file = \"secret\"", &[]).unwrap().contains(&"key=s3cret 2".to_owned()));
    assert!(shown("unittest_key = \"inline\"", &[]).unwrap().contains(&"key=inline 2".to_owned()));
    assert_eq!(
        shown("unittest_key = \"inline\"\nunittest_key_file = \"secret\"", &[]).unwrap_err(),
        ["scimgate.toml:3: `unittest_key_file` sets `unittest_key`, which the file sets already; keep one of them"]
    );
    let missing = shown("unittest_key_file = \"nowhere\"", &[]).unwrap_err();
    assert!(missing[0].starts_with("scimgate.toml:2: `unittest_key_file`: nowhere cannot be read"), "{missing:?}");
    assert!(shown("unittest_url_file = \"secret\"", &[]).is_err(), "no secret");
}

#[test]
fn what_an_option_excludes_is_not_taken_from_the_file() {
    let file = "unittest_url = \"x\"\nunittest_key = \"inline\"";
    let shown_keys = shown(file, &["--key-path", "p"]).unwrap();
    assert!(
        shown_keys.contains(&"key_path=p 0".to_owned()) && !shown_keys.iter().any(|row| row.starts_with("key=")),
        "{shown_keys:?}"
    );
    let other = shown("unittest_url = \"x\"\nunittest_key_path = \"p\"", &["--key", "k"]).unwrap();
    assert!(
        other.contains(&"key=k 0".to_owned()) && !other.iter().any(|row| row.starts_with("key_path=")),
        "{other:?}"
    );
    assert_eq!(
        shown(&format!("{file}\nunittest_key_path = \"p\""), &[]).unwrap_err(),
        ["scimgate.toml:2: `unittest_key` and `unittest_key_path` exclude each other; keep one of them"]
    );
}

#[test]
fn each_mistake_names_the_line_the_key_and_what_to_write() {
    let file = "unittest_prt = 1
unittest_port = 70000
unittest_url = true
proxy = \"10.0.0.0/8\"
unittest_strict = \"yes\"
unittest_format = \"xml\"
[server]
port = 1
";
    let problems = shown(file, &[]).unwrap_err();
    insta::assert_snapshot!(problems.join("\n"), @r#"
    scimgate.toml:1: `unittest_prt` is not a setting; did you mean `unittest_port`?
    scimgate.toml:2: `unittest_port` = "70000" is not possible: 70000 is not in 0..=65535
    scimgate.toml:3: `unittest_url` must be a text in quotes or a number, not a TOML boolean
    scimgate.toml:4: `proxy` is not a setting; did you mean `unittest_proxies`?
    scimgate.toml:5: `unittest_strict` must be true or false, not a TOML string
    scimgate.toml:6: `unittest_format` = "xml" is not possible; it is one of text, json
    scimgate.toml:7: `server` is a table; settings have no tables: write each as `key = value`
    "#);
    let broken = shown("unittest_port = \n", &[]).unwrap_err();
    assert!(broken[0].starts_with("scimgate.toml:1: not TOML: "), "{broken:?}");
    let missing: Vec<OsString> = ["scimgate", "--config", "/nowhere", "serve"].map(OsString::from).into();
    let Err(Refusal::File(problems)) = line::with_file(&command(), &missing) else { panic!("there is no such file") };
    assert!(problems[0].starts_with("the configuration file /nowhere cannot be read"), "{problems:?}");
}

#[test]
fn the_help_shows_no_secret_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scimgate.toml");
    std::fs::write(&path, "unittest_key = \"s3cret\"").unwrap();
    for place in [
        ["--config", path.to_str().unwrap(), "serve", "--help"],
        ["serve", "--config", path.to_str().unwrap(), "--help"],
    ] {
        let line: Vec<OsString> = ["scimgate"].into_iter().chain(place).map(OsString::from).collect();
        let Err(Refusal::Usage(help)) = line::with_file(&command(), &line) else { panic!("help is asked for") };
        assert!(help.to_string().contains("--key") && !help.to_string().contains("s3cret"), "{help}");
    }
}

#[test]
fn a_command_may_have_an_option_of_this_name_for_another_file() {
    let own = Arg::new("config").long("config").value_parser(clap::value_parser!(PathBuf));
    let command = command().subcommand(Command::new("plugin").subcommand(Command::new("run").arg(own)));
    let line = ["scimgate", "plugin", "run", "--config", "/nowhere/config.json"].map(OsString::from);
    let read = line::with_file(&command, &line);
    assert!(matches!(read, Ok(Line { file: None, .. })), "it is not a file of settings");
}
