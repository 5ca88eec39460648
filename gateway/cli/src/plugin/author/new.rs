//! `scimgate plugin new`: a project that builds and tests green at once.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;

use super::language::{File, LANGUAGES, Language, SDK_FOLDER, names};
use super::project::Project;
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;

const MAX_NAME_CHARACTERS: usize = 64;
/// Crates that a project already has, and a name that compilers reserve.
const TAKEN_NAMES: [&str; 6] = ["core", "schemars", "scimgate-plugin-sdk", "serde", "std", "test"];
/// The line of the repository's Cargo.toml that its copy has in another form.
const MEMBERS: &str = "members = [";

#[derive(Debug, clap::Args)]
pub(in crate::plugin) struct Arguments {
    /// The plugin's name, and the folder's: lower-case letters, digits and hyphens.
    #[arg(required_unless_present = "update_sdk")]
    name: Option<String>,
    /// The language to write it in.
    #[arg(long, default_value = LANGUAGES[0].name, value_parser = PossibleValuesParser::new(names()))]
    language: String,
    /// Only replace the SDK of the project in this folder by that of this command's version.
    #[arg(long, conflicts_with = "name")]
    update_sdk: bool,
}

pub(super) fn run(output: Output, it: &Arguments) -> Result<(), Failure> {
    let Some(name) = &it.name else { return update_sdk(output) };
    check_name(name)?;
    let language = LANGUAGES.iter().find(|language| language.name == it.language).unwrap_or(&LANGUAGES[0]);
    let folder = PathBuf::from(name);
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::new(format!("the folder {name} is there and not empty; choose another name")));
    }
    for (path, bytes) in language.template {
        write(&folder, &target(path), &content(path, bytes, name))?;
    }
    write_sdk(&folder, language)?;
    let sentence = format!(
        "{name} is a plugin in {}.\n\n  cd {name}\n  scimgate plugin test\n  scimgate plugin run {name}.wasm --config config.json < user.json",
        language.name
    );
    Ok(output.told(&sentence, &json!({ "folder": name, "language": language.name }))?)
}

fn check_name(name: &str) -> Result<(), Failure> {
    let is_slug = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_slug || name.len() > MAX_NAME_CHARACTERS {
        let message = format!(
            "{name} is not a name of a plugin; it has a lower-case letter, then lower-case letters, digits and hyphens, up to \
             {MAX_NAME_CHARACTERS} in all"
        );
        return Err(Failure::usage(message));
    }
    if TAKEN_NAMES.contains(&name) {
        return Err(Failure::usage(format!("{name} is the name of a package that plugins use; choose another")));
    }
    Ok(())
}

fn update_sdk(output: Output) -> Result<(), Failure> {
    let project = Project::find(Path::new("."))?;
    let folder = Path::new(SDK_FOLDER);
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(|error| cannot("replace", folder, &error))?;
    }
    write_sdk(Path::new("."), project.language)?;
    let version = env!("CARGO_PKG_VERSION");
    let sentence = format!("{SDK_FOLDER} is the SDK of scimgate {version}.");
    Ok(output.told(&sentence, &json!({ "folder": SDK_FOLDER, "version": version }))?)
}

/// The file that a template's file becomes.
fn target(path: &str) -> String {
    match path.strip_suffix(".in").unwrap_or(path) {
        "gitignore" => ".gitignore".to_owned(),
        path => path.to_owned(),
    }
}

fn content(path: &str, bytes: &[u8], name: &str) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) if Path::new(path).extension().is_some_and(|extension| extension == "in") => {
            text.replace("{name}", name).into_bytes()
        }
        _ => bytes.to_owned(),
    }
}

/// Writes the copy of the SDK. The versions of what it depends on become the project's, so that a new project builds what was
/// tested; `cargo update` moves on.
fn write_sdk(folder: &Path, language: &Language) -> Result<(), Failure> {
    for (path, bytes) in language.sdk {
        if *path == "Cargo.lock" {
            if !folder.join(path).exists() {
                write(folder, path, bytes)?;
            }
            continue;
        }
        let copy = folder.join(SDK_FOLDER);
        write(&copy, path, &sdk_file((path, bytes), language.sdk))?;
        if path.contains("/bin/") {
            make_executable(&copy.join(path))?;
        }
    }
    Ok(())
}

/// npm links to the SDK's command, and makes it executable only when it installs the SDK for the first time.
fn make_executable(path: &Path) -> Result<(), Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path, permissions)
            .map_err(|error| cannot("change the permissions of", path, &error))?;
    }
    Ok(())
}

/// The workspace of the copy has only the crates that are in it.
fn sdk_file((path, bytes): File, all: &[File]) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    if path != "Cargo.toml" {
        return bytes.to_owned();
    }
    let crates: Vec<String> = all
        .iter()
        .filter_map(|(path, _)| path.strip_suffix("/Cargo.toml"))
        .map(|folder| format!("\"{folder}\""))
        .collect();
    let lines = text.lines().filter(|line| !line.starts_with("exclude = ")).map(|line| {
        if line.starts_with(MEMBERS) { format!("{MEMBERS}{}]\n", crates.join(", ")) } else { format!("{line}\n") }
    });
    lines.collect::<String>().into_bytes()
}

fn write(folder: &Path, path: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = folder.join(path);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|error| cannot("create", parent, &error))?;
    }
    std::fs::write(&path, bytes).map_err(|error| cannot("write", &path, &error))
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_slugs() {
        for name in ["shout", "a1-b"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "Shout", "1a", "a b", "a_b", "../a", "serde", &"a".repeat(65)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_copys_workspace_has_the_crates_that_are_in_it() {
        let sdk = LANGUAGES[0].sdk;
        let root = sdk.iter().find(|(path, _)| *path == "Cargo.toml").copied().unwrap();
        let text = String::from_utf8(sdk_file(root, sdk)).unwrap();
        assert!(text.contains("members = [\"plugin-sdk\", \"gateway/scim\"]\n"), "{text}");
        assert!(!text.contains("\nexclude = "), "{text}");
    }
}
