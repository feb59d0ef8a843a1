//! From an asset to the documents of the index: one for itself, one for each top-level column.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tantivy::{
    TantivyDocument,
    tokenizer::{PreTokenizedString, Token},
};

use super::{
    Found, SearchColumn, SearchDocument, SearchError,
    schema::{COLUMN_KIND, Fields, Rank},
    tokens::{Piece, WordStemmer, cut_name, cut_words, fold_name, join_name, shorten},
};
use crate::model::AssetKind;

/// Letters of a description that are handed out with a hit.
const SUMMARY: usize = 300;
/// Bytes of a description that are searched.
const LONGEST_TEXT: usize = 20_000;
/// Columns of an asset that are searched.
const MOST_COLUMNS: usize = 20_000;
/// Columns from which on an asset has many: their names hold any word.
const MANY_COLUMNS: usize = 120;
/// Names of columns that are kept with an asset, to say which matched.
const KEPT_COLUMNS: usize = 400;

/// The environment of what belongs to none.
const PROD: &str = "prod";

/// What is stored with a document.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Stored {
    /// What is handed out.
    #[serde(flatten)]
    pub(super) found: Found,
    /// Names of columns, to say which matched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) columns: Vec<String>,
    /// Synonyms and aliases, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) called: Vec<String>,
    /// Tags, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
}

/// The documents of an asset.
pub(super) fn make_documents(
    fields: &Fields,
    stemmer: &mut WordStemmer,
    document: &SearchDocument,
) -> Result<Vec<TantivyDocument>, SearchError> {
    let mut maker = Maker { fields, stemmer, document };
    let mut made = vec![maker.make_asset()?];
    for column in document.columns.iter().take(MOST_COLUMNS).filter(|column| !column.path.contains('.') && column.path != "*") {
        made.push(maker.make_column(column)?);
    }
    Ok(made)
}

struct Maker<'a> {
    fields: &'a Fields,
    stemmer: &'a mut WordStemmer,
    document: &'a SearchDocument,
}

