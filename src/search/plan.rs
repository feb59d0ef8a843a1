//! From what is meant to a query of the index. Scores are stages: what matches in a better place always
//! outweighs what matches in a worse one, word by word.

use tantivy::{
    Term,
    query::{
        AllQuery, BooleanQuery, ConstScoreQuery, DisjunctionMaxQuery, EmptyQuery, FuzzyTermQuery, Occur, PhraseQuery, Query,
        TermQuery,
    },
    schema::{Field, IndexRecordOption},
};

use super::{
    parse::{Parsed, Word, fold_names},
    schema::Fields,
    synonyms::Wording,
    tokens::{WordStemmer, shorten},
};

/// The scores of the stages.
pub(super) mod stage {
    /// The whole name as written.
    pub(in crate::search) const AS_WRITTEN: f32 = 11_000.0;
    /// The whole name, letter case aside.
    pub(in crate::search) const WHOLE_NAME: f32 = 10_000.0;
    /// Another whole name.
    pub(in crate::search) const ALIAS: f32 = 9_000.0;
    /// The last parts of the name.
    pub(in crate::search) const LAST_PARTS: f32 = 2_500.0;
    /// The last parts of the name, said as words.
    pub(in crate::search) const SPOKEN: f32 = 2_400.0;
    /// The same, but for the version's number.
    pub(in crate::search) const UNVERSIONED: f32 = 1_200.0;
    /// A column with the end of its asset's name.
    pub(in crate::search) const COLUMN_OF_ASSET: f32 = 2_000.0;
    /// A column's name, for each word in addition to the words.
    pub(in crate::search) const COLUMN_NAME: f32 = 9.0;
    /// The name starts with the text, in addition to the words.
    pub(in crate::search) const NAME_STARTS: f32 = 8.0;
    /// The words follow each other in the name, in addition to the words.
    pub(in crate::search) const NAME_PHRASE: f32 = 5.0;
    /// A word of the name.
    pub(in crate::search) const NAME: f32 = 40.0;
    /// A word of the name in another form.
    pub(in crate::search) const NAME_STEM: f32 = 37.0;
    /// The beginning of a word of the name.
    pub(in crate::search) const NAME_PREFIX: f32 = 35.0;
    /// A column's word.
    pub(in crate::search) const COLUMN: f32 = 27.0;
    /// The beginning of a column's word.
    pub(in crate::search) const COLUMN_PREFIX: f32 = 25.0;
    /// A word of one of an asset's columns.
    pub(in crate::search) const COLUMNS: f32 = 23.0;
    /// A word of one of an asset's many columns.
    pub(in crate::search) const MANY_COLUMNS: f32 = 4.0;
    /// A word of a friendly name, synonym or alias.
    pub(in crate::search) const CALLED: f32 = 19.0;
    /// The beginning of such a word.
    pub(in crate::search) const CALLED_PREFIX: f32 = 17.0;
    /// A word of the description.
    pub(in crate::search) const TEXT: f32 = 8.0;
    /// A word of a tag or an owner.
    pub(in crate::search) const LABEL: f32 = 6.0;
    /// The beginning of a word of the description.
    pub(in crate::search) const TEXT_PREFIX: f32 = 5.0;
    /// A word of the asset that has the column; never enough by itself.
    pub(in crate::search) const OF_ASSET: f32 = 3.0;
    /// What another spelling is worth.
    pub(in crate::search) const SPELLING: f32 = 0.6;
    /// What another wording is worth.
    pub(in crate::search) const WORDING: f32 = 0.65;
    /// What a word is worth that hits need not have.
    pub(in crate::search) const SOFT: f32 = 0.2;
}

/// Longest text that names are compared with as a beginning.
const LONGEST_BEGINNING: usize = 64;
/// Letters from which a word may be the beginning of a word of a description: fewer find everything,
/// so they are only tried when nothing else is found.
pub(super) const SHORTEST_IN_TEXT: usize = 4;

/// Whether hits need every word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// All words.
    All,
    /// Any word.
    Any,
}

/// Builds queries for one text.
pub(super) struct Planner<'a> {
    pub(super) fields: &'a Fields,
    pub(super) stemmer: WordStemmer,
    pub(super) parsed: &'a Parsed,
    /// Per word the spellings that are searched for instead; empty for most.
    pub(super) spellings: Vec<Vec<String>>,
    /// Other wordings of some of the words.
    pub(super) wordings: &'a [Wording],
    /// Per word what it is worth where any will do, 0 to 1: rare ones tell more.
    pub(super) worth: &'a [f32],
    /// Letters from which a word may be the beginning of a word of a description.
    pub(super) shortest_in_text: usize,
}

