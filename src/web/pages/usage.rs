//! `/assets/…/usage`: who uses an asset and how, from query logs.

use askama::Template;
use axum::{extract::Path, response::Response};

use super::asset::AssetHead;
use crate::{
    catalog::{UsageAnswer, iso_day},
    model::AssetRole,
    web::{
        error::PageError,
        extract::{Chrome, Visit},
        filters,
    },
};

/// Height of the chart, in its own units.
const HEIGHT: u64 = 80;
/// Width of a day, in its own units.
const STEP: u64 = 8;

#[derive(Template)]
#[template(path = "pages/usage.html")]
struct UsagePage<'a> {
    chrome: Chrome,
    head: &'a AssetHead,
    usage: &'a UsageAnswer,
}

/// One day of the chart.
struct Bar {
    x: u64,
    /// Top and height of people's part.
    people: (u64, u64),
    /// Top and height of schedules' part.
    schedules: (u64, u64),
    title: String,
}

impl UsagePage<'_> {
    /// A bar a day, people below, schedules above them.
    fn bars(&self) -> Vec<Bar> {
        let most = self.usage.days.iter().map(|day| day.interactive + day.scheduled).max().unwrap_or(0).max(1);
        let height = |runs: u64| if runs == 0 { 0 } else { (runs * HEIGHT / most).max(1) };
        let days = self.usage.days.iter().zip(0u64..);
        days.map(|(day, at)| {
            let (people, schedules) = (height(day.interactive), height(day.scheduled));
            let top = HEIGHT.saturating_sub(people);
            let date = iso_day(day.at);
            let failed = if day.errors > 0 { format!(", {} failed", day.errors) } else { String::new() };
            Bar {
                x: at * STEP,
                people: (top, people),
                schedules: (top.saturating_sub(schedules), schedules.min(top)),
                title: format!("{date}: {} by people, {} scheduled{failed}", day.interactive, day.scheduled),
            }
        })
        .collect()
    }

    /// The chart's width.
    fn width(&self) -> u64 {
        self.usage.days.len() as u64 * STEP
    }

    /// Whether anything was asked at all.
    fn is_used(&self) -> bool {
        self.usage.last_human.is_some()
            || self.usage.last_scheduled.is_some()
            || self.usage.last_write.is_some()
            || self.usage.errors_30 > 0
    }
}

/// Shows who uses an asset.
pub(crate) async fn show_usage(Path((namespace, name)): Path<(String, String)>, visit: Visit) -> Result<Response, PageError> {
    let head = AssetHead::load(&visit, &namespace, &name, "usage").await?;
    let usage = visit.view.show_usage(&namespace, &name).await?;
    visit.answer(&UsagePage { chrome: visit.chrome.clone(), head: &head, usage: &usage })
}
