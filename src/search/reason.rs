//! Why a hit matched, and which parts of it.

use super::{
    Why,
    parse::{Parsed, Word, fold_names},
    synonyms::Wording,
    tokens::{Piece, WordStemmer, cut_name, fold_name},
    write::{Stored, last_part, speak, tails, without_version},
};

/// Explains hits of one query.
pub(super) struct Explainer<'a> {
    pub(super) stemmer: WordStemmer,
    pub(super) parsed: &'a Parsed,
    /// Per word the spellings that were searched for instead.
    pub(super) spellings: &'a [Vec<String>],
    /// Other wordings of some of the words.
    pub(super) wordings: &'a [Wording],
}

/// Byte ranges, sorted, apart.
type Marks = Vec<(usize, usize)>;

impl Explainer<'_> {
    /// Parts of the shown name that match.
    pub(super) fn mark_name(&mut self, stored: &Stored) -> Marks {
        let name = stored.found.shown_name();
        let keys = fold_names(&self.parsed.names);
        let whole = fold_name(name);
        if keys.contains(&whole) && whole.len() == name.len() {
            return vec![(0, name.len())];
        }
        self.mark(name, &cut_name(name))
    }

    /// Parts of the summary that match.
    pub(super) fn mark_summary(&mut self, stored: &Stored) -> Marks {
        let summary = &stored.found.summary;
        self.mark(summary, &cut_name(summary))
    }

    fn mark(&mut self, text: &str, pieces: &[Piece]) -> Marks {
        let mut marks: Marks = Vec::new();
        for (at, word) in self.parsed.words.iter().enumerate() {
            for piece in pieces {
                if let Some(length) = self.matched_letters(word, at, piece) {
                    let (start, end) = piece.range;
                    let inside = text.get(start..end).unwrap_or("");
                    let stop = inside.char_indices().nth(length).map_or(end, |(offset, _)| start + offset);
                    marks.push((start, stop));
                }
            }
        }
        for phrase in &self.parsed.phrases {
            marks.extend(pieces.iter().filter(|piece| phrase.contains(&piece.text)).map(|piece| piece.range));
        }
        merge(marks)
    }

    /// How many letters of a piece a word matches; `None` for none.
    fn matched_letters(&mut self, word: &Word, at: usize, piece: &Piece) -> Option<usize> {
        let whole = piece.text.chars().count();
        let mut wordings = self.wordings.iter().filter(|wording| (wording.from..wording.to).contains(&at));
        let is_same = piece.text == word.text
            || word.parts.contains(&piece.text)
            || wordings.any(|wording| wording.words.contains(&piece.text))
            || self.spellings.get(at).is_some_and(|spellings| spellings.contains(&piece.text));
        if is_same {
            return Some(whole);
        }
        if word.is_prefix && piece.text.starts_with(&word.text) {
            return Some(word.text.chars().count());
        }
        (self.stemmer.stem(&piece.text) == self.stemmer.stem(&word.text)).then_some(whole)
    }

    fn has_word(&mut self, word: &Word, at: usize, text: &str) -> bool {
        let pieces = cut_name(text);
        pieces.iter().any(|piece| self.matched_letters(word, at, piece).is_some())
            || super::tokens::join_name(last_part(text)) == word.text
    }

    /// The reasons, most weighty first.
    pub(super) fn explain(&mut self, stored: &Stored) -> Vec<Why> {
        let mut reasons = Vec::new();
        let found = &stored.found;
        reasons.extend(self.explain_name(stored));
        let mut left: Vec<(usize, Word)> = self.parsed.words.iter().cloned().enumerate().collect();
        let shown = found.shown_name().to_owned();
        let in_name = self.take_words(&mut left, std::slice::from_ref(&shown)).0;
        if !in_name.is_empty() {
            reasons.push(if found.column.is_some() { Why::Columns(vec![shown]) } else { Why::NameHas(in_name) });
        }
        let columns = self.take_words(&mut left, &stored.columns).1;
        if !columns.is_empty() {
            reasons.push(Why::Columns(columns));
        }
        let names: Vec<String> = found.friendly_name.iter().chain(&stored.called).cloned().collect();
        let called = self.take_words(&mut left, &names).0;
        if !called.is_empty() {
            reasons.push(Why::CalledAlso(called));
        }
        let labels: Vec<String> = stored.tags.iter().chain(&found.owners).cloned().collect();
        let in_summary = self.take_words(&mut left, std::slice::from_ref(&found.summary)).0;
        let in_labels = self.take_words(&mut left, &labels).0;
        let of_asset = self.take_words(&mut left, std::slice::from_ref(&found.name)).0;
        // What is left can only stand in the part of the description that is not kept with the hit.
        let unseen = if self.is_described(stored) { left.into_iter().map(|(_, word)| word.text).collect() } else { Vec::new() };
        let described: Vec<String> = in_summary.into_iter().chain(unseen).collect();
        if !of_asset.is_empty() {
            reasons.push(Why::NameHas(of_asset));
        }
        if !described.is_empty() {
            reasons.push(Why::DescriptionHas(described));
        }
        if !in_labels.is_empty() {
            reasons.push(Why::TagOrOwnerHas(in_labels));
        }
        reasons.extend(self.explain_rest(stored));
        reasons
    }

    fn explain_name(&self, stored: &Stored) -> Option<Why> {
        let keys = fold_names(&self.parsed.names);
        let whole = fold_name(&stored.found.name);
        if let Some(column) = &stored.found.column {
            let path = fold_name(column);
            let is_exact = keys.contains(&path) || tails(&whole).any(|tail| keys.contains(&format!("{tail}.{path}")));
            return is_exact.then_some(Why::ExactName);
        }
        if keys.contains(&whole) {
            return Some(Why::ExactName);
        }
        if tails(&whole).any(|tail| keys.iter().any(|key| key == tail)) {
            return Some(Why::ExactLastParts);
        }
        for tail in tails(&stored.found.name) {
            let said = speak(tail);
            if self.parsed.spoken.contains(&said) {
                return Some(Why::ExactLastParts);
            }
            if without_version(&said).is_some_and(|said| self.parsed.spoken.iter().any(|key| key == said)) {
                return Some(Why::ButForVersion);
            }
        }
        let starts = |key: &String| {
            let joined = key.replace(' ', "_");
            joined.chars().count() >= 2 && tails(&whole).any(|tail| tail.starts_with(&joined))
        };
        keys.iter().any(starts).then_some(Why::NameStarts)
    }

    fn explain_rest(&self, stored: &Stored) -> Vec<Why> {
        let mut reasons = Vec::new();
        let corrected: Vec<(String, String)> = self
            .parsed
            .words
            .iter()
            .zip(self.spellings)
            .filter_map(|(word, spellings)| Some((word.text.clone(), spellings.first()?.clone())))
            .collect();
        if !corrected.is_empty() {
            reasons.push(Why::Spelling(corrected));
        }
        if stored.found.usage > 0 {
            reasons.push(Why::Used(stored.found.usage));
        }
        if stored.found.certified {
            reasons.push(Why::Certified);
        }
        if stored.found.deprecated {
            reasons.push(Why::Deprecated);
        }
        reasons.extend(stored.found.environment.clone().map(Why::BesideProd));
        reasons
    }

    fn is_described(&self, stored: &Stored) -> bool {
        !stored.found.summary.is_empty()
    }

    /// Takes the words that any of `texts` has out of `left`: those words, and at most five of the
    /// texts that have one.
    fn take_words(&mut self, left: &mut Vec<(usize, Word)>, texts: &[String]) -> (Vec<String>, Vec<String>) {
        let (mut words, mut having) = (Vec::new(), Vec::new());
        for (at, word) in std::mem::take(left) {
            let mut is_found = false;
            for text in texts {
                if self.has_word(&word, at, text) {
                    is_found = true;
                    if having.len() < 5 && !having.contains(text) {
                        having.push(text.clone());
                    }
                }
            }
            if is_found {
                words.push(word.text);
            } else {
                left.push((at, word));
            }
        }
        (words, having)
    }
}

