//! Words that nothing has, and those that were meant.

use std::collections::BTreeMap;

use tantivy::{Searcher, Term, query::FuzzyTermQuery, schema::Field};

use super::{parse::Word, schema::Fields, tokens::WordStemmer};

/// Spellings that are tried for one word.
const MOST_SPELLINGS: usize = 4;
/// Terms that are looked at for one word in one field of one segment.
const MOST_TERMS: usize = 2_000;

/// Whether the index has the word anywhere, as it is, as a stem, as parts or, if it may be one, as a
/// beginning.
pub(super) fn is_known(searcher: &Searcher, fields: &Fields, stemmer: &mut WordStemmer, word: &Word) -> tantivy::Result<bool> {
    let stem = stemmer.stem(&word.text);
    let places = [fields.name, fields.column, fields.columns, fields.many_columns, fields.called, fields.label];
    for field in places {
        if has_term(searcher, field, &word.text)? {
            return Ok(true);
        }
    }
    if has_term(searcher, fields.name_stem, &stem)? || has_term(searcher, fields.text, &stem)? {
        return Ok(true);
    }
    if word.is_prefix {
        for field in [fields.name, fields.column, fields.called] {
            if has_beginning(searcher, field, &word.text)? {
                return Ok(true);
            }
        }
        return has_beginning(searcher, fields.text, &word.text);
    }
    Ok(false)
}

/// The spellings that a word nothing has was most likely meant to be, best first: the nearest, then
/// the most frequent.
pub(super) fn find_spellings(searcher: &Searcher, fields: &Fields, word: &str) -> tantivy::Result<Vec<String>> {
    let distance = match word.chars().count() {
        0..=3 => return Ok(Vec::new()),
        4..=7 => 1,
        _ => 2,
    };
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for field in [fields.name, fields.column, fields.columns, fields.called, fields.label] {
        gather(searcher, field, word, distance, &mut found)?;
    }
    if found.is_empty() {
        gather(searcher, fields.text, word, distance, &mut found)?;
    }
    let mut ranked: Vec<(usize, std::cmp::Reverse<u64>, String)> =
        found.into_iter().map(|(term, count)| (strsim::osa_distance(&term, word), std::cmp::Reverse(count), term)).collect();
    ranked.sort();
    Ok(ranked.into_iter().take(MOST_SPELLINGS).map(|(_, _, term)| term).collect())
}

fn gather(searcher: &Searcher, field: Field, word: &str, distance: u8, found: &mut BTreeMap<String, u64>) -> tantivy::Result<()> {
    let query = FuzzyTermQuery::new(Term::from_field_text(field, word), distance, true);
    for segment in searcher.segment_readers() {
        let inverted = segment.inverted_index(field)?;
        let mut stream = inverted.terms().search(query.automaton()?).into_stream()?;
        let mut looked_at = 0;
        while looked_at < MOST_TERMS && stream.advance() {
            looked_at += 1;
            if let Ok(term) = std::str::from_utf8(stream.key()) {
                *found.entry(term.to_owned()).or_insert(0) += u64::from(stream.value().doc_freq);
            }
        }
    }
    Ok(())
}

/// Whether any document has the term.
pub(super) fn has_term(searcher: &Searcher, field: Field, text: &str) -> tantivy::Result<bool> {
    Ok(searcher.doc_freq(&Term::from_field_text(field, text))? > 0)
}

fn has_beginning(searcher: &Searcher, field: Field, text: &str) -> tantivy::Result<bool> {
    for segment in searcher.segment_readers() {
        let inverted = segment.inverted_index(field)?;
        let mut stream = inverted.terms().range().ge(text).into_stream()?;
        if stream.advance() && stream.key().starts_with(text.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}
