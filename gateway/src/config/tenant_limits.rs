//! How much one tenant may send, as options and the admin API write it.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// Requests of a tenant at once, where nothing else is set. The busiest providers send sixteen.
pub const DEFAULT_REQUESTS: u32 = 32;
/// The largest limit of either kind that can be set.
pub const MAX_LIMIT: u32 = 100_000;

/// The limits of a tenant. What is none follows the default of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantLimits {
    /// Requests at once.
    pub requests: Option<u32>,
    /// Requests a second.
    pub rate: Option<Rate>,
}

impl TenantLimits {
    /// These limits, and the others where these are none.
    #[must_use]
    pub fn or(&self, others: &Self) -> Self {
        Self { requests: self.requests.or(others.requests), rate: self.rate.or(others.rate) }
    }
}

/// Requests a second over time, and how many may come at once after a pause. Written `50/200`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second.
    pub per_second: NonZeroU32,
    /// Requests at once.
    pub burst: NonZeroU32,
}

impl Rate {
    /// The part of one of so many replicas, at least one request a second.
    #[must_use]
    pub fn of_one(self, replicas: NonZeroU32) -> Self {
        let part = |whole: NonZeroU32| NonZeroU32::new(whole.get() / replicas).unwrap_or(NonZeroU32::MIN);
        Self { per_second: part(self.per_second), burst: part(self.burst) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.per_second, self.burst)
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| part.trim().parse().ok().filter(|number: &NonZeroU32| number.get() <= MAX_LIMIT);
        let rate = text.split_once('/').and_then(|(rate, burst)| Some((number(rate)?, number(burst)?)));
        let rate = rate.filter(|(per_second, burst)| burst >= per_second);
        let (per_second, burst) = rate.ok_or_else(|| {
            format!(
                "\"{text}\" is not a rate: write requests a second and the burst that may come at once, such as 50/200; \
                 each is 1 to {MAX_LIMIT}, and the burst at least the rate"
            )
        })?;
        Ok(Self { per_second, burst })
    }
}

/// The limits of each tenant that has none of its own.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct TenantDefaults {
    /// Requests that one tenant may have in progress at once.
    ///
    /// In this process; further ones wait two seconds and then get 429.
    #[arg(long, env = "SCIMGATE_TENANT_REQUESTS", value_name = "REQUESTS", default_value_t = DEFAULT_REQUESTS,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_LIMIT)))]
    pub tenant_requests: u32,
    /// Requests a second of one tenant, such as 50/200 [default: any number].
    ///
    /// The rate of all replicas together, and how many may come at once after a pause; further ones get 429.
    #[arg(long, env = "SCIMGATE_TENANT_RATE", value_name = "RATE/BURST")]
    pub tenant_rate: Option<Rate>,
    /// The number of replicas, by which each divides the rates.
    #[arg(long, env = "SCIMGATE_REPLICAS", value_name = "REPLICAS", default_value_t = NonZeroU32::MIN)]
    pub replicas: NonZeroU32,
}

impl TenantDefaults {
    /// The limits; the rate is that of all replicas together.
    #[must_use]
    pub fn limits(&self) -> TenantLimits {
        TenantLimits { requests: Some(self.tenant_requests), rate: self.tenant_rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_two_numbers() {
        let rate: Rate = "50/200".parse().unwrap();
        assert_eq!((rate.per_second.get(), rate.burst.get(), rate.to_string().as_str()), (50, 200, "50/200"));
        assert_eq!(rate.of_one(NonZeroU32::new(4).unwrap()).to_string(), "12/50");
        assert_eq!(rate.of_one(NonZeroU32::new(90).unwrap()).to_string(), "1/2");
        for text in ["", "50", "0/5", "5/0", "5/4", "a/b", "1/100001", "1/2/3"] {
            assert!(text.parse::<Rate>().unwrap_err().contains("is not a rate"), "{text}");
        }
    }
}
