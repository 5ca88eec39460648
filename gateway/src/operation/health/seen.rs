//! What is known of a tenant's traffic from its first request on: the cycle that its provider is in, and its rhythm. It follows from the
//! rows of ten minutes, which are taken one after the other and then forgotten.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::store::health::traffic::{Count, Counts, Slot};

/// A pause after which requests belong to another cycle. Providers have 20 to 60 minutes from one cycle to the next.
const CYCLE_PAUSE: Duration = Duration::from_mins(10);
/// Created resources from which on a later cycle is initial, if it also creates more than there were: the provider's job was restarted,
/// or its first cycle was interrupted.
const INITIAL_RESOURCES: i64 = 100;
/// Days of which the longest pause is known.
const PAUSE_DAYS: i64 = 14;
/// A rhythm is known after so long: a week has a weekend.
const RHYTHM_AGE: Duration = Duration::from_hours(24 * 7);
/// A provider that pauses for longer has no rhythm: it sends when something changes.
const MAX_RHYTHM: Duration = Duration::from_hours(24);
/// Silence is worth a word after so many of the longest pauses, and this long.
const SILENT_PAUSES: u32 = 3;
const MIN_SILENCE: Duration = Duration::from_hours(3);

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// Moments in milliseconds since 1970.
type Millis = i64;

/// What is known of a tenant's traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Seen {
    /// The rows that begin before are in it.
    counted_to: Millis,
    first_at: Option<Millis>,
    last_at: Option<Millis>,
    last_write_at: Option<Millis>,
    /// Within ten minutes after it.
    last_failed_at: Option<Millis>,
    last_refused_at: Option<Millis>,
    burst: Option<Burst>,
    /// Cycles with work that are over.
    cycles: u32,
    /// Resources that these created, without those that were deleted.
    resources: i64,
    /// The longest pause that ended on each of the last days.
    pauses: Vec<(i64, Millis)>,
    /// The last request before a pause that was far longer than the others, until there is work again.
    slowed_at: Option<Millis>,
}

/// Requests without a long pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Burst {
    begun_at: Millis,
    last_at: Millis,
    counts: Counts,
    total: i64,
}

/// What a provider does in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CycleKind {
    /// It sends everything.
    Initial,
    /// It sends what changed.
    Incremental,
    /// It only looks whether the connection works.
    Probe,
}

impl CycleKind {
    /// The word in the admin API.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Incremental => "incremental",
            Self::Probe => "probe",
        }
    }
}

/// The latest cycle.
#[derive(Clone, Debug)]
pub struct Cycle {
    /// What the provider does.
    pub kind: CycleKind,
    /// Its first request.
    pub begun_at: SystemTime,
    /// Its last request so far.
    pub last_at: SystemTime,
    /// Whether there may be more requests.
    pub is_running: bool,
    /// What was sent.
    pub counts: Counts,
    /// How many resources the lists without a filter have, at most.
    pub total: i64,
}

impl Burst {
    /// Whether anything was done but to test the connection, or to look for what is not there.
    fn has_work(&self) -> bool {
        has_work(&self.counts)
    }
}

fn has_work(counts: &Counts) -> bool {
    // Tests of a connection read one page at most.
    counts.writes() + counts.get(Count::Failed) + counts.get(Count::Found) > 0 || counts.get(Count::Pages) > 1
}

impl Seen {
    /// What was stored; nothing where that cannot be read.
    #[must_use]
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// What is stored.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Rows from this time on are not in it yet.
    #[must_use]
    pub fn counted_to(&self) -> SystemTime {
        moment(self.counted_to)
    }

