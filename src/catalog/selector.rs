//! The selector grammar of the search box: `+orders`, `orders+2`, `2+orders+1`, `+tag:finance`.

use std::collections::{BTreeMap, VecDeque};

use super::{AssetRef, CatalogError, Direction, Facet, FacetFilter, Hit, NameAnswer, Result, SearchAnswer, View};
use crate::{
    model::AssetId,
    search::{SearchHit, SearchQuery as IndexQuery},
};

/// Assets that a filter selects at most.
const MOST_SELECTED: usize = 1_000;
/// Steps that are taken at most.
const FARTHEST: u32 = 1_000;

/// What a selector asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// A name in any form, or a facet's filter.
    pub core: SelectorCore,
    /// Steps upstream; 0 for none.
    pub up: u32,
    /// Steps downstream; 0 for none.
    pub down: u32,
}

/// What a selector starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectorCore {
    /// An asset's name in any form.
    Name(String),
    /// All assets with a value of a facet.
    Filter(FacetFilter),
}

impl Selector {
    /// Reads a selector; `None` where the text is none: it has no plus at an end of a single word.
    pub fn read(text: &str) -> Option<Selector> {
        let text = text.trim();
        if text.is_empty() || text.contains(char::is_whitespace) {
            return None;
        }
        let (up, rest) = match text.split_once('+') {
            Some((steps, rest)) if steps.bytes().all(|byte| byte.is_ascii_digit()) => (read_steps(steps)?, rest),
            _ => (0, text),
        };
        let (core, down) = match rest.rsplit_once('+') {
            Some((core, steps)) if steps.bytes().all(|byte| byte.is_ascii_digit()) => (core, read_steps(steps)?),
            _ => (rest, 0),
        };
        if core.is_empty() || core.contains('+') || (up, down) == (0, 0) {
            return None;
        }
        let filter = core.split_once(':').and_then(|(facet, value)| Some((Facet::from_word(facet)?, value)));
        let core = match filter {
            Some((facet, value)) => {
                SelectorCore::Filter(FacetFilter { facet, value: value.trim_matches('"').to_owned(), negated: false })
            }
            None => SelectorCore::Name(core.to_owned()),
        };
        Some(Selector { core, up, down })
    }

    /// What it asks for, in words.
    pub fn words(&self) -> String {
        let steps = |steps: u32, where_to: &str| match steps {
            0 => String::new(),
            FARTHEST.. => format!("everything {where_to}"),
            1 => format!("what is one step {where_to}"),
            steps => format!("what is up to {steps} steps {where_to}"),
        };
        let (up, down) = (steps(self.up, "upstream"), steps(self.down, "downstream"));
        let and = if up.is_empty() || down.is_empty() { "" } else { " and " };
        let core = match &self.core {
            SelectorCore::Name(name) => name.clone(),
            SelectorCore::Filter(filter) => format!("{}:{}", filter.facet.word(), filter.value),
        };
        format!("{core}, {up}{and}{down}")
    }
}

/// No number means as far as it goes.
fn read_steps(text: &str) -> Option<u32> {
    if text.is_empty() { Some(FARTHEST) } else { Some(text.parse::<u32>().unwrap_or(FARTHEST).min(FARTHEST)) }
}

impl View {
    /// The page `page` of what a selector selects, nearest first, upstream before downstream.
    ///
    /// # Errors
    /// When the index or the store cannot be read.
    pub(super) async fn select(&self, selector: &Selector, page: usize, per_page: usize) -> Result<SearchAnswer> {
        let seeds = self.selected_by(&selector.core).await?;
        let mut distances: BTreeMap<AssetId, i64> = seeds.iter().map(|seed| (*seed, 0)).collect();
        for (direction, steps, sign) in [(Direction::Upstream, selector.up, -1), (Direction::Downstream, selector.down, 1)] {
            self.spread(&seeds, direction, steps, sign, &mut distances);
        }
        let mut found: Vec<(i64, AssetRef, AssetId)> =
            distances.into_iter().filter_map(|(asset, distance)| Some((distance, self.point(asset)?, asset))).collect();
        found.sort_by(|one, other| (one.0.abs(), one.0, &one.1).cmp(&(other.0.abs(), other.0, &other.1)));
        let total = found.len() as u64;
        let page = found.into_iter().skip(page.saturating_mul(per_page)).take(per_page);
        Ok(SearchAnswer {
            total,
            hits: page.map(|(distance, asset, id)| self.selected_hit(distance, asset, id)).collect(),
            selected: Some(selector.words()),
            ..SearchAnswer::default()
        })
    }

