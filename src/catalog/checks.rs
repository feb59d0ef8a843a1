//! What people enter, checked before it is kept: who may, how long it is, which day it names.

use super::{CatalogError, Result, state::now};
use crate::model::{Actor, Role, Scope};

/// Editors, with a key that may write.
pub(super) fn check_may_edit(actor: &Actor) -> Result<()> {
    match actor.may(Role::Editor, Scope::Write) {
        true => Ok(()),
        false => Err(CatalogError::Forbidden(format!("This is for the role editor; {} is {}.", actor.name, actor.role.word()))),
    }
}

/// A text that is there and not too long, trimmed.
pub(super) fn bounded(what: &str, text: &str, most: usize) -> Result<String> {
    let text: String = text.trim().chars().filter(|letter| !letter.is_control() || *letter == '\n').collect();
    match text.chars().count() {
        0 => Err(CatalogError::BadQuestion(format!("{what} is missing"))),
        length if length > most => Err(CatalogError::BadQuestion(format!("{what} is longer than {most} characters"))),
        _ => Ok(text),
    }
}

/// A day that is to come, as it is kept.
pub(super) fn day_to_come(text: &str) -> Result<String> {
    let day: jiff::civil::Date =
        text.trim().parse().map_err(|_| CatalogError::BadQuestion(format!("`{text}` is no day: write it like 2030-01-31")))?;
    let day = day.to_string();
    match day > iso_day(now()) {
        true => Ok(day),
        false => Err(CatalogError::BadQuestion(format!("{day} is not to come"))),
    }
}

/// The day of a moment (seconds since 1970 UTC) in UTC, as an ISO date; "" for none that there is.
pub fn iso_day(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}