    /// Adds the next row.
    pub fn add(&mut self, slot: &Slot) {
        self.counted_to = millis(slot.begins) + 1;
        if slot.counts.get(Count::Refused) > 0 {
            self.last_refused_at = Some(millis(slot.begins));
        }
        let Some((first, last)) = slot.accepted.map(|(first, last)| (millis(first), millis(last))) else { return };
        if slot.counts.get(Count::Failed) > 0 {
            self.last_failed_at = Some(millis(slot.begins));
        }
        if slot.counts.writes() > 0 {
            self.last_write_at = Some(last);
        }
        self.first_at.get_or_insert(first);
        let pause = self.last_at.map(|before| first - before);
        match &mut self.burst {
            Some(burst) if pause.is_some_and(|pause| pause < in_millis(CYCLE_PAUSE)) => {
                burst.last_at = last;
                burst.counts.add_all(&slot.counts);
                burst.total = burst.total.max(slot.total);
            }
            _ => self.begin(slot, first, last),
        }
        if self.burst.as_ref().is_some_and(Burst::has_work)
            && let Some(before) = self.slowed_at.take()
        {
            // The rhythm has changed.
            self.add_pause(first, first - before);
        }
        self.last_at = Some(last);
    }

    /// Another cycle begins after a pause.
    fn begin(&mut self, slot: &Slot, first: Millis, last: Millis) {
        if let Some(before) = self.last_at {
            let is_long = self.silence_limit().is_some_and(|limit| first - before > in_millis(limit));
            if is_long || self.slowed_at.is_some() {
                self.slowed_at.get_or_insert(before);
            } else {
                self.add_pause(first, first - before);
            }
        }
        if let Some(over) = self.burst.take()
            && over.has_work()
        {
            self.cycles = self.cycles.saturating_add(1);
            self.resources += over.counts.created() - over.counts.get(Count::Deleted);
        }
        self.burst = Some(Burst { begun_at: first, last_at: last, counts: slot.counts, total: slot.total });
    }

    fn add_pause(&mut self, ended_at: Millis, pause: Millis) {
        let day = ended_at / DAY_MILLIS;
        match self.pauses.iter_mut().find(|(of_day, _)| *of_day == day) {
            Some((_, longest)) => *longest = pause.max(*longest),
            None => self.pauses.push((day, pause)),
        }
        self.pauses.retain(|(of_day, _)| *of_day > day - PAUSE_DAYS);
    }

    /// How long the provider may be silent; none where it has no rhythm.
    #[must_use]
    pub fn silence_limit(&self) -> Option<Duration> {
        let age = self.last_at? - self.first_at?;
        let longest = self.longest_pause();
        (age >= in_millis(RHYTHM_AGE) && longest <= MAX_RHYTHM).then(|| (longest * SILENT_PAUSES).max(MIN_SILENCE))
    }

    /// The longest pause of the last days.
    #[must_use]
    pub fn longest_pause(&self) -> Duration {
        let longest = self.pauses.iter().map(|(_, pause)| *pause).max().unwrap_or_default();
        Duration::from_millis(u64::try_from(longest).unwrap_or_default()).max(CYCLE_PAUSE)
    }

    /// The latest cycle.
    #[must_use]
    pub fn cycle(&self, now: SystemTime) -> Option<Cycle> {
        let burst = self.burst.as_ref()?;
        let created = burst.counts.created();
        let kind = if !burst.has_work() {
            CycleKind::Probe
        } else if self.cycles == 0 || created >= INITIAL_RESOURCES && created > self.resources {
            CycleKind::Initial
        } else {
            CycleKind::Incremental
        };
        Some(Cycle {
            kind,
            begun_at: moment(burst.begun_at),
            last_at: moment(burst.last_at),
            is_running: millis(now) - burst.last_at < in_millis(CYCLE_PAUSE),
            counts: burst.counts,
            total: burst.total,
        })
    }

    /// Cycles with work, the current one included.
    #[must_use]
    pub fn cycles(&self) -> u32 {
        self.cycles + u32::from(self.burst.as_ref().is_some_and(Burst::has_work))
    }

    /// The first request with an accepted credential.
    #[must_use]
    pub fn first_at(&self) -> Option<SystemTime> {
        self.first_at.map(moment)
    }

    /// The last one.
    #[must_use]
    pub fn last_at(&self) -> Option<SystemTime> {
        self.last_at.map(moment)
    }

    /// The last write that succeeded.
    #[must_use]
    pub fn last_write_at(&self) -> Option<SystemTime> {
        self.last_write_at.map(moment)
    }

    /// When something failed last, to ten minutes.
    #[must_use]
    pub fn last_failed_at(&self) -> Option<SystemTime> {
        self.last_failed_at.map(moment)
    }

