//! Answering a query: strictly first, then with other spellings, then with any of its words.

use tantivy::{DocAddress, TantivyDocument, Term, schema::Value};

use super::{
    SearchAnswer, SearchError, SearchHit, SearchQuery, SearchView,
    collect::{Collected, FacetUse, Filters, Wanted},
    index::damaged,
    parse::{Parsed, fold_names, parse, parse_name},
    plan::{Need, Planner, SHORTEST_IN_TEXT, stage},
    reason::Explainer,
    spelling::{find_spellings, has_term, is_known},
    synonyms::Wording,
    tokens::WordStemmer,
    write::Stored,
};

/// Other spellings of the whole query that are offered.
const MOST_OFFERS: usize = 3;
/// Other wordings that are searched for.
const MOST_WORDINGS: usize = 12;

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
            words: parsed.needed_words() as f32,
            floor: -1.0,
            today: query.now.map(|now| now / 86_400),
            facets,
            filters,
        };
        let mut stemmer = WordStemmer::new();
        let wordings = self.find_wordings(&parsed, query, &mut stemmer)?;
        let worth = self.weigh_words(&parsed, &mut stemmer)?;
        let mut planner = Planner {
            fields: &self.fields,
            stemmer,
            parsed: &parsed,
            spellings: vec![Vec::new(); parsed.words.len()],
            wordings: &wordings,
            worth: &worth,
            shortest_in_text: SHORTEST_IN_TEXT,
        };
        wanted.floor = planner.floor();
        let mut found = self.searcher.search(&planner.plan(Need::All), &wanted)?;
        let mut answer = SearchAnswer::default();
        if found.total == 0 && !parsed.is_open() {
            found = self.search_further(&mut planner, &mut wanted, &mut answer)?;
        } else if is_weak(&parsed, &found) {
            found = self.search_better(&mut planner, &mut wanted, &mut answer, found)?;
        }
        answer.total = found.total;
        if facets == FacetUse::Counted {
            answer.facets = found.facet_counts();
        }
        let mut explainer =
            Explainer { stemmer: WordStemmer::new(), parsed: &parsed, spellings: &planner.spellings, wordings: &wordings };
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

    /// Other wordings of the query's words: synonyms, and neighbours that names write as one word.
    fn find_wordings(&self, parsed: &Parsed, query: &SearchQuery, stemmer: &mut WordStemmer) -> tantivy::Result<Vec<Wording>> {
        let words = parsed.shown_words();
        let mut wordings = query.synonyms.find(stemmer, &words);
        for (from, pair) in words.windows(2).enumerate() {
            let joined = pair.concat();
            if has_term(&self.searcher, self.fields.name, &joined)? || has_term(&self.searcher, self.fields.column, &joined)? {
                wordings.push(Wording { from, to: from + 2, words: vec![joined] });
            }
        }
        wordings.truncate(MOST_WORDINGS);
        Ok(wordings)
    }

    /// What each word tells, 0 to 1: one that every name has tells little.
    fn weigh_words(&self, parsed: &Parsed, stemmer: &mut WordStemmer) -> tantivy::Result<Vec<f32>> {
        let all = (self.searcher.num_docs().max(2) as f32).ln();
        let mut worth = Vec::with_capacity(parsed.words.len());
        for word in &parsed.words {
            let stem = stemmer.stem(&word.text);
            let mut having = 1;
            for field in [self.fields.name_stem, self.fields.column, self.fields.text] {
                having = having.max(self.searcher.doc_freq(&Term::from_field_text(field, &stem))?);
            }
            worth.push((1.0 - (having as f32).ln() / all).clamp(0.2, 1.0));
        }
        Ok(worth)
    }

    /// Where what has every word has it only in its columns and descriptions: what has the telling
    /// words in its name, if that is better.
    fn search_better(
        &self,
        planner: &mut Planner<'_>,
        wanted: &mut Wanted,
        answer: &mut SearchAnswer,
        found: Collected,
    ) -> tantivy::Result<Collected> {
        let floor = std::mem::replace(&mut wanted.floor, stage::CALLED);
        let any = self.searcher.search(&planner.plan(Need::Any), wanted)?;
        let best = |found: &Collected| found.best.first().map_or(0.0, |(score, _)| *score);
        if best(&any) <= best(&found) {
            wanted.floor = floor;
            return Ok(found);
        }
        answer.relaxed = true;
        Ok(any)
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

/// Whether a query of several words found nothing that has them in better places than columns.
fn is_weak(parsed: &Parsed, found: &Collected) -> bool {
    let needed = parsed.needed_words();
    needed > 2 && found.best.first().is_some_and(|(score, _)| *score < stage::COLUMN * needed as f32)
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
