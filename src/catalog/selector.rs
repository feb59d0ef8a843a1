//! The selector grammar of the search box: `+orders`, `orders+2`, `2+orders+1`, `@orders`, `+tag:finance`, and
//! dbt's methods: `path:models/marts`, `config.materialized:table+`, `orders+,tag:finance`.

use std::collections::{BTreeMap, VecDeque};

use super::{AssetRef, CatalogError, DbtSelector, Direction, Facet, FacetFilter, Hit, NameAnswer, Result, SearchAnswer, View};
use crate::{
    model::AssetId,
    search::{SearchHit, SearchQuery as IndexQuery},
};

/// Assets that a filter selects at most.
const MOST_SELECTED: usize = 1_000;
/// Steps that are taken at most.
const FARTHEST: u32 = 1_000;

/// What a text selects: what all of its parts do (`+orders,tag:finance`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// One or several.
    pub parts: Vec<Selector>,
}

/// What a part of a selection asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// A name in any form, or a facet's filter.
    pub core: SelectorCore,
    /// Steps upstream; 0 for none.
    pub up: u32,
    /// Steps downstream; 0 for none.
    pub down: u32,
    /// `@`: with what is downstream also all that is upstream of that.
    pub whole: bool,
}

/// What a selector starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectorCore {
    /// An asset's name in any form.
    Name(String),
    /// All assets with a value of a facet.
    Filter(FacetFilter),
    /// What dbt would select so.
    Dbt(DbtSelector),
}

impl Selection {
    /// Reads a selection; `None` where the text is none: it has spaces, or no part with a plus at an end, an
    /// `@` before it or one of dbt's methods.
    pub fn read(text: &str) -> Option<Selection> {
        let text = text.trim();
        if text.is_empty() || text.contains(char::is_whitespace) {
            return None;
        }
        let parts: Vec<Selector> = text.split(',').map(Selector::read).collect::<Option<_>>()?;
        parts.iter().any(Selector::asks).then_some(Selection { parts })
    }

    /// What it asks for, in words.
    pub fn words(&self) -> String {
        self.parts.iter().map(Selector::words).collect::<Vec<_>>().join("; of that ")
    }
}

impl Selector {
    fn read(text: &str) -> Option<Selector> {
        let (whole, text) = match text.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (up, rest) = match text.split_once('+') {
            Some((steps, rest)) if steps.bytes().all(|byte| byte.is_ascii_digit()) => (read_steps(steps)?, rest),
            _ => (0, text),
        };
        let (core, down) = match rest.rsplit_once('+') {
            Some((core, steps)) if steps.bytes().all(|byte| byte.is_ascii_digit()) => (core, read_steps(steps)?),
            _ => (rest, 0),
        };
        if core.is_empty() || core.contains('+') || whole && (up, down) != (0, 0) {
            return None;
        }
        Some(Selector { core: SelectorCore::read(core), up, down: if whole { FARTHEST } else { down }, whole })
    }

    /// Whether it asks for more than a name or a facet does by itself.
    fn asks(&self) -> bool {
        (self.up, self.down) != (0, 0) || matches!(self.core, SelectorCore::Dbt(_))
    }

    fn words(&self) -> String {
        let steps = |steps: u32, where_to: &str| match steps {
            0 => String::new(),
            FARTHEST.. => format!("everything {where_to}"),
            1 => format!("what is one step {where_to}"),
            steps => format!("what is up to {steps} steps {where_to}"),
        };
        let core = match &self.core {
            SelectorCore::Name(name) => name.clone(),
            SelectorCore::Filter(filter) => format!("{}:{}", filter.facet.word(), filter.value),
            SelectorCore::Dbt(selector) => selector.to_string(),
        };
        let way = match self.whole {
            true => vec!["everything downstream".to_owned(), "all that this is made of".to_owned()],
            false => vec![steps(self.up, "upstream"), steps(self.down, "downstream")],
        };
        let way: Vec<String> = way.into_iter().filter(|words| !words.is_empty()).collect();
        if way.is_empty() { core } else { format!("{core}, {}", way.join(" and ")) }
    }
}

impl SelectorCore {
    fn read(text: &str) -> SelectorCore {
        let Some((word, value)) = text.split_once(':') else { return SelectorCore::Name(text.to_owned()) };
        let value = value.trim_matches('"').to_owned();
        match (Facet::from_word(word), DbtSelector::read(word, &value)) {
            (Some(facet), _) => SelectorCore::Filter(FacetFilter { facet, value, negated: false }),
            (None, Some(selector)) => SelectorCore::Dbt(selector),
            (None, None) => SelectorCore::Name(text.to_owned()),
        }
    }
}

