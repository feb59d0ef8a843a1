//! Numbers of queries that were counted, by day, so that exports that overlap count once.

use std::collections::HashMap;

use rustc_hash::FxHashSet;

/// Days of numbers that are held at once, and for how many days back numbers are kept.
const DAYS_HELD: usize = 8;
const DAYS_KEPT: i64 = 35;
/// Entries long after all others that are believed.
const JUMPED: u64 = 1_000;

/// Fetches the numbers of queries of a day that were counted.
pub(super) type FetchSeen<'f> = dyn Fn(i64) -> Vec<u64> + 'f;

/// Numbers of queries of one day.
#[derive(Default)]
struct Seen {
    ids: FxHashSet<u64>,
    changed: bool,
    used: u64,
}

/// The days at hand.
pub(super) struct SeenDays {
    days: HashMap<i64, Seen>,
    clock: u64,
    newest: i64,
    /// Entries that came long after the newest day.
    jumped: u64,
}

impl SeenDays {
    /// Of a log whose newest day is known.
    pub(super) fn new(newest: Option<i64>) -> SeenDays {
        SeenDays { days: HashMap::new(), clock: 0, newest: newest.unwrap_or(0), jumped: 0 }
    }

    /// Whether a query of `day` has not been counted yet; from now on it has.
    pub(super) fn is_new(&mut self, day: i64, id: u64, fetch_seen: &FetchSeen<'_>) -> bool {
        self.clock += 1;
        if !self.days.contains_key(&day) {
            self.drop_old_days();
            let ids = fetch_seen(day).into_iter().collect();
            self.days.insert(day, Seen { ids, changed: false, used: 0 });
        }
        let Some(seen) = self.days.get_mut(&day) else { return true };
        seen.used = self.clock;
        let fresh = seen.ids.insert(id);
        seen.changed |= fresh;
        fresh
    }

    /// Numbers of old days are forgotten, so a few entries of a clock that is set wrong must not make a day new.
    pub(super) fn note_day(&mut self, day: i64) {
        if day <= self.newest {
            return;
        }
        self.jumped += u64::from(day > self.newest + DAYS_KEPT);
        if self.newest == 0 || day <= self.newest + DAYS_KEPT || self.jumped > JUMPED {
            (self.newest, self.jumped) = (day, 0);
        }
    }

    /// The first day whose numbers are kept.
    pub(super) fn first_kept(&self) -> i64 {
        self.newest - DAYS_KEPT
    }

    /// All numbers of every day that has new ones and is kept, sorted.
    pub(super) fn take_changed(&mut self) -> Vec<(i64, Vec<u64>)> {
        let first = self.first_kept();
        let mut changed = Vec::new();
        for (day, seen) in self.days.iter_mut().filter(|(_, seen)| seen.changed) {
            seen.changed = false;
            if *day >= first {
                let mut ids: Vec<u64> = seen.ids.iter().copied().collect();
                ids.sort_unstable();
                changed.push((*day, ids));
            }
        }
        changed.sort_unstable_by_key(|(day, _)| *day);
        changed
    }

    /// Of days that wait for being written none may go.
    fn drop_old_days(&mut self) {
        while self.days.len() >= DAYS_HELD {
            let oldest = self.days.iter().filter(|(_, seen)| !seen.changed).min_by_key(|(_, seen)| seen.used);
            let Some(day) = oldest.map(|(day, _)| *day) else { return };
            self.days.remove(&day);
        }
    }
}
