//! Failed attempts to sign in, counted by name and by address, so that nobody guesses for long.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Failures under one name before it is refused.
const MOST_BY_NAME: u32 = 5;
/// Failures from one address before it is refused.
const MOST_BY_ADDRESS: u32 = 30;
/// How long failures count.
const COUNT_FOR: Duration = Duration::from_secs(15 * 60);
/// Names and addresses that are kept; beyond, the oldest go.
const MOST_KEPT: usize = 20_000;

/// Failed attempts of the last quarter of an hour.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    failed: Mutex<HashMap<Subject, Failures>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Name(String),
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    number: u32,
    since: Instant,
}

impl Attempts {
    /// Counts an attempt before it is made; says whether it may be. A success takes it off again, so
    /// that many attempts at the same time are no way around.
    pub(super) fn begin(&self, name: &str, address: Option<IpAddr>, now: Instant) -> bool {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.retain(|_, failures| now.duration_since(failures.since) < COUNT_FOR);
        if failed.len() >= MOST_KEPT {
            let oldest = failed.iter().min_by_key(|(_, failures)| failures.since).map(|(subject, _)| subject.clone());
            oldest.map(|subject| failed.remove(&subject));
        }
        let mut may = true;
        for (subject, most) in subjects(name, address) {
            let failures = failed.entry(subject).or_insert(Failures { number: 0, since: now });
            may &= failures.number < most;
            failures.number = failures.number.saturating_add(1);
        }
        may
    }

    /// Notes that the attempt succeeded.
    pub(super) fn succeed(&self, name: &str, address: Option<IpAddr>) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.remove(&Subject::Name(name.trim().to_lowercase()));
        if let Some(failures) = address.and_then(|address| failed.get_mut(&Subject::Address(address))) {
            failures.number = failures.number.saturating_sub(1);
        }
    }
}

fn subjects(name: &str, address: Option<IpAddr>) -> impl Iterator<Item = (Subject, u32)> {
    let by_name: String = name.trim().to_lowercase().chars().take(200).collect();
    let by_address = address.map(|address| (Subject::Address(address), MOST_BY_ADDRESS));
    std::iter::once((Subject::Name(by_name), MOST_BY_NAME)).chain(by_address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_refused_after_five_failures_for_a_quarter_of_an_hour() {
        let attempts = Attempts::default();
        let start = Instant::now();
        let address = Some(IpAddr::from([10, 0, 0, 1]));
        assert!((0..5).all(|_| attempts.begin("Ana ", address, start)));
        assert!(!attempts.begin("ana", None, start), "from anywhere");
        assert!(attempts.begin("bo", address, start));
        assert!(attempts.begin("ana", address, start + COUNT_FOR));
        attempts.succeed("ana", address);
        assert!((0..5).all(|_| attempts.begin("ana", address, start + COUNT_FOR)));
    }

    #[test]
    fn an_address_is_refused_after_thirty_failures_under_any_names() {
        let attempts = Attempts::default();
        let start = Instant::now();
        let address = Some(IpAddr::from([10, 0, 0, 1]));
        assert!((0..30).all(|at| attempts.begin(&format!("name-{at}"), address, start)));
        assert!(!attempts.begin("another", address, start));
        assert!(attempts.begin("another", Some(IpAddr::from([10, 0, 0, 2])), start));
    }
}
