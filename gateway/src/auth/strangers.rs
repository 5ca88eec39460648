//! Addresses that send unknown tokens. Each unknown token costs a look-up in the database, of which an address has a limited
//! number; known tokens are cached and cost none.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::future::Cache;

/// Unknown tokens of one address that are looked up in a window.
const MAX_LOOK_UPS: u32 = 100;
/// The window, from the first of them on.
const WINDOW: Duration = Duration::from_mins(1);
/// Addresses that are remembered.
const MAX_ADDRESSES: u64 = 100_000;

/// The number of unknown tokens of each address.
#[derive(Clone)]
pub(super) struct Strangers(Cache<IpAddr, Arc<AtomicU32>>);

impl Default for Strangers {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MAX_ADDRESSES).time_to_live(WINDOW).build())
    }
}

impl Strangers {
    /// Whether a token of this address may be looked up.
    pub(super) async fn may_look_up(&self, address: IpAddr) -> bool {
        let known = self.0.get(&network(address)).await;
        known.is_none_or(|count| count.load(Ordering::Relaxed) < MAX_LOOK_UPS)
    }

    /// Counts an unknown token.
    pub(super) async fn count(&self, address: IpAddr) {
        let count = self.0.get_with(network(address), async { Arc::default() }).await;
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// What one client has: an address of IPv4, or the 64 bits that are a network of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(own) => IpAddr::V6((own.to_bits() >> 64 << 64).into()),
        IpAddr::V4(own) => IpAddr::V4(own),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_has_so_many_look_ups() {
        let strangers = Strangers::default();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        for (sender, same, other) in
            [("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::ffff:0:0:1", "2001:db8:0:1::1")]
        {
            for _ in 0..MAX_LOOK_UPS {
                assert!(strangers.may_look_up(address(sender)).await);
                strangers.count(address(sender)).await;
            }
            assert!(!strangers.may_look_up(address(sender)).await);
            assert!(!strangers.may_look_up(address(same)).await);
            assert!(strangers.may_look_up(address(other)).await);
        }
    }
}
