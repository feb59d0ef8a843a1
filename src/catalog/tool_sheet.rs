//! What the page of a metric, a chart or a dashboard says beyond that of any asset: how it is calculated in words,
//! what feeds it and in what state that is, which dashboards show it, which questions it answers.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{AssetAnswer, AssetRef, Direction, Result, StalenessRules, Verdict, View, conflicts::ConflictSummary};
use crate::model::{AssetId, AssetKind};

/// Entries of each list.
const MOST: usize = 60;

/// What is told of a metric, a chart or a dashboard.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ToolSheet {
    /// How a metric is calculated, in a sentence; "" for anything else.
    pub calculation: String,
    /// Tables and views that feed it, by way of definitions of its tool alone, what is amiss first.
    pub feeds: Vec<FeedState>,
    /// Dashboards that show it, sorted.
    pub shown_on: Vec<AssetRef>,
    /// Questions that it answers: (key and title of the decision, question).
    pub questions: Vec<(String, String, String)>,
    /// Other calculations of its name, or other names of its calculation.
    pub conflicts: Vec<ConflictSummary>,
}

/// A table that feeds a dashboard, chart or metric.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FeedState {
    /// Nothing is amiss with it.
    pub is_well: bool,
    /// The table.
    pub asset: AssetRef,
    /// What is amiss, each in a few words.
    pub amiss: Vec<String>,
}

impl View {
    /// What is told of a metric, a chart or a dashboard; `None` for anything else.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tool_sheet(&self, answer: &AssetAnswer) -> Result<Option<ToolSheet>> {
        if !matches!(answer.asset.kind, AssetKind::Metric | AssetKind::Chart | AssetKind::Dashboard) {
            return Ok(None);
        }
        let Some(row) = self.find(&answer.asset.namespace, &answer.asset.name) else { return Ok(None) };
        let mut sheet = ToolSheet {
            feeds: self.feeds_of(row.id).await?,
            shown_on: self.dashboards_of(row.id),
            questions: self.questions_of(&answer.asset).await?,
            ..ToolSheet::default()
        };
        if let (AssetKind::Metric, Some(column)) = (answer.asset.kind, answer.columns.first()) {
            let story = self.explain(&answer.asset.namespace, &answer.asset.name, &column.name).await?;
            sheet.calculation = story.steps.into_iter().next().map(|step| step.sentence).unwrap_or_default();
            sheet.conflicts = self.groups_of(row.id).await?;
        }
        Ok(Some(sheet))
    }

    /// Tables that feed something of a tool: its definitions are walked through, what they read is told.
    async fn feeds_of(&self, asset: AssetId) -> Result<Vec<FeedState>> {
        let of_tool = |kind: AssetKind| matches!(kind, AssetKind::Metric | AssetKind::Chart | AssetKind::Dashboard);
        let verdicts = self.ledger(StalenessRules::default()).await?.entries;
        let (mut seen, mut waiting, mut feeds) = (BTreeSet::from([asset]), vec![asset], Vec::new());
        let own = self.asset(asset).map(|row| row.namespace.clone());
        while let Some(at) = waiting.pop() {
            for source in self.graph.neighbours(at, Direction::Upstream) {
                let Some(row) = self.asset(source).filter(|_| seen.insert(source)) else { continue };
                if of_tool(row.kind) || Some(&row.namespace) == own.as_ref() {
                    waiting.push(source);
                    continue;
                }
                let pointer = self.point_at(row);
                let mut amiss = Vec::new();
                if pointer.deprecated {
                    amiss.push("deprecated".to_owned());
                }
                if self.facts.of(source).wrong.is_some() {
                    amiss.push("wrong for now".to_owned());
                }
                if !self.wrong_upstream(source).is_empty() {
                    amiss.push("made of what is wrong for now".to_owned());
                }
                let judged = verdicts.iter().find(|entry| entry.asset == pointer).map(|entry| entry.judged.verdict);
                if matches!(judged, Some(Verdict::Unused | Verdict::Orphaned | Verdict::OnlyRefreshed)) {
                    amiss.push("nobody else asks for it".to_owned());
                }
                feeds.push(FeedState { is_well: amiss.is_empty(), asset: pointer, amiss });
            }
        }
        feeds.sort();
        feeds.truncate(MOST);
        Ok(feeds)
    }

    /// Dashboards downstream, sorted.
    fn dashboards_of(&self, asset: AssetId) -> Vec<AssetRef> {
        let (mut seen, mut waiting) = (BTreeSet::from([asset]), vec![asset]);
        let mut found = BTreeSet::new();
        while let Some(at) = waiting.pop() {
            for reader in self.graph.neighbours(at, Direction::Downstream) {
                let Some(row) = self.asset(reader).filter(|_| seen.insert(reader)) else { continue };
                match row.kind {
                    AssetKind::Dashboard => drop(found.insert(self.point_at(row))),
                    AssetKind::Chart | AssetKind::Metric => waiting.push(reader),
                    _ => {}
                }
            }
        }
        found.into_iter().take(MOST).collect()
    }
}
