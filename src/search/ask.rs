//! Answering a query: strictly first, then with other spellings, then with any of its words.

use tantivy::{DocAddress, TantivyDocument, schema::Value};

use super::{
    SearchAnswer, SearchError, SearchHit, SearchQuery, SearchView,
    collect::{Collected, FacetUse, Filters, Wanted},
    index::damaged,
    parse::{Parsed, fold_names, parse, parse_name},
    plan::{Need, Planner, SHORTEST_IN_TEXT},
    reason::Explainer,
    spelling::{find_spellings, has_term, is_known},
    tokens::WordStemmer,
    write::Stored,
};

/// Other spellings of the whole query that are offered.
const MOST_OFFERS: usize = 3;

impl SearchView {
    /// The hits of a query.
    ///
    /// # Errors
    /// When the files cannot be read. No query is an error.
    pub fn search(&self, query: &SearchQuery) -> Result<SearchAnswer, SearchError> {
        self.answer(query, FacetUse::Counted).map_err(damaged)
    }

    /// At most `most` names that what is typed so far leads to, best first.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn suggest(&self, text: &str, most: usize) -> Result<Vec<SearchHit>, SearchError> {
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let query = SearchQuery { limit: most, ..SearchQuery::new(text) };
        Ok(self.answer(&query, FacetUse::Ignored).map_err(damaged)?.hits)
    }

    fn answer(&self, query: &SearchQuery, facets: FacetUse) -> tantivy::Result<SearchAnswer> {
        let parsed = self.understand(&query.text)?;
        let filters = Filters::resolve(&self.searcher, &query.filters, &parsed.filters)?;
        let limit = query.limit.min(SearchQuery::MOST);
        let offset = query.offset.min(100_000);
        let mut wanted = Wanted {
            most: (offset + limit).max(1),
            words: parsed.words.len() as f32,
            floor: -1.0,
            today: query.now.map(|now| now / 86_400),
            facets,
            filters,
        };
        let spellings = vec![Vec::new(); parsed.words.len()];
        let mut planner = Planner {
            fields: &self.fields,
            stemmer: WordStemmer::new(),
            parsed: &parsed,
            spellings,
            shortest_in_text: SHORTEST_IN_TEXT,
        };
        wanted.floor = planner.floor();
        let mut found = self.searcher.search(&planner.plan(Need::All), &wanted)?;
        let mut answer = SearchAnswer::default();
        if found.total == 0 && !parsed.is_open() {
            found = self.search_further(&mut planner, &mut wanted, &mut answer)?;
        }
        answer.total = found.total;
        if facets == FacetUse::Counted {
            answer.facets = found.facet_counts();
        }
        let mut explainer = Explainer { stemmer: WordStemmer::new(), parsed: &parsed, spellings: &planner.spellings };
        for (score, address) in found.best.iter().skip(offset).take(limit) {
            answer.hits.push(self.show_hit(*address, *score, &mut explainer)?);
        }
        Ok(answer)
    }

    /// Reads the text; one that is a whole name is a name and nothing else, whatever signs it has.
    fn understand(&self, text: &str) -> tantivy::Result<Parsed> {
        let parsed = parse(text);
        let has_signs =
            !parsed.filters.is_empty() || !parsed.excluded.is_empty() || !parsed.phrases.is_empty() || !parsed.columns.is_empty();
        if has_signs {
            for key in fold_names(&parsed.names) {
                for field in [self.fields.whole_name, self.fields.alias, self.fields.last_parts] {
                    if has_term(&self.searcher, field, &key)? {
                        return Ok(parse_name(text));
                    }
                }
            }
        }
        Ok(parsed)
    }

    fn search_further(
        &self,
        planner: &mut Planner<'_>,
        wanted: &mut Wanted,
        answer: &mut SearchAnswer,
    ) -> tantivy::Result<Collected> {
        let parsed = planner.parsed;
        for (at, word) in parsed.words.iter().enumerate() {
            if is_known(&self.searcher, &self.fields, &mut planner.stemmer, word)? {
                continue;
            }
            let spellings = find_spellings(&self.searcher, &self.fields, &word.text)?;
            answer.corrected.push((word.text.clone(), spellings.clone()));
            planner.spellings[at] = spellings;
        }
        answer.did_you_mean = offer_spellings(parsed, &planner.spellings);
        let mut found = Collected::default();
        planner.shortest_in_text = 2;
        let has_short_beginning = parsed.words.iter().any(|word| word.is_prefix && word.text.chars().count() < SHORTEST_IN_TEXT);
        if has_short_beginning || !answer.did_you_mean.is_empty() {
            found = self.searcher.search(&planner.plan(Need::All), wanted)?;
        }
        if found.total == 0 && parsed.words.len() + parsed.phrases.len() > 1 {
            wanted.floor = -1.0;
            found = self.searcher.search(&planner.plan(Need::Any), wanted)?;
            answer.relaxed = found.total > 0;
        }
        if found.facets.is_empty() {
            found.facets = vec![std::collections::BTreeMap::new(); super::Facet::ALL.len()];
        }
        Ok(found)
    }

    fn show_hit(&self, address: DocAddress, score: f32, explainer: &mut Explainer<'_>) -> tantivy::Result<SearchHit> {
        let document: TantivyDocument = self.searcher.doc(address)?;
        let bytes = document.get_first(self.fields.stored).and_then(|value| value.as_bytes()).unwrap_or(b"{}");
        let stored: Stored = serde_json::from_slice(bytes)
            .map_err(|error| tantivy::TantivyError::InternalError(format!("a stored hit cannot be read: {error}")))?;
        let name_marks = explainer.mark_name(&stored);
        let summary_marks = explainer.mark_summary(&stored);
        let why = explainer.explain(&stored);
        Ok(SearchHit { found: stored.found, name_marks, summary_marks, why, score })
    }
}

/// The words with each unknown one replaced: by its best spelling, then the others one at a time.
fn offer_spellings(parsed: &Parsed, spellings: &[Vec<String>]) -> Vec<String> {
    let words = parsed.shown_words();
    let best: Vec<String> =
        words.iter().zip(spellings).map(|(word, spellings)| spellings.first().unwrap_or(word).clone()).collect();
    if best == words {
        return Vec::new();
    }
    let mut offers = vec![best.join(" ")];
    for (at, spellings) in spellings.iter().enumerate() {
        for other in spellings.iter().skip(1) {
            let mut offer = best.clone();
            offer[at].clone_from(other);
            offers.push(offer.join(" "));
        }
    }
    offers.truncate(MOST_OFFERS);
    offers
}
