//! Which requests are traced, and where their traces go.

use reqwest::Url;

/// Traces of requests, for an OpenTelemetry collector.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Traces")]
pub struct Traces {
    /// OpenTelemetry collector that takes traces [default: none, and nothing is traced].
    ///
    /// OTLP over HTTP with protobuf, e.g. `http://127.0.0.1:4318`. Without a path, `/v1/traces` is added. See docs/traces.md.
    #[arg(long = "traces-endpoint", env = "SCIMGATE_TRACES_ENDPOINT", value_name = "URL", hide_short_help = true, value_parser = endpoint)]
    pub endpoint: Option<Url>,
    /// Share of the requests that are traced, from 0 to 1.
    ///
    /// Where the sender has a `traceparent`, its own decision counts.
    #[arg(long = "traces-sample", env = "SCIMGATE_TRACES_SAMPLE", value_name = "SHARE", default_value_t = 1.0, hide_short_help = true, value_parser = share)]
    pub sample: f64,
}

/// What takes traces: an address without a user, since errors name it.
fn endpoint(text: &str) -> Result<Url, String> {
    let wanted =
        "write an address with http:// or https:// and without user, query and fragment, such as http://127.0.0.1:4318";
    let mut url = Url::parse(text.trim()).map_err(|_| wanted.to_owned())?;
    let is_plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_plain || url.fragment().is_some() {
        return Err(wanted.to_owned());
    }
    if url.path() == "/" {
        url.set_path("/v1/traces");
    }
    Ok(url)
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "write a number from 0 to 1, such as 0.1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_and_gets_a_path() {
        for (text, url) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://collector.example.com/", "https://collector.example.com/v1/traces"),
            ("https://example.com/otlp/v1/traces", "https://example.com/otlp/v1/traces"),
        ] {
            assert_eq!(endpoint(text).unwrap().as_str(), url);
        }
        for text in [
            "",
            "collector:4318",
            "grpc://collector:4317",
            "https://user:secret@collector",
            "http://x/?key=1",
            "http://",
        ] {
            let refused = endpoint(text).unwrap_err();
            assert!(refused.contains("http://127.0.0.1:4318") && !refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "they are as they were written")]
    fn a_share_is_between_nothing_and_all() {
        assert_eq!(["0", "0.25", "1"].map(|text| share(text).unwrap()), [0.0, 0.25, 1.0]);
        assert!(["-0.1", "1.5", "10%", "NaN", ""].iter().all(|text| share(text).is_err()));
    }
}
