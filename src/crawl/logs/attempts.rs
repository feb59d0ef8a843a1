//! Tries: which queries of a person are new attempts, and which repeat one that failed.
//!
//! A person's query of some relations is an attempt, unless a query of the same relations by the same
//! person failed within the last half hour and none has succeeded since: then it is a repetition.

use rustc_hash::FxHashMap;

/// How long after a failure a query still repeats it, in seconds.
const WINDOW: i64 = 30 * 60;
/// Most failures that are remembered.
const MOST: usize = 200_000;

/// Failures that wait for a success.
#[derive(Default)]
pub(super) struct Attempts {
    /// (asker, family) → when it failed last.
    failed: FxHashMap<(u32, u64), i64>,
}

impl Attempts {
    /// Counts one query of a person: (attempts, first tries).
    pub(super) fn count(&mut self, asker: u32, family: u64, at: i64, failed: bool) -> (u64, u64) {
        let key = (asker, family);
        let repeats = self.failed.get(&key).is_some_and(|before| (0..=WINDOW).contains(&(at - before)));
        if failed {
            if self.failed.len() >= MOST {
                self.failed.retain(|_, before| at - *before <= WINDOW);
            }
            self.failed.insert(key, at);
        } else if !self.failed.is_empty() {
            self.failed.remove(&key);
        }
        (u64::from(!repeats), u64::from(!repeats && !failed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repetition_of_a_failure_is_no_attempt_of_its_own() {
        let mut attempts = Attempts::default();
        assert_eq!(attempts.count(1, 7, 1_000, true), (1, 0));
        assert_eq!(attempts.count(1, 7, 1_100, true), (0, 0));
        assert_eq!(attempts.count(2, 7, 1_150, false), (1, 1), "another person");
        assert_eq!(attempts.count(1, 8, 1_160, false), (1, 1), "another family");
        assert_eq!(attempts.count(1, 7, 1_200, false), (0, 0));
        assert_eq!(attempts.count(1, 7, 1_300, false), (1, 1), "the failure is mended");
        assert_eq!(attempts.count(1, 7, 5_000, true), (1, 0));
        assert_eq!(attempts.count(1, 7, 9_000, false), (1, 1), "long after");
    }
}
