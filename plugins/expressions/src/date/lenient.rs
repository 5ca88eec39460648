//! Reads a date in any of the common forms: ISO 8601, American order, names of months; with or without time and offset.

use super::Date;
use super::exact::Fields;
use super::names::{DAYS, MONTHS, starting};

/// Reads a date of any common form. Without an offset it is in UTC.
pub(crate) fn read(text: &str) -> Option<Date> {
    let mut reader = Reader { rest: text.trim(), fields: Fields::default() };
    reader.date()?;
    reader.time()?;
    reader.zone()?;
    if reader.rest.is_empty() { reader.fields.moment() } else { None }
}

struct Reader<'t> {
    rest: &'t str,
    fields: Fields,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn skip(&mut self, signs: &[char]) -> bool {
        match self.rest.strip_prefix(signs) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn number(&mut self, most: usize) -> Option<(i32, usize)> {
        let count = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let value = self.rest[..count].parse().ok()?;
        self.rest = &self.rest[count..];
        Some((value, count))
    }

    fn small(&mut self) -> Option<i8> {
        i8::try_from(self.number(2)?.0).ok()
    }

    fn year(&mut self) -> Option<i16> {
        let (year, digits) = self.number(4)?;
        (digits == 4).then(|| i16::try_from(year).ok()).flatten()
    }

    fn month_name(&mut self) -> Option<i8> {
        let found = starting(self.rest, &MONTHS, true).or_else(|| starting(self.rest, &MONTHS, false));
        let (index, length) = found?;
        self.rest = self.rest[length..].trim_start_matches(['.', ',']);
        i8::try_from(index + 1).ok()
    }

    /// `2020-03-16`, `2020/3/16`, `3/16/2020`, `16 March 2020`, `March 16, 2020`; a weekday in front is passed over.
    fn date(&mut self) -> Option<()> {
        if let Some((_, length)) = starting(self.rest, &DAYS, true).or_else(|| starting(self.rest, &DAYS, false)) {
            self.rest = self.rest[length..].trim_start_matches(',').trim_start();
        }
        if let Some(month) = self.month_name() {
            self.fields.month = Some(month);
            self.blanks();
            self.fields.day = Some(self.small()?);
            self.skip(&[',']);
            self.blanks();
            self.fields.year = Some(self.year()?);
            return Some(());
        }
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 4 {
            self.fields.year = Some(self.year()?);
            let separator = self.rest.chars().next().filter(|sign| "-/.".contains(*sign))?;
            self.skip(&[separator]);
            self.fields.month = Some(self.small()?);
            if !self.skip(&[separator]) {
                return None;
            }
            self.fields.day = Some(self.small()?);
            return Some(());
        }
        let first = self.small()?;
        if self.rest.starts_with([' ', '-']) && self.rest[1..].starts_with(|next: char| next.is_ascii_alphabetic()) {
            self.rest = &self.rest[1..];
            (self.fields.day, self.fields.month) = (Some(first), Some(self.month_name()?));
            self.skip(&[' ', '-']);
            self.fields.year = Some(self.year()?);
            return Some(());
        }
        let separator = self.rest.chars().next().filter(|sign| "-/.".contains(*sign))?;
        self.skip(&[separator]);
        (self.fields.month, self.fields.day) = (Some(first), Some(self.small()?));
        if !self.skip(&[separator]) {
            return None;
        }
        self.fields.year = Some(self.year()?);
        Some(())
    }

    /// `T13:14:15.123`, ` 4:00 PM`, ` 4 PM`, or nothing.
    fn time(&mut self) -> Option<()> {
        let before = self.rest;
        let is_iso = self.skip(&['T', 't']);
        self.blanks();
        if !self.rest.starts_with(|next: char| next.is_ascii_digit()) {
            self.rest = before;
            return (!is_iso).then_some(());
        }
        self.fields.hour = self.small()?;
        let mut has_minutes = false;
        if self.skip(&[':']) {
            has_minutes = true;
            self.fields.minute = self.small()?;
            if self.skip(&[':']) {
                self.fields.second = self.small()?;
                if self.skip(&['.', ',']) {
                    let (digits, count) = self.number(9)?;
                    self.fields.nanosecond = digits * 10_i32.pow(u32::try_from(9 - count).ok()?);
                }
            }
        }
        self.half();
        (has_minutes || self.fields.afternoon.is_some()).then_some(())
    }

    fn half(&mut self) {
        let rest = self.rest.trim_start();
        let found = rest.get(..2).map(str::to_ascii_uppercase);
        self.fields.afternoon = match found.as_deref() {
            Some("AM") => Some(false),
            Some("PM") => Some(true),
            _ => return,
        };
        self.fields.twelve_hours = true;
        self.rest = &rest[2..];
    }

    /// `Z`, `GMT`, `UTC`, `-07:00`, `-0700`, ` -8`, or nothing.
    fn zone(&mut self) -> Option<()> {
        self.blanks();
        for name in ["GMT", "UTC", "Z", "z"] {
            if let Some(rest) = self.rest.strip_prefix(name) {
                self.rest = rest;
                self.fields.offset_minutes = Some(0);
            }
        }
        let negative = self.rest.starts_with('-');
        if !self.skip(&['+', '-']) {
            return Some(());
        }
        let hours = self.number(2)?.0;
        self.skip(&[':']);
        let minutes = if self.rest.is_empty() { 0 } else { self.number(2)?.0 };
        if hours > 14 || minutes > 59 {
            return None;
        }
        let total = hours * 60 + minutes;
        self.fields.offset_minutes = Some(if negative { -total } else { total });
        Some(())
    }
}
