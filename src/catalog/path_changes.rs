//! What changed along the way of a number: each step held against the state of a fortnight before.

use serde::Serialize;

use super::{
    ExplainStep, LastChange, Result, View,
    explain::{first_making, rule_texts},
};
use crate::{
    model::{AssetId, RunNumber},
    store::RunState,
};

/// Seconds that are looked back from the newest commit.
const LOOKED_BACK: i64 = 14 * 86_400;
/// Runs among which the earlier state is looked for.
const RUNS: u32 = 400;
/// Conditions that a change names.
const MOST_CONDITIONS: usize = 4;

/// One step of a story whose file changed lately.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct PathChange {
    /// The step's number.
    pub step: u32,
    /// The last change of its file.
    pub change: LastChange,
    /// What that did to this column, in sentences of plain text; the one that says that it did nothing
    /// among them.
    pub what: Vec<String>,
    /// Whether the way of the number itself changed.
    pub touches: bool,
}

impl View {
    /// What changed along `steps` in the fortnight before the newest commit, and whether an earlier
    /// state is known to compare with.
    pub(super) async fn path_changes(&self, steps: &[(AssetId, &ExplainStep)]) -> Result<Vec<PathChange>> {
        let Some(since) = self.newest_commit().map(|newest| newest - LOOKED_BACK) else { return Ok(Vec::new()) };
        let mut changes = Vec::new();
        let mut earlier: Option<Option<RunNumber>> = None;
        for (asset, step) in steps {
            let Some(change) = step.last_change.as_ref().filter(|change| change.time > since) else { continue };
            let run = match earlier {
                Some(run) => run,
                None => *earlier.insert(self.run_at(since).await?),
            };
            let what = match run {
                Some(run) => self.compare_step(run, *asset, step).await?,
                None => Vec::new(),
            };
            let touches = !what.is_empty();
            let what = match (run, what.is_empty()) {
                (None, _) => vec!["Its file changed; no earlier state is kept to compare with.".to_owned()],
                (Some(_), true) => vec!["Its file changed, but not how this column is made.".to_owned()],
                (Some(_), false) => what,
            };
            changes.push(PathChange { step: step.number, change: change.clone(), what, touches });
        }
        changes.sort_by_key(|change| (!change.touches, std::cmp::Reverse(change.change.time), change.step));
        Ok(changes)
    }

    fn newest_commit(&self) -> Option<i64> {
        self.row.as_ref()?.sources.iter().filter_map(|source| source.commit_time).max()
    }

    /// The newest published run of a state not younger than `time`.
    async fn run_at(&self, time: i64) -> Result<Option<RunNumber>> {
        let runs = self.store.runs(RUNS).await?;
        let read_at = |run: &crate::store::RunRow| run.sources.iter().filter_map(|source| source.commit_time).max();
        let fits = |run: &&crate::store::RunRow| {
            run.state == RunState::Published && run.number < self.run && read_at(run).is_some_and(|read| read <= time)
        };
        Ok(runs.iter().filter(fits).map(|run| run.number).max())
    }

    async fn compare_step(&self, run: RunNumber, asset: AssetId, step: &ExplainStep) -> Result<Vec<String>> {
        let Some(before) = self.store.show_asset(run, asset).await? else {
            return Ok(vec!["It did not exist before.".to_owned()]);
        };
        let Some((definition, making)) = first_making(&before, &step.column.column) else {
            return Ok(vec!["Nothing made this column before.".to_owned()]);
        };
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut what = Vec::new();
        let expression = making.links.first().map_or("", |link| link.span.of(&definition.text));
        if one_line(expression) != one_line(&step.expression) {
            what.push(format!("Was `{}`.", one_line(expression)));
        }
        let (then, now) = (rule_texts(definition, &making), step.rule_texts());
        let only = |of: &[(String, String)], others: &[(String, String)]| -> Vec<String> {
            let only = of.iter().filter(|rule| !others.contains(rule)).map(|(word, text)| format!("{word} `{text}`"));
            only.take(MOST_CONDITIONS).collect()
        };
        let (gone, new) = (only(&then, &now), only(&now, &then));
        if !new.is_empty() {
            what.push(format!("New: {}.", new.join(", ")));
        }
        if !gone.is_empty() {
            what.push(format!("No longer: {}.", gone.join(", ")));
        }
        Ok(what)
    }
}
