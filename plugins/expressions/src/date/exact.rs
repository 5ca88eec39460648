//! Reads a date by a .NET format, exactly but for white space around it and letters' case.

use jiff::ToSpan as _;

use super::Date;
use super::format::{Part, custom, parts};
use super::names::{DAYS, MONTHS, starting};

/// Two-digit years up to this one are of this century.
const LAST_TWO_DIGIT_YEAR: i16 = 2049;

/// Why a date could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExactError {
    /// The format is not one that .NET has.
    Format,
    /// The text does not have the form.
    Text,
}

/// What has been read so far.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) year: Option<i16>,
    pub(super) month: Option<i8>,
    pub(super) day: Option<i8>,
    pub(super) hour: i8,
    pub(super) minute: i8,
    pub(super) second: i8,
    pub(super) nanosecond: i32,
    /// Whether the hour counts to 12, and of which half of the day.
    pub(super) afternoon: Option<bool>,
    pub(super) twelve_hours: bool,
    pub(super) offset_minutes: Option<i32>,
    weekday: Option<usize>,
}

impl Fields {
    /// The moment, if there is one; without a date it is on the first day of year 1.
    pub(super) fn moment(&self) -> Option<Date> {
        let mut hour = self.hour;
        if self.twelve_hours {
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour %= 12;
        }
        if self.afternoon == Some(true) && hour < 12 {
            hour += 12;
        }
        let day = date_of(self.year.unwrap_or(1), self.month.unwrap_or(1), self.day.unwrap_or(1))?;
        let time = jiff::civil::Time::new(hour, self.minute, self.second, self.nanosecond).ok()?;
        let matches =
            self.weekday.is_none_or(|weekday| usize::try_from(day.weekday().to_sunday_zero_offset()) == Ok(weekday));
        let local = day.to_datetime(time);
        let moment = local.checked_sub(i64::from(self.offset_minutes.unwrap_or(0)).minutes()).ok()?;
        Date::of(moment).filter(|_| matches)
    }
}

fn date_of(year: i16, month: i8, day: i8) -> Option<jiff::civil::Date> {
    (year > 0).then(|| jiff::civil::Date::new(year, month, day).ok()).flatten()
}

impl Date {
    /// Reads `text` by a format.
    pub(crate) fn read(text: &str, format: &str) -> Result<Self, ExactError> {
        let parts = custom(format).and_then(parts).ok_or(ExactError::Format)?;
        let mut rest = text.trim();
        let mut fields = Fields::default();
        for (index, part) in parts.iter().enumerate() {
            rest = match part {
                Part::Literal(literal) => rest.strip_prefix(literal.as_str()).ok_or(ExactError::Text)?,
                // A fraction that may be missing takes its point with it.
                Part::Field('F', _) if !rest.starts_with(|next: char| next.is_ascii_digit()) => rest,
                Part::Field(letter, count) => {
                    let next_is_digit =
                        matches!(parts.get(index + 1), Some(Part::Field(next, _)) if !"tgzK".contains(*next));
                    field(*letter, *count, next_is_digit, rest, &mut fields)?
                }
            };
        }
        if rest.is_empty() { fields.moment().ok_or(ExactError::Text) } else { Err(ExactError::Text) }
    }
}

