//! Which calculation of a metric to keep, and why.

use serde::Serialize;

/// What is known of one calculation beside how it calculates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Somebody endorsed it.
    pub endorsed: bool,
    /// It should no longer be used.
    pub deprecated: bool,
    /// It is declared as a metric, not found as a column.
    pub declared: bool,
    /// It has an owner.
    pub owned: bool,
    /// Somebody described it.
    pub documented: bool,
    /// People who asked for it in the last 90 days that logs cover.
    pub people: u32,
    /// Assets that read it.
    pub readers: u32,
}

/// The calculation to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// Its place among the calculations.
    pub calculation: usize,
    /// Why, most important first; empty where nothing speaks for one more than for another.
    pub reasons: Vec<String>,
}

/// The one of `candidates` that most speaks for; among equals the first. `None` of none.
pub(super) fn suggest(candidates: &[(usize, &Standing)]) -> Option<Suggestion> {
    let (calculation, best) = candidates.iter().rev().max_by_key(|(_, standing)| weight(standing)).copied()?;
    let others = || candidates.iter().filter(|(at, _)| *at != calculation).map(|(_, standing)| *standing);
    let mut reasons = Vec::new();
    if best.endorsed {
        reasons.push("it is endorsed".to_owned());
    }
    let deprecated = others().filter(|standing| standing.deprecated).count();
    if deprecated > 0 && !best.deprecated {
        reasons.push(match deprecated {
            1 => "it is not deprecated, as another one is".to_owned(),
            more => format!("it is not deprecated, as {more} others are"),
        });
    }
    if best.people > 0 && others().all(|standing| standing.people < best.people) {
        reasons.push(match best.people {
            1 => "a person asked for it, and nobody for another".to_owned(),
            people => format!("{people} people asked for it, more than for any other"),
        });
    }
    if best.owned && others().any(|standing| !standing.owned) {
        reasons.push("it has an owner".to_owned());
    }
    if best.documented && others().any(|standing| !standing.documented) {
        reasons.push("it is described".to_owned());
    }
    if best.declared && others().any(|standing| !standing.declared) {
        reasons.push("it is declared as a metric".to_owned());
    }
    if best.readers > 0 && others().all(|standing| standing.readers < best.readers) {
        reasons.push(format!(
            "{} read it, more than any other",
            if best.readers == 1 { "1 asset".to_owned() } else { format!("{} assets", best.readers) }
        ));
    }
    Some(Suggestion { calculation, reasons })
}

/// What is endorsed goes first, what is deprecated last; then use by people, then care.
fn weight(standing: &Standing) -> (bool, bool, u32, u32) {
    let care = u32::from(standing.owned) * 2 + u32::from(standing.documented) * 2 + u32::from(standing.declared);
    let use_by_people = match standing.people {
        0 => 0,
        1..=2 => 2,
        3..=9 => 3,
        _ => 4,
    };
    let readers = standing.readers.checked_ilog2().map_or(0, |log| (log + 1).min(4));
    (
        standing.endorsed,
        !standing.deprecated,
        (use_by_people + care) * 8 + readers,
        standing.people.saturating_add(standing.readers),
    )
}

#[cfg(test)]
mod tests {
    use super::{Standing, suggest};

    #[test]
    fn what_is_endorsed_goes_before_what_is_used_and_that_before_what_is_not() {
        let used = Standing { people: 5, owned: true, ..Standing::default() };
        let plain = Standing { owned: true, documented: true, ..Standing::default() };
        let endorsed = Standing { endorsed: true, ..Standing::default() };
        let of = |standings: &[&Standing]| suggest(&standings.iter().copied().enumerate().collect::<Vec<_>>()).unwrap();
        assert_eq!(of(&[&plain, &used]).calculation, 1);
        assert_eq!(of(&[&plain, &used]).reasons, ["5 people asked for it, more than for any other"]);
        assert_eq!(of(&[&used, &endorsed]).reasons, ["it is endorsed"]);
        assert_eq!(of(&[&Standing { deprecated: true, ..used.clone() }, &plain]).calculation, 1);
        assert_eq!(of(&[&plain, &plain]).calculation, 0);
    }
}
