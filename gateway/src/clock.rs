//! Time and new ids, passed in so that tests can set them. The only file that reads the system clock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::{ContextV7, Timestamp, Uuid};

/// Where "now" comes from.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands at `start` until it is moved.
    #[must_use]
    pub fn set_to(start: SystemTime) -> Self {
        Self(Source::Set(Arc::new(AtomicI64::new(micros(start)))))
    }

    /// Now, cut to the microseconds that Postgres keeps, so that what is stored equals what is sent.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    pub fn now(&self) -> SystemTime {
        let since = match &self.0 {
            Source::System => micros(SystemTime::now()),
            Source::Set(at) => at.load(Ordering::SeqCst),
        };
        UNIX_EPOCH + Duration::from_micros(u64::try_from(since).unwrap_or_default())
    }

    /// Advances a set clock. Does nothing to the system's clock.
    pub fn advance(&self, by: Duration) {
        if let Source::Set(at) = &self.0 {
            at.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }

    /// A new UUIDv7: ids made later sort later, also within one millisecond of one process.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        static CONTEXT: std::sync::Mutex<ContextV7> = std::sync::Mutex::new(ContextV7::new());
        let since = self.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let context = CONTEXT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Uuid::new_v7(Timestamp::from_unix(&*context, since.as_secs(), since.subsec_nanos()))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Clock(system)",
            Source::Set(_) => "Clock(set)",
        })
    }
}

fn micros(at: SystemTime) -> i64 {
    at.duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_micros()).ok()).unwrap_or_default()
}

/// A moment in UTC for people, to the minute: `29 November 2026, 10:05 UTC`.
#[must_use]
pub fn for_people(at: SystemTime) -> String {
    let moment = jiff::Timestamp::from_millisecond(micros(at) / 1000).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

/// A moment as RFC 3339 text in UTC with milliseconds, as SCIM's dateTime requires (RFC 7643 §2.3.5).
#[must_use]
pub fn rfc3339(at: SystemTime) -> String {
    let moment = jiff::Timestamp::from_millisecond(micros(at) / 1000).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{moment:.3}")
}

/// Reads a moment since 1970 in RFC 3339 text.
#[must_use]
pub fn moment(text: &str) -> Option<SystemTime> {
    let micros = text.parse::<jiff::Timestamp>().ok()?.as_microsecond();
    Some(UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).ok()?))
}