impl Planner<'_> {
    /// The query of the whole.
    pub(super) fn plan(&mut self, need: Need) -> Box<dyn Query> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = self.plan_names().into_iter().map(should).collect();
        clauses.push(should(self.plan_words(need)));
        Box::new(BooleanQuery::new(clauses))
    }

    /// What a hit must score above: a column is no hit by words of its asset alone.
    pub(super) fn floor(&self) -> f32 {
        if self.parsed.words.is_empty() { -1.0 } else { stage::OF_ASSET * self.parsed.needed_words() as f32 + 0.1 }
    }

    fn plan_names(&self) -> Vec<Box<dyn Query>> {
        let fields = self.fields;
        let mut queries = Vec::new();
        for name in &self.parsed.names {
            queries.push(fixed(term(fields.name_as_written, &shorten(name)), stage::AS_WRITTEN - stage::WHOLE_NAME));
        }
        let mut whole: Vec<Vec<Box<dyn Query>>> = vec![Vec::new(), Vec::new(), Vec::new(), Vec::new()];
        for key in fold_names(&self.parsed.names) {
            whole[0].push(fixed(term(fields.whole_name, &key), stage::WHOLE_NAME));
            whole[1].push(fixed(term(fields.alias, &key), stage::ALIAS));
            whole[2].push(fixed(term(fields.last_parts, &key), stage::LAST_PARTS));
            let column = if key.contains('.') { stage::COLUMN_OF_ASSET } else { stage::COLUMN_NAME };
            whole[3].push(fixed(term(fields.column_name, &key), column));
        }
        for key in &self.parsed.spoken {
            let words = key.matches('_').count() + 1;
            whole[2].push(fixed(term(fields.spoken, key), stage::SPOKEN));
            whole[2].push(fixed(term(fields.unversioned, key), stage::UNVERSIONED));
            whole[3].push(fixed(term(fields.column_name, key), stage::COLUMN_NAME * words as f32));
        }
        queries.extend(whole.into_iter().filter(|queries| !queries.is_empty()).map(best));
        queries
    }

    fn plan_words(&mut self, need: Need) -> Box<dyn Query> {
        let parsed = self.parsed;
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        let occur = if need == Need::All { Occur::Must } else { Occur::Should };
        for (at, word) in parsed.words.iter().enumerate() {
            let occur = if word.is_soft { Occur::Should } else { occur };
            clauses.push((occur, self.plan_word(word, at, need)));
        }
        for phrase in &parsed.phrases {
            clauses.push((occur, self.plan_phrase(phrase)));
        }
        for (words, negated) in &parsed.columns {
            clauses.push((if *negated { Occur::MustNot } else { Occur::Must }, self.plan_column(words)));
        }
        if clauses.iter().all(|(occur, _)| *occur == Occur::MustNot) {
            if !self.parsed.names.is_empty()
                && parsed.excluded.is_empty()
                && parsed.filters.is_empty()
                && parsed.columns.is_empty()
            {
                return Box::new(EmptyQuery);
            }
            clauses.push((Occur::Must, fixed(Box::new(AllQuery), 0.0)));
        }
        for word in &parsed.excluded {
            let stem = self.stemmer.stem(word);
            let fields = self.fields;
            for field in [fields.name, fields.called, fields.column, fields.of_asset] {
                clauses.push((Occur::MustNot, term(field, word)));
            }
            clauses.push((Occur::MustNot, term(fields.name_stem, &stem)));
            clauses.push((Occur::MustNot, term(fields.text, &stem)));
        }
        if let Some(query) = self.plan_beginning() {
            clauses.push(should(query));
        }
        if parsed.words.len() > 1 {
            let texts: Vec<String> = parsed.words.iter().map(|word| word.text.clone()).collect();
            clauses.push(should(fixed(phrase(self.fields.name, &texts), stage::NAME_PHRASE)));
        }
        Box::new(BooleanQuery::new(clauses))
    }

    fn plan_word(&mut self, word: &Word, at: usize, need: Need) -> Box<dyn Query> {
        let worth = match (word.is_soft, need) {
            (true, _) => stage::SOFT,
            (false, Need::All) => 1.0,
            (false, Need::Any) => self.worth.get(at).copied().unwrap_or(1.0),
        };
        let mut queries = self.plan_spelling(&word.text, worth, need);
        let fields = self.fields;
        if !word.parts.is_empty() {
            queries.push(fixed(all_terms(fields.name, &word.parts), stage::NAME_PREFIX * worth));
            queries.push(fixed(all_terms(fields.column, &word.parts), stage::COLUMN_PREFIX * worth));
        }
        if word.is_prefix {
            queries.push(fixed(beginning(fields.name, &word.text), stage::NAME_PREFIX * worth));
            queries.push(fixed(beginning(fields.column, &word.text), stage::COLUMN_PREFIX * worth));
            queries.push(fixed(beginning(fields.called, &word.text), stage::CALLED_PREFIX * worth));
            if word.text.chars().count() >= self.shortest_in_text {
                queries.push(fixed(beginning(fields.text, &word.text), stage::TEXT_PREFIX * worth));
            }
        }
        for spelling in self.spellings.get(at).cloned().unwrap_or_default() {
            queries.extend(self.plan_spelling(&spelling, stage::SPELLING * worth, need));
        }
        for wording in self.wordings.iter().filter(|wording| (wording.from..wording.to).contains(&at)) {
            queries.push(self.plan_wording(&wording.words, worth, need));
        }
        best(queries)
    }

    /// All words of another wording: each adds its share of what one word is worth.
    fn plan_wording(&mut self, words: &[String], worth: f32, need: Need) -> Box<dyn Query> {
        let share = stage::WORDING * worth / words.len().max(1) as f32;
        let clauses = words.iter().map(|word| (Occur::Must, best(self.plan_spelling(word, share, need)))).collect();
        Box::new(BooleanQuery::new(clauses))
    }

    fn plan_spelling(&mut self, word: &str, weight: f32, need: Need) -> Vec<Box<dyn Query>> {
        let fields = self.fields;
        let stem = self.stemmer.stem(word);
        let mut queries = vec![
            fixed(term(fields.name, word), stage::NAME * weight),
            fixed(term(fields.name_stem, &stem), stage::NAME_STEM * weight),
            fixed(term(fields.column, word), stage::COLUMN * weight),
            fixed(term(fields.columns, word), stage::COLUMNS * weight),
            fixed(term(fields.many_columns, word), stage::MANY_COLUMNS * weight),
            fixed(term(fields.called, word), stage::CALLED * weight),
            fixed(term(fields.text, &stem), stage::TEXT * weight),
            fixed(term(fields.label, word), stage::LABEL * weight),
        ];
        if stem != word {
            queries.push(fixed(term(fields.column, &stem), (stage::COLUMN - 1.0) * weight));
            queries.push(fixed(term(fields.columns, &stem), (stage::COLUMNS - 1.0) * weight));
            queries.push(fixed(term(fields.many_columns, &stem), (stage::MANY_COLUMNS - 1.0) * weight));
            queries.push(fixed(term(fields.called, &stem), (stage::CALLED - 1.0) * weight));
            queries.push(fixed(term(fields.label, &stem), (stage::LABEL - 1.0) * weight));
        }
        if need == Need::All && self.parsed.words.len() > 1 {
            queries.push(fixed(term(fields.of_asset, word), stage::OF_ASSET * weight.min(1.0)));
        }
        queries
    }

    fn plan_phrase(&mut self, words: &[String]) -> Box<dyn Query> {
        let fields = self.fields;
        let stems: Vec<String> = words.iter().map(|word| self.stemmer.stem(word)).collect();
        let scale = words.len() as f32;
        best(vec![
            fixed(phrase(fields.name, words), stage::NAME * scale),
            fixed(all_terms(fields.column, words), stage::COLUMN * scale),
            fixed(phrase(fields.called, words), stage::CALLED * scale),
            fixed(phrase(fields.text, &stems), stage::TEXT * scale),
        ])
    }

    fn plan_column(&self, words: &[String]) -> Box<dyn Query> {
        if words.is_empty() {
            return Box::new(EmptyQuery);
        }
        best(vec![
            fixed(all_terms(self.fields.column, words), stage::COLUMN),
            fixed(all_terms(self.fields.columns, words), stage::COLUMNS),
            fixed(all_terms(self.fields.many_columns, words), stage::COLUMNS),
        ])
    }

    /// Names whose whole or last parts start with the text.
    fn plan_beginning(&self) -> Option<Box<dyn Query>> {
        let key = fold_names(&self.parsed.names).pop()?;
        let joined = key.replace(' ', "_");
        let usable = (2..=LONGEST_BEGINNING).contains(&joined.chars().count());
        let fields = self.fields;
        usable.then(|| {
            best(vec![
                fixed(beginning(fields.last_parts, &joined), stage::NAME_STARTS),
                fixed(beginning(fields.whole_name, &joined), stage::NAME_STARTS),
            ])
        })
    }
}

fn should(query: Box<dyn Query>) -> (Occur, Box<dyn Query>) {
    (Occur::Should, query)
}

fn term(field: Field, text: &str) -> Box<dyn Query> {
    Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic))
}

fn all_terms(field: Field, words: &[String]) -> Box<dyn Query> {
    Box::new(BooleanQuery::new(words.iter().map(|word| (Occur::Must, term(field, word))).collect()))
}

fn beginning(field: Field, text: &str) -> Box<dyn Query> {
    Box::new(FuzzyTermQuery::new_prefix(Term::from_field_text(field, text), 0, true))
}

fn phrase(field: Field, words: &[String]) -> Box<dyn Query> {
    match words {
        [] => Box::new(EmptyQuery),
        [word] => term(field, word),
        words => Box::new(PhraseQuery::new(words.iter().map(|word| Term::from_field_text(field, word)).collect())),
    }
}

fn fixed(query: Box<dyn Query>, score: f32) -> Box<dyn Query> {
    Box::new(ConstScoreQuery::new(query, score))
}

fn best(mut queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    match queries.len() {
        1 => queries.swap_remove(0),
        _ => Box::new(DisjunctionMaxQuery::new(queries)),
    }
}
