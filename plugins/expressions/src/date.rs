//! Moments in UTC with the text form and the arithmetic that .NET gives them.

pub(crate) mod exact;
mod format;
mod lenient;
mod names;

use std::fmt;

use jiff::civil::DateTime;
use jiff::{Span, Timestamp, ToSpan as _, tz::Offset};

/// A moment in UTC, from year 1 to 9999, in units of 100 ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub(crate) DateTime);

/// Units of 100 ns in a second, and those between 1601 and 1970.
const TICKS_PER_SECOND: i64 = 10_000_000;
const FILETIME_OF_1970: i64 = 116_444_736_000_000_000;

impl Date {
    /// A moment in RFC 3339.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let moment: Timestamp = text.parse().ok()?;
        Self::of(Offset::UTC.to_datetime(moment))
    }

    /// A moment in any form that `CDate` reads.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        lenient::read(text)
    }

    /// None outside the years that .NET has.
    pub(crate) fn of(value: DateTime) -> Option<Self> {
        (1..=9999).contains(&value.year()).then_some(Self(value))
    }

    /// The moment in RFC 3339, as SCIM writes it.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        format!("{}Z", self.0)
    }

    /// From 100 ns since 1601.
    pub(crate) fn from_filetime(ticks: i64) -> Option<Self> {
        let since_1970 = i128::from(ticks) - i128::from(FILETIME_OF_1970);
        let moment = Timestamp::from_nanosecond(since_1970 * 100).ok()?;
        Self::of(Offset::UTC.to_datetime(moment))
    }

    /// 100 ns since 1601.
    pub(crate) fn to_filetime(self) -> Option<i64> {
        self.ticks()?.checked_add(FILETIME_OF_1970)
    }

    /// 100 ns since 1970.
    fn ticks(self) -> Option<i64> {
        let moment = Offset::UTC.to_timestamp(self.0).ok()?;
        i64::try_from(moment.as_nanosecond() / 100).ok()
    }

    /// Moved by this many intervals; months and years end at the last day of a shorter month.
    pub(crate) fn add(self, interval: Interval, count: i64) -> Option<Self> {
        let span = match interval {
            Interval::Year => Span::new().try_years(count),
            Interval::Month => Span::new().try_months(count),
            Interval::Week => Span::new().try_weeks(count),
            Interval::Day => Span::new().try_days(count),
            Interval::Hour => Span::new().try_hours(count),
            Interval::Minute => Span::new().try_minutes(count),
            Interval::Second => Span::new().try_seconds(count),
        };
        Self::of(self.0.checked_add(span.ok()?).ok()?)
    }

    /// Intervals from this moment to `later`: boundaries of years, months and weeks (which begin on Sunday), whole elapsed
    /// days, hours, minutes and seconds.
    pub(crate) fn until(self, later: Self, interval: Interval) -> Option<i64> {
        let month = |date: DateTime| i64::from(date.year()) * 12 + i64::from(date.month());
        let sunday = |date: DateTime| {
            let day = date.date().checked_sub(i64::from(date.weekday().to_sunday_zero_offset()).days()).ok()?;
            Self::of(day.to_datetime(jiff::civil::Time::midnight()))?.ticks()
        };
        let seconds = later.ticks()? - self.ticks()?;
        let elapsed = |seconds_each: i64| seconds / (seconds_each * TICKS_PER_SECOND);
        Some(match interval {
            Interval::Year => i64::from(later.0.year()) - i64::from(self.0.year()),
            Interval::Month => month(later.0) - month(self.0),
            Interval::Week => (sunday(later.0)? - sunday(self.0)?) / (7 * 86_400 * TICKS_PER_SECOND),
            Interval::Day => elapsed(86_400),
            Interval::Hour => elapsed(3_600),
            Interval::Minute => elapsed(60),
            Interval::Second => elapsed(1),
        })
    }
}

/// `M/d/yyyy h:mm:ss tt`, as .NET writes it in the invariant culture's American order.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.0;
        let (hour, half) = half_day(at.hour());
        write!(f, "{}/{}/{:04} {hour}:{:02}:{:02} {half}", at.month(), at.day(), at.year(), at.minute(), at.second())
    }
}

/// The hour from 1 to 12, and which half of the day it is in.
fn half_day(hour: i8) -> (i8, &'static str) {
    let half = if hour < 12 { "AM" } else { "PM" };
    (if hour % 12 == 0 { 12 } else { hour % 12 }, half)
}

/// A unit of `DateAdd` and `DateDiff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interval {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

impl Interval {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "yyyy" => Self::Year,
            "m" => Self::Month,
            "ww" => Self::Week,
            "d" => Self::Day,
            "h" => Self::Hour,
            "n" => Self::Minute,
            "s" => Self::Second,
            _ => return None,
        })
    }

    pub(crate) fn expected(text: &str) -> String {
        format!("“{text}” is not an interval: yyyy, m, ww, d, h, n (minutes) or s")
    }
}
