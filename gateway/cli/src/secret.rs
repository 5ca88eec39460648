//! A secret from an option, or from the file that another option names.

use std::path::Path;

use crate::failure::Failure;

/// The text of a secret, and where it is from. A file is read with the option's name and `-file`; clap refuses both together.
pub(super) struct Given {
    text: String,
    source: String,
}

/// Reads the secret, if one is given.
pub(super) fn read(option: &str, text: Option<&str>, file: Option<&Path>) -> Result<Option<Given>, Failure> {
    let Some(path) = file.filter(|_| text.is_none()) else {
        return Ok(text.map(|text| Given { text: text.to_owned(), source: option.to_owned() }));
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("the file of {option}-file, {}, cannot be read ({error})", path.display()))
    })?;
    Ok(Some(Given { text, source: format!("{option}-file, {},", path.display()) }))
}

impl Given {
    /// What the text says; the failure names the option or the file, and does not show the text.
    pub(super) fn parse<T, E: std::fmt::Display>(
        &self,
        what: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Failure> {
        parse(&self.text).map_err(|why| Failure::new(format!("{} is not a {what}: {why}", self.source)))
    }
}

#[cfg(test)]
mod tests {
    use scimgate::root_key::RootKey;

    use super::*;

    #[test]
    fn a_failure_names_the_option_and_the_file_but_not_the_secret() {
        let secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde";
        let parsed =
            |text: &str| read("--root-key", Some(text), None).unwrap().unwrap().parse("root key", RootKey::parse);
        let Failure { message, .. } = parsed(secret).err().unwrap();
        assert!(message.starts_with("--root-key is not a root key: it must be 32 random bytes"), "{message}");
        assert!(!message.contains(secret), "{message}");
        let Failure { message, .. } = read("--root-key", None, Some(Path::new("/nowhere/root"))).err().unwrap();
        assert!(message.starts_with("the file of --root-key-file, /nowhere/root, cannot be read"), "{message}");
        assert!(read("--root-key", None, None).unwrap().is_none());
        assert!(parsed(&format!("{secret}f")).is_ok());
    }
}