    /// When a credential was refused last, to ten minutes.
    #[must_use]
    pub fn last_refused_at(&self) -> Option<SystemTime> {
        self.last_refused_at.map(moment)
    }

    /// Since when the provider has come far more seldom than before, and done no work.
    #[must_use]
    pub fn slowed_at(&self) -> Option<SystemTime> {
        self.slowed_at.map(moment)
    }
}

fn millis(at: SystemTime) -> Millis {
    at.duration_since(UNIX_EPOCH).map_or(0, in_millis)
}

fn in_millis(time: Duration) -> Millis {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn moment(at: Millis) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Millis = 60_000;
    const HOUR: Millis = 60 * MINUTE;

    /// Ten minutes with one request at their beginning, and with what else was counted.
    fn slot(at: Millis, counted: &[(Count, i64)]) -> Slot {
        let mut counts = Counts::default();
        counts.add(Count::Requests, 1);
        counted.iter().for_each(|(of, number)| counts.add(*of, *number));
        Slot { begins: moment(at), accepted: Some((moment(at), moment(at + 1))), counts, total: 0 }
    }

    fn kind(seen: &Seen, at: Millis) -> CycleKind {
        seen.cycle(moment(at)).unwrap().kind
    }

    #[test]
    fn the_first_cycle_with_work_is_initial_and_later_ones_are_incremental() {
        let mut seen = Seen::default();
        let lookup = [(Count::Lookups, 1)];
        seen.add(&slot(0, &lookup));
        assert_eq!((kind(&seen, 0), seen.cycles()), (CycleKind::Probe, 0), "the administrator tests the connection");
        seen.add(&slot(HOUR, &[(Count::Lookups, 9), (Count::Users, 3)]));
        seen.add(&slot(HOUR + 9 * MINUTE, &[(Count::Groups, 2)]));
        let cycle = seen.cycle(moment(HOUR + 12 * MINUTE)).unwrap();
        assert_eq!((cycle.kind, cycle.counts.created(), cycle.is_running), (CycleKind::Initial, 5, true));
        seen.add(&slot(2 * HOUR, &[(Count::Users, 4)]));
        assert_eq!((kind(&seen, 2 * HOUR), seen.cycles()), (CycleKind::Incremental, 2));
        // The job is restarted for another directory.
        seen.add(&slot(3 * HOUR, &[(Count::Users, 150)]));
        assert_eq!(kind(&seen, 3 * HOUR), CycleKind::Initial);
        assert_eq!(Seen::read(&seen.text()), seen);
        assert_eq!(Seen::read("{"), Seen::default());
    }

    /// Every 40 minutes there is something for eight days, a weekend included; then there is nothing but a test a day.
    #[test]
    fn a_provider_that_comes_far_more_seldom_and_only_tests_has_slowed_down() {
        let mut seen = Seen::default();
        let mut at = 0;
        while at < 8 * 24 * HOUR {
            seen.add(&slot(at, &[(Count::Found, 1)]));
            assert_eq!(at < 7 * 24 * HOUR, seen.silence_limit().is_none(), "{at}");
            at += 40 * MINUTE;
        }
        let last = seen.last_at().unwrap();
        assert_eq!(seen.silence_limit(), Some(Duration::from_hours(3)));
        for day in 1..4 {
            seen.add(&slot(at + day * 24 * HOUR, &[(Count::Lookups, 1)]));
            assert_eq!((seen.slowed_at(), kind(&seen, at)), (Some(last), CycleKind::Probe));
        }
        assert_eq!(seen.silence_limit(), Some(Duration::from_hours(3)), "its pauses now say nothing of its rhythm");
        seen.add(&slot(at + 4 * 24 * HOUR, &[(Count::Changed, 1)]));
        assert_eq!((seen.slowed_at(), seen.silence_limit()), (None, None), "it works again");
    }

    #[test]
    fn a_provider_that_sends_when_something_changes_has_no_rhythm() {
        let mut seen = Seen::default();
        for day in [0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 14] {
            seen.add(&slot(day * 24 * HOUR, &[(Count::Changed, 2)]));
        }
        assert_eq!(seen.longest_pause().as_secs().div_ceil(60 * 60), 72);
        assert_eq!((seen.silence_limit(), seen.slowed_at()), (None, None));
    }
}