impl Why {
    /// The reason in a few words.
    pub fn words(&self) -> String {
        match self {
            Why::ExactName => "exact name".to_owned(),
            Why::ExactLastParts => "exact last part of the name".to_owned(),
            Why::ButForVersion => "name but for its version".to_owned(),
            Why::NameStarts => "name starts with it".to_owned(),
            Why::NameHas(words) => format!("name has {}", words.join(", ")),
            Why::CalledAlso(words) => format!("also called {}", words.join(", ")),
            Why::Columns(columns) if columns.len() == 1 => format!("column {}", columns.join("")),
            Why::Columns(columns) => format!("columns {}", columns.join(", ")),
            Why::DescriptionHas(words) => format!("description has {}", words.join(", ")),
            Why::TagOrOwnerHas(words) => format!("tag or owner has {}", words.join(", ")),
            Why::Spelling(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(typed, found)| format!("{typed} read as {found}")).collect();
                pairs.join(", ")
            }
            Why::Used(count) => format!("use {count}: assets that read it, and what logs count"),
            Why::Certified => "certified".to_owned(),
            Why::Deprecated => "deprecated, so it sinks".to_owned(),
            Why::BesideProd(environment) => format!("in {environment}, so it stands behind prod"),
        }
    }
}

fn merge(mut marks: Marks) -> Marks {
    marks.sort_unstable();
    let mut merged: Marks = Vec::new();
    for (start, end) in marks {
        match merged.last_mut().filter(|last| last.1 >= start) {
            Some(last) => last.1 = last.1.max(end),
            None => merged.push((start, end)),
        }
    }
    merged
}
