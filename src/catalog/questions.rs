//! How well search answers: questions with the answers that people mean, and where those stand.

use serde::{Deserialize, Serialize};

use super::{CatalogError, Hit, Result, SearchQuery, View};

/// Hits that are looked through for a right answer.
const LOOKED_THROUGH: usize = 100;

/// Questions as their file holds them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Questions {
    /// The questions, in order.
    #[serde(default, rename = "question")]
    pub questions: Vec<Question>,
}

/// What somebody types, and what they mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// As typed.
    pub ask: String,
    /// Right answers, each the end of a name: `dataset.table`, `table.column`; `*.column` for that
    /// column of any asset.
    pub right: Vec<String>,
}

impl Questions {
    /// Reads the questions of a TOML file's text.
    ///
    /// # Errors
    /// [`CatalogError::BadQuestion`] where it is no such file.
    pub fn read(text: &str) -> Result<Questions> {
        toml::from_str(text).map_err(|cause| CatalogError::BadQuestion(cause.to_string()))
    }
}

/// Where the right answers to questions stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QuestionRanks {
    /// Per question, in order.
    pub ranks: Vec<QuestionRank>,
}

/// Where the right answer to one question stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QuestionRank {
    /// As typed.
    pub ask: String,
    /// The place of the best right answer, from 1; `None` where none is among the first hundred.
    pub rank: Option<usize>,
    /// The first hits, as far as the right one.
    pub first: Vec<String>,
}

impl QuestionRanks {
    /// The rank in the middle; `None` where the middle one was not found, or nothing was asked.
    pub fn median(&self) -> Option<usize> {
        let mut ranks: Vec<usize> = self.ranks.iter().map(|one| one.rank.unwrap_or(usize::MAX)).collect();
        ranks.sort_unstable();
        ranks.get(ranks.len() / 2).copied().filter(|rank| *rank < usize::MAX)
    }

    /// How many have a right answer among the first `places`.
    pub fn within(&self, places: usize) -> usize {
        self.ranks.iter().filter(|one| one.rank.is_some_and(|rank| rank <= places)).count()
    }
}

impl View {
    /// Asks every question and says where its right answer stands.
    ///
    /// # Errors
    /// When the index or the store cannot be read.
    pub async fn rank_questions(&self, questions: &Questions) -> Result<QuestionRanks> {
        let mut ranks = Vec::with_capacity(questions.questions.len());
        for question in &questions.questions {
            let query = SearchQuery { text: question.ask.clone(), per_page: LOOKED_THROUGH, ..SearchQuery::default() };
            let names: Vec<String> = self.search(&query).await?.hits.iter().map(whole_name).collect();
            let rank = names.iter().position(|name| question.right.iter().any(|right| is_meant(name, right)));
            let shown = rank.unwrap_or(2).min(4) + 1;
            ranks.push(QuestionRank {
                ask: question.ask.clone(),
                rank: rank.map(|at| at + 1),
                first: names.into_iter().take(shown).collect(),
            });
        }
        Ok(QuestionRanks { ranks })
    }
}

fn whole_name(hit: &Hit) -> String {
    match &hit.column {
        Some(column) => format!("{}.{column}", hit.asset.name),
        None => hit.asset.name.clone(),
    }
}

/// Whether `name` ends with the parts of `right`.
fn is_meant(name: &str, right: &str) -> bool {
    let right = right.strip_prefix("*.").unwrap_or(right);
    name.strip_suffix(right).is_some_and(|front| front.is_empty() || front.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(places: &[Option<usize>]) -> QuestionRanks {
        let one = |rank: &Option<usize>| QuestionRank { rank: *rank, ..QuestionRank::default() };
        QuestionRanks { ranks: places.iter().map(one).collect() }
    }

    #[test]
    fn an_answer_is_meant_by_whole_parts_of_its_end() {
        assert!(is_meant("p.mart.orders", "mart.orders") && is_meant("p.mart.orders.id", "*.id"));
        assert!(!is_meant("p.mart.orders", "art.orders") && !is_meant("p.mart.orders", "mart"));
    }

    #[test]
    fn what_is_not_found_counts_as_last() {
        assert_eq!(ranks(&[Some(1), None, Some(2)]).median(), Some(2));
        assert_eq!(ranks(&[Some(1), None, None]).median(), None);
        assert_eq!(ranks(&[Some(1), Some(4), None]).within(3), 1);
    }

    #[test]
    fn a_file_that_is_wrong_says_where() {
        assert!(Questions::read("[[question]]\nask = \"a\"\nright = [\"b\"]").is_ok_and(|read| read.questions.len() == 1));
        assert!(Questions::read("[[question]]\nask = 1").is_err_and(|cause| cause.to_string().contains('2')));
    }
}