    async fn selected_by(&self, core: &SelectorCore) -> Result<Vec<AssetId>> {
        let filter = match core {
            SelectorCore::Name(name) => {
                let found: Vec<AssetRef> = match self.resolve_name(name).await? {
                    NameAnswer::Exact { asset, .. } | NameAnswer::Unique { asset, .. } => vec![asset],
                    NameAnswer::Candidates { fits: true, assets } => assets,
                    NameAnswer::Candidates { fits: false, .. } => Vec::new(),
                };
                return Ok(found.iter().filter_map(|asset| Some(self.find(&asset.namespace, &asset.name)?.id)).collect());
            }
            SelectorCore::Filter(filter) => filter,
        };
        let word = format!("{}:\"{}\" -kind:column", filter.facet.word(), filter.value.replace('"', ""));
        let asked = IndexQuery { limit: MOST_SELECTED, ..IndexQuery::new(word) };
        let index = self.search.clone();
        let found = tokio::task::spawn_blocking(move || index.search(&asked)).await;
        let found = found.map_err(|cause| CatalogError::broken("selecting", cause))?;
        let found = found.map_err(|cause| CatalogError::broken("selecting", cause))?;
        Ok(found.hits.iter().map(|hit: &SearchHit| hit.found.asset).collect())
    }

    fn spread(&self, seeds: &[AssetId], direction: Direction, steps: u32, sign: i64, distances: &mut BTreeMap<AssetId, i64>) {
        let mut queue: VecDeque<(AssetId, u32)> = seeds.iter().map(|seed| (*seed, 0)).collect();
        let mut seen: std::collections::BTreeSet<AssetId> = seeds.iter().copied().collect();
        while let Some((asset, far)) = queue.pop_front() {
            if far >= steps {
                continue;
            }
            for next in self.graph.neighbours(asset, direction) {
                if seen.insert(next) {
                    distances.entry(next).or_insert(sign * i64::from(far + 1));
                    queue.push_back((next, far + 1));
                }
            }
        }
    }

    fn selected_hit(&self, distance: i64, asset: AssetRef, id: AssetId) -> Hit {
        let facts = self.facts.of(id);
        let why = match distance {
            0 => "selected".to_owned(),
            steps if steps < 0 => format!("{} upstream", -steps),
            steps => format!("{steps} downstream"),
        };
        Hit {
            asset,
            column: None,
            name_marks: Vec::new(),
            friendly_name: None,
            owners: facts.owner_names(),
            summary: facts.summary.clone(),
            summary_marks: Vec::new(),
            replacement: None,
            readers: self.graph.degree(id, Direction::Downstream) as u64,
            reasons: vec![why.clone()],
            why,
            score: 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(String, u32, u32)> {
        let selector = Selector::read(text)?;
        let core = match selector.core {
            SelectorCore::Name(name) => name,
            SelectorCore::Filter(filter) => format!("[{}={}]", filter.facet.word(), filter.value),
        };
        Some((core, selector.up, selector.down))
    }

    #[test]
    fn selectors_are_read_and_other_texts_are_not() {
        assert_eq!(read("+orders"), Some(("orders".to_owned(), FARTHEST, 0)));
        assert_eq!(read("orders+2"), Some(("orders".to_owned(), 0, 2)));
        assert_eq!(read("2+mart.orders+1"), Some(("mart.orders".to_owned(), 2, 1)));
        assert_eq!(read("+tag:finance"), Some(("[tag=finance]".to_owned(), FARTHEST, 0)));
        for text in ["orders", "a + b", "c++", "+", "1+", "a+b", "+a+b+c", "churn +rate"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_selector_says_what_it_selects() {
        let say = |text: &str| Selector::read(text).map(|selector| selector.words()).unwrap_or_default();
        assert_eq!(say("+orders"), "orders, everything upstream");
        assert_eq!(say("2+orders+1"), "orders, what is up to 2 steps upstream and what is one step downstream");
    }
}