/// No number means as far as it goes.
fn read_steps(text: &str) -> Option<u32> {
    if text.is_empty() { Some(FARTHEST) } else { Some(text.parse::<u32>().unwrap_or(FARTHEST).min(FARTHEST)) }
}

impl View {
    /// The page `page` of what is selected, nearest first, upstream before downstream.
    ///
    /// # Errors
    /// When the index or the store cannot be read.
    pub(super) async fn select(&self, selection: &Selection, page: usize, per_page: usize) -> Result<SearchAnswer> {
        let mut distances: Option<BTreeMap<AssetId, i64>> = None;
        for part in &selection.parts {
            let found = self.reach(part).await?;
            match &mut distances {
                Some(distances) => distances.retain(|asset, _| found.contains_key(asset)),
                None => distances = Some(found),
            }
        }
        let mut found: Vec<(i64, AssetRef, AssetId)> =
            distances.into_iter().flatten().filter_map(|(asset, distance)| Some((distance, self.point(asset)?, asset))).collect();
        found.sort_by(|one, other| (one.0.abs(), one.0, &one.1).cmp(&(other.0.abs(), other.0, &other.1)));
        let total = found.len() as u64;
        let page = found.into_iter().skip(page.saturating_mul(per_page)).take(per_page);
        Ok(SearchAnswer {
            total,
            hits: page.map(|(distance, asset, id)| self.selected_hit(distance, asset, id)).collect(),
            selected: Some(selection.words()),
            ..SearchAnswer::default()
        })
    }

    /// What one selector selects, with steps from where it starts: negative ones are upstream.
    async fn reach(&self, selector: &Selector) -> Result<BTreeMap<AssetId, i64>> {
        let seeds = self.selected_by(&selector.core).await?;
        let mut distances: BTreeMap<AssetId, i64> = seeds.iter().map(|seed| (*seed, 0)).collect();
        for (direction, steps, sign) in [(Direction::Upstream, selector.up, -1), (Direction::Downstream, selector.down, 1)] {
            self.spread(&seeds, direction, steps, sign, &mut distances);
        }
        if selector.whole {
            let all: Vec<AssetId> = distances.keys().copied().collect();
            self.spread(&all, Direction::Upstream, FARTHEST, -1, &mut distances);
        }
        Ok(distances)
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
            SelectorCore::Dbt(selector) => return self.selected_by_dbt(selector).await,
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
            people: self.usage_summary(id).people_30,
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
        let mut selection = Selection::read(text)?;
        assert_eq!(selection.parts.len(), 1, "{text}");
        let selector = selection.parts.remove(0);
        let core = match selector.core {
            SelectorCore::Name(name) => name,
            SelectorCore::Filter(filter) => format!("[{}={}]", filter.facet.word(), filter.value),
            SelectorCore::Dbt(selector) => format!("dbt {selector}"),
        };
        Some((core, selector.up, selector.down))
    }

    #[test]
    fn selectors_are_read_and_other_texts_are_not() {
        assert_eq!(read("+orders"), Some(("orders".to_owned(), FARTHEST, 0)));
        assert_eq!(read("orders+2"), Some(("orders".to_owned(), 0, 2)));
        assert_eq!(read("2+mart.orders+1"), Some(("mart.orders".to_owned(), 2, 1)));
        assert_eq!(read("@orders"), Some(("orders".to_owned(), 0, FARTHEST)));
        assert_eq!(read("+tag:finance"), Some(("[tag=finance]".to_owned(), FARTHEST, 0)));
        assert_eq!(read("path:models/marts"), Some(("dbt path:models/marts".to_owned(), 0, 0)));
        assert_eq!(read("config.materialized:table+1"), Some(("dbt config.materialized:table".to_owned(), 0, 1)));
        let others = ["orders", "a + b", "c++", "+", "1+", "a+b", "+a+b+c", "churn +rate", "tag:x", "a,b", "a+,", "@+a", "@"];
        for text in others {
            assert_eq!(Selection::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_selector_says_what_it_selects() {
        let say = |text: &str| Selection::read(text).map(|selection| selection.words()).unwrap_or_default();
        assert_eq!(say("+orders"), "orders, everything upstream");
        assert_eq!(say("2+orders+1"), "orders, what is up to 2 steps upstream and what is one step downstream");
        assert_eq!(say("@orders"), "orders, everything downstream and all that this is made of");
        assert_eq!(say("orders+,tag:daily"), "orders, everything downstream; of that tag:daily");
    }
}