impl Maker<'_> {
    fn make_asset(&mut self) -> Result<TantivyDocument, SearchError> {
        let (document, fields) = (self.document, self.fields);
        let mut made = TantivyDocument::new();
        made.add_text(fields.name_as_written, shorten(&document.name));
        let whole = fold_name(&document.name);
        for part in tails(&whole).skip(1) {
            made.add_text(fields.last_parts, part);
        }
        made.add_text(fields.whole_name, &whole);
        for part in tails(&document.name) {
            let spoken = speak(part);
            if let Some(unversioned) = without_version(&spoken) {
                made.add_text(fields.unversioned, unversioned);
            }
            made.add_text(fields.spoken, spoken);
        }
        for alias in &document.aliases {
            made.add_text(fields.alias, fold_name(alias));
        }
        let last = last_part(&document.name);
        let pieces = cut_name(&document.name);
        for stem in self.stems(&pieces) {
            made.add_text(fields.name_stem, stem);
        }
        made.add_pre_tokenized_text(fields.name, tokenize(&pieces, Some(join_name(last))));
        self.add_called(&mut made);
        let mut words = BTreeSet::new();
        for column in document.columns.iter().take(MOST_COLUMNS) {
            self.gather_words(&column.path, &mut words);
        }
        let field = if document.columns.len() < MANY_COLUMNS { fields.columns } else { fields.many_columns };
        for word in words {
            made.add_text(field, word);
        }
        let words = cut_words(last).len();
        self.add_common(&mut made, &document.description, AssetKind::ALL.iter().position(|kind| *kind == document.kind), words);
        let stored = Stored {
            found: self.found(None),
            columns: document.columns.iter().take(KEPT_COLUMNS).map(|column| column.path.clone()).collect(),
            called: document.synonyms.iter().chain(&document.aliases).cloned().collect(),
            tags: document.tags.clone(),
        };
        self.store(made, &stored)
    }

    fn make_column(&mut self, column: &SearchColumn) -> Result<TantivyDocument, SearchError> {
        let (document, fields) = (self.document, self.fields);
        let mut made = TantivyDocument::new();
        let path = fold_name(&column.path);
        made.add_text(fields.column_name, &path);
        let spoken = speak(&column.path);
        if spoken != path {
            made.add_text(fields.column_name, spoken);
        }
        for tail in tails(&fold_name(&document.name)) {
            made.add_text(fields.column_name, shorten(&format!("{tail}.{path}")));
        }
        let mut words = BTreeSet::new();
        self.gather_words(&column.path, &mut words);
        for word in words {
            made.add_text(fields.column, word);
        }
        let mut words = BTreeSet::new();
        self.gather_words(last_part(&document.name), &mut words);
        for word in words {
            made.add_text(fields.of_asset, word);
        }
        self.add_common(&mut made, &column.description, None, cut_words(&column.path).len());
        let stored = Stored { found: self.found(Some(column)), ..Stored::default() };
        self.store(made, &stored)
    }

    fn add_called(&mut self, made: &mut TantivyDocument) {
        let document = self.document;
        for name in document.friendly_name.iter().chain(&document.synonyms).chain(&document.aliases) {
            let mut pieces = cut_name(name);
            let stems: Vec<Piece> =
                pieces.iter().map(|piece| Piece { text: self.stemmer.stem(&piece.text), ..piece.clone() }).collect();
            pieces.extend(stems);
            pieces.sort_by(|a, b| (a.position, &a.text).cmp(&(b.position, &b.text)));
            pieces.dedup_by(|a, b| (a.position, &a.text) == (b.position, &b.text));
            made.add_pre_tokenized_text(self.fields.called, tokenize(&pieces, None));
        }
    }

    fn add_common(&mut self, made: &mut TantivyDocument, description: &str, kind: Option<usize>, words: usize) {
        let (document, fields) = (self.document, self.fields);
        made.add_u64(fields.asset, u64::from(document.asset.0));
        made.add_text(fields.text, cut_bytes(description, LONGEST_TEXT));
        let rank = Rank::of(document, kind.unwrap_or(COLUMN_KIND), words, !description.trim().is_empty());
        made.add_u64(fields.rank, rank.0);
        let mut labels = BTreeSet::new();
        for owner in &document.owners {
            made.add_text(fields.owner, shorten(owner));
            self.gather_words(owner, &mut labels);
        }
        if document.owners.is_empty() {
            made.add_text(fields.owner, "");
        }
        made.add_text(fields.environment, shorten(document.environment.as_deref().unwrap_or(PROD)));
        for source in &document.sources {
            made.add_text(fields.source, shorten(source));
        }
        for tag in &document.tags {
            made.add_text(fields.tag, shorten(tag));
            self.gather_words(tag, &mut labels);
        }
        if kind.is_some() {
            for label in labels {
                made.add_text(fields.label, label);
            }
        }
    }

    fn found(&self, column: Option<&SearchColumn>) -> Found {
        let document = self.document;
        let description = column.map_or(&document.description, |column| &column.description);
        let flat: Vec<&str> = description.split_whitespace().take(SUMMARY).collect();
        Found {
            asset: document.asset,
            column: column.map(|column| column.path.clone()),
            kind: if column.is_some() { "column" } else { document.kind.word() }.to_owned(),
            namespace: document.namespace.clone(),
            name: document.name.clone(),
            friendly_name: document.friendly_name.clone().filter(|_| column.is_none()),
            summary: flat.join(" ").chars().take(SUMMARY).collect(),
            owners: document.owners.clone(),
            environment: document.environment.clone(),
            deprecated: document.deprecated,
            replacement: document.replacement.clone(),
            usage: document.usage,
            certified: document.certified,
        }
    }

    fn store(&self, mut made: TantivyDocument, stored: &Stored) -> Result<TantivyDocument, SearchError> {
        let bytes = serde_json::to_vec(stored).map_err(|error| SearchError::Write(error.to_string()))?;
        made.add_bytes(self.fields.stored, &bytes);
        Ok(made)
    }

    fn stems(&mut self, pieces: &[Piece]) -> BTreeSet<String> {
        pieces.iter().map(|piece| self.stemmer.stem(&piece.text)).collect()
    }

    /// Adds the pieces of a name and their stems.
    fn gather_words(&mut self, name: &str, words: &mut BTreeSet<String>) {
        for piece in cut_name(name) {
            words.insert(self.stemmer.stem(&piece.text));
            words.insert(piece.text);
        }
    }
}

/// The words of a name joined by `_`, in lower case.
pub(super) fn speak(name: &str) -> String {
    let words: Vec<String> = cut_words(name).into_iter().map(|piece| piece.text).collect();
    shorten(&words.join("_"))
}

/// A spoken name without `_v2` at its end; `None` where no such thing is there.
pub(super) fn without_version(spoken: &str) -> Option<&str> {
    let (front, version) = spoken.rsplit_once('_')?;
    let number = version.strip_prefix('v')?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(front)
}

/// The last part of a name.
pub(super) fn last_part(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, last)| last)
}

/// A name, then without its first part, and so on; at most eight.
pub(super) fn tails(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(name);
    std::iter::from_fn(move || {
        let tail = rest?;
        rest = tail.split_once('.').map(|(_, behind)| behind).filter(|behind| !behind.is_empty());
        Some(tail)
    })
    .take(8)
}

fn tokenize(pieces: &[Piece], joined: Option<String>) -> PreTokenizedString {
    let mut tokens: Vec<Token> = pieces
        .iter()
        .map(|piece| Token {
            offset_from: piece.range.0,
            offset_to: piece.range.1,
            position: piece.position,
            text: piece.text.clone(),
            position_length: 1,
        })
        .collect();
    if let Some(text) = joined.filter(|text| !text.is_empty() && pieces.iter().all(|piece| piece.text != *text)) {
        let position = tokens.iter().map(|token| token.position).max().unwrap_or(0) + 2;
        tokens.push(Token { offset_from: 0, offset_to: 0, position, text, position_length: 1 });
    }
    PreTokenizedString { text: String::new(), tokens }
}

fn cut_bytes(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