/// Reads one field and returns what follows it.
fn field<'t>(
    letter: char,
    count: usize,
    packed: bool,
    text: &'t str,
    fields: &mut Fields,
) -> Result<&'t str, ExactError> {
    // One letter takes one or two digits, but only one where another number follows at once.
    let most = if count == 1 && !packed { 2 } else { count.min(2) };
    let short = |least: usize| digits(text, least.min(2), most);
    Ok(match (letter, count) {
        ('d', 1 | 2) => assign(short(count)?, |value| fields.day = Some(value)),
        ('d', _) => name(text, &DAYS, count, |index| fields.weekday = Some(index))?,
        ('M', 1 | 2) => assign(short(count)?, |value| fields.month = Some(value)),
        ('M', _) => name(text, &MONTHS, count, |index| fields.month = i8::try_from(index + 1).ok())?,
        ('y', 1 | 2) => assign(digits(text, count, 2)?, |value: i16| fields.year = Some(whole_year(value))),
        ('y', _) => assign(digits(text, count.min(4), count.max(4))?, |value| fields.year = Some(value)),
        ('H', _) => assign(short(count)?, |value| fields.hour = value),
        ('h', _) => {
            fields.twelve_hours = true;
            assign(short(count)?, |value| fields.hour = value)
        }
        ('m', _) => assign(short(count)?, |value| fields.minute = value),
        ('s', _) => assign(short(count)?, |value| fields.second = value),
        ('f', 1..=7) => fraction(text, count, count, fields)?,
        ('F', 1..=7) => fraction(text, 0, count, fields)?,
        ('t', _) => half(text, count, fields)?,
        ('z', _) => offset(text, count, fields)?,
        ('K', _) => zone(text, fields)?,
        ('g', _) => text.strip_prefix("A.D.").or_else(|| text.strip_prefix("AD")).ok_or(ExactError::Text)?,
        _ => return Err(ExactError::Format),
    })
}

fn whole_year(two_digits: i16) -> i16 {
    let year = 2000 + two_digits;
    if year > LAST_TWO_DIGIT_YEAR { year - 100 } else { year }
}

fn assign<T>((value, rest): (T, &str), set: impl FnOnce(T)) -> &str {
    set(value);
    rest
}

fn digits<T: std::str::FromStr>(text: &str, least: usize, most: usize) -> Result<(T, &str), ExactError> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least || count == 0 {
        return Err(ExactError::Text);
    }
    let value = text[..count].parse().map_err(|_| ExactError::Text)?;
    Ok((value, &text[count..]))
}

fn name<'t>(text: &'t str, names: &[&str], count: usize, set: impl FnOnce(usize)) -> Result<&'t str, ExactError> {
    let (index, length) = starting(text, names, count > 3).ok_or(ExactError::Text)?;
    set(index);
    Ok(&text[length..])
}

fn fraction<'t>(text: &'t str, least: usize, most: usize, fields: &mut Fields) -> Result<&'t str, ExactError> {
    let (digits, rest) = digits::<i32>(text, least, most)?;
    let read = text.len() - rest.len();
    fields.nanosecond = digits * 10_i32.pow(u32::try_from(9 - read).unwrap_or(0));
    Ok(rest)
}

fn half<'t>(text: &'t str, count: usize, fields: &mut Fields) -> Result<&'t str, ExactError> {
    let length = count.min(2);
    let found = text.get(..length).ok_or(ExactError::Text)?.to_ascii_uppercase();
    fields.afternoon = Some(match found.as_str() {
        "AM" | "A" => false,
        "PM" | "P" => true,
        _ => return Err(ExactError::Text),
    });
    Ok(&text[length..])
}

/// `+7`, `-07`, `+07:00`. Three letters want minutes.
fn offset<'t>(text: &'t str, count: usize, fields: &mut Fields) -> Result<&'t str, ExactError> {
    let negative = text.starts_with('-');
    let text = text.strip_prefix(['+', '-']).ok_or(ExactError::Text)?;
    let (hours, mut rest) = digits::<i32>(text, count.min(2), 2)?;
    let mut minutes = 0;
    if count > 2 {
        (minutes, rest) = digits::<i32>(rest.strip_prefix(':').unwrap_or(rest), 2, 2)?;
    }
    if hours > 14 || minutes > 59 {
        return Err(ExactError::Text);
    }
    let total = hours * 60 + minutes;
    fields.offset_minutes = Some(if negative { -total } else { total });
    Ok(rest)
}

/// `Z`, an offset, or nothing.
fn zone<'t>(text: &'t str, fields: &mut Fields) -> Result<&'t str, ExactError> {
    match text.strip_prefix('Z') {
        Some(rest) => {
            fields.offset_minutes = Some(0);
            Ok(rest)
        }
        None if text.starts_with(['+', '-']) => offset(text, 3, fields),
        None => Ok(text),
    }
}
