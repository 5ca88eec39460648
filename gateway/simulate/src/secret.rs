//! A bearer token that is never printed.

use std::fmt;

/// A secret from the command line, a file or the environment.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The secret's text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    /// Trims the text: files end with a line break, and pasted texts with a space.
    fn from(text: String) -> Self {
        Self(text.trim().to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_secret() {
        assert_eq!(format!("{:?}", Secret::from(" sgt_1\n".to_owned())), "Secret");
        assert_eq!(Secret::from(" sgt_1\n".to_owned()).reveal(), "sgt_1");
    }
}
