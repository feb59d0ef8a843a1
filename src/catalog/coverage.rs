//! The five answers that every transformation owes (what it is, how it is calculated, its limitations, who owns
//! it, when it was last updated), and how many give them.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::Serialize;

use super::{AssetRef, Result, View, governance::is_built};
use crate::model::{AssetId, AssetKind, EdgeState, FactKind};

/// Rows of one list.
const MOST_ROWS: usize = 200;
/// Words in which a description tells what a transformation does not hold.
const LIMITING: [&str; 8] =
    ["limitation", "caveat", "known issue", "known fault", "known problem", "exclud", "does not include", "not included"];

/// Which of the five answers something gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FiveAnswers {
    /// Somebody says what it is.
    pub concept: bool,
    /// Its calculation is known, without a guess.
    pub calculation: bool,
    /// Somebody says what it does not hold.
    pub limitations: bool,
    /// It has an owner.
    pub owner: bool,
    /// It is known when its code, or its data, changed last.
    pub updated: bool,
}

impl FiveAnswers {
    /// The answers in order, each with its question.
    pub fn rows(&self) -> [(&'static str, bool); 5] {
        [
            ("concept", self.concept),
            ("calculation", self.calculation),
            ("limitations", self.limitations),
            ("owner", self.owner),
            ("last updated", self.updated),
        ]
    }
}

/// How many give each answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CoverageRow {
    /// Of what: a source, a folder, an owner, a tier.
    pub name: String,
    /// Transformations in all.
    pub all: u64,
    /// How many give each of the five answers, in order.
    pub given: [u64; 5],
}

impl CoverageRow {
    fn add(&mut self, answers: &FiveAnswers) {
        self.all += 1;
        for (sum, (_, given)) in self.given.iter_mut().zip(answers.rows()) {
            *sum += u64::from(given);
        }
    }

    /// Each answer with how many give it, in percent.
    pub fn told(&self) -> Vec<(&'static str, u64)> {
        FiveAnswers::default().rows().iter().map(|(name, _)| *name).zip(self.percents()).collect()
    }

    /// How many give each answer, in percent.
    pub fn percents(&self) -> [u64; 5] {
        self.given.map(|given| (given * 100).checked_div(self.all).unwrap_or(100))
    }
}

/// Coverage of the catalog.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
pub struct CoverageAnswer {
    /// All transformations.
    pub all: CoverageRow,
    /// By source, folder, owner and tier: (by what, rows, the largest first).
    pub by: Vec<(&'static str, Vec<CoverageRow>)>,
    /// What nobody describes, the most used first: the asset, its readers, people in 90 days.
    pub undescribed: Vec<(AssetRef, u64, u32)>,
}

impl View {
    /// How many transformations give the five answers.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn five_answers(&self) -> Result<CoverageAnswer> {
        let described = self.whole_descriptions().await?;
        let changed = self.store.changes_of_files(self.run).await?;
        let mut places: BTreeMap<AssetId, (String, String)> = BTreeMap::new();
        for (source, path, asset) in self.store.files_of_assets(self.run).await? {
            places.entry(asset).or_insert_with(|| (source, folder_of(&path)));
        }
        let mut answer = CoverageAnswer::default();
        let mut by: [BTreeMap<String, CoverageRow>; 4] = Default::default();
        for asset in self.assets.iter().filter(|asset| is_built(asset) && asset.kind != AssetKind::Routine) {
            let facts = self.facts.of(asset.id);
            let text = described.get(&asset.id).map_or("", String::as_str);
            let answers = FiveAnswers {
                concept: !facts.summary.is_empty(),
                calculation: self.is_understood(asset.id),
                limitations: LIMITING.iter().any(|word| text.contains(word)),
                owner: !facts.owners.is_empty(),
                updated: changed.contains_key(&asset.id) || self.usage_summary(asset.id).last_write.is_some(),
            };
            answer.all.add(&answers);
            let (source, folder) = places.get(&asset.id).cloned().unwrap_or_default();
            let tier = self.tier_of(asset.id).map_or("none", |tier| tier.tier.word());
            let owners = facts.owner_names();
            let owner = owners.first().cloned().unwrap_or_else(|| "nobody".to_owned());
            let folder = if source.is_empty() { folder } else { format!("{source}: {folder}") };
            for (rows, name) in by.iter_mut().zip([source, folder, owner, tier.to_owned()]) {
                rows.entry(name.clone()).or_insert_with(|| CoverageRow { name, ..CoverageRow::default() }).add(&answers);
            }
            if !answers.concept {
                let people = self.usage.get(&asset.id).map_or(0, |usage| usage.people_90);
                answer.undescribed.push((self.point_at(asset), self.readers(asset.id), people));
            }
        }
        answer.undescribed.sort_by(|one, other| (Reverse((one.2, one.1)), &one.0).cmp(&(Reverse((other.2, other.1)), &other.0)));
        answer.undescribed.truncate(MOST_ROWS);
        for (what, rows) in ["source", "folder", "owner", "tier"].into_iter().zip(by) {
            let mut rows: Vec<CoverageRow> = rows.into_values().filter(|row| !row.name.is_empty()).collect();
            rows.sort_by(|one, other| (Reverse(one.all), &one.name).cmp(&(Reverse(other.all), &other.name)));
            rows.truncate(MOST_ROWS);
            answer.by.push((what, rows));
        }
        Ok(answer)
    }

    /// Whole descriptions in lower case, by asset.
    async fn whole_descriptions(&self) -> Result<BTreeMap<AssetId, String>> {
        let mut texts: BTreeMap<AssetId, String> = BTreeMap::new();
        for (asset, fact) in self.store.facts_of_kind(self.run, "description").await? {
            if let FactKind::Description { text } = &fact.what {
                texts.entry(asset).or_default().push_str(&text.to_lowercase());
            }
        }
        for asset in &self.assets {
            let stated = self.stated.of(&asset.namespace, &asset.key);
            if let Some(Some(described)) = stated.and_then(|stated| super::facts::stated_meaning(stated, "")) {
                texts.insert(asset.id, described.text.to_lowercase());
            }
        }
        Ok(texts)
    }

    /// Whether something makes an asset out of others and no edge of its columns is a guess.
    fn is_understood(&self, asset: AssetId) -> bool {
        let mut edges = 0;
        for (column, _) in self.graph.columns_of(asset) {
            for edge in self.graph.column_edges(column, super::Direction::Upstream) {
                match self.graph.edge(edge) {
                    Some(edge) if edge.state == EdgeState::Guessed => return false,
                    _ => edges += 1,
                }
            }
        }
        edges > 0 || !self.graph.neighbours(asset, super::Direction::Upstream).is_empty()
    }
}

/// The folder two levels above the file, or what there is of it: of `sql/p/ds/t/query.sql` it is `sql/p/ds`.
fn folder_of(path: &str) -> String {
    let folders: Vec<&str> = path.split('/').collect();
    let kept = folders.len().saturating_sub(2).clamp(1, 3).min(folders.len().saturating_sub(1));
    if kept == 0 { "/".to_owned() } else { folders[..kept].join("/") }
}

#[cfg(test)]
mod tests {
    use super::folder_of;

    #[test]
    fn a_folder_is_what_a_team_keeps_together() {
        assert_eq!(folder_of("sql/tidemark/finance/mrr/query.sql"), "sql/tidemark/finance");
        assert_eq!((folder_of("models/a.sql"), folder_of("a.sql")), ("models".to_owned(), "/".to_owned()));
    }
}
