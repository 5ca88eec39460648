//! Where the keys of other issuers may be: settings of the process, since they concern its network.

use std::path::PathBuf;

use super::Network;

/// Which issuers' keys are read.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Keys")]
pub struct Issuers {
    /// Private networks that keys of issuers are read from (may be repeated).
    ///
    /// Networks that are not public and from which the keys of issuers may be read all the same, e.g. 10.20.0.0/16.
    #[arg(long = "issuer-network", value_name = "NETWORK", env = "SCIMGATE_ISSUER_NETWORKS", value_delimiter = ',')]
    pub networks: Vec<Network>,
    /// A file with certificates of authorities, for reading keys of issuers.
    ///
    /// In PEM; they are trusted besides the machine's.
    #[arg(long = "issuer-ca-file", value_name = "FILE", env = "SCIMGATE_ISSUER_CA_FILE", hide_short_help = true)]
    pub ca_file: Option<PathBuf>,
}
