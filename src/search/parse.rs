//! From what is typed to what is meant. No text is an error.

use super::{
    Facet, FacetFilter, SearchQuery,
    tokens::{Piece, cut_name, cut_words, fold_name},
};

/// Words that only make a question of a query; left out where other words remain.
const FILLERS: [&str; 50] = [
    "a", "an", "and", "any", "are", "as", "at", "be", "by", "can", "did", "do", "does", "find", "for", "from", "get", "had",
    "has", "have", "how", "i", "in", "is", "it", "its", "many", "me", "much", "my", "of", "on", "or", "our", "show", "that",
    "the", "there", "this", "to", "was", "we", "were", "what", "where", "which", "who", "why", "with", "you",
];

/// Words that say what kind of answer is wanted rather than about what; hits need not have them where
/// other words remain.
const SOFT: [&str; 16] = [
    "all",
    "data",
    "dataset",
    "datasets",
    "each",
    "every",
    "info",
    "information",
    "list",
    "lists",
    "number",
    "per",
    "people",
    "table",
    "tables",
    "total",
];

/// A query, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    /// Spellings of the whole text as a name, as written but for quotes and blanks.
    pub(super) names: Vec<String>,
    /// The words joined by `_`, as names are: all of them, then without what may be left out.
    pub(super) spoken: Vec<String>,
    /// Words to be found, in order.
    pub(super) words: Vec<Word>,
    /// Words that must follow each other.
    pub(super) phrases: Vec<Vec<String>>,
    /// Words that must not be found.
    pub(super) excluded: Vec<String>,
    /// Columns that must, or must not, be there: (words, negated).
    pub(super) columns: Vec<(Vec<String>, bool)>,
    /// Facet filters; their values are matched without regard to case, or as a part.
    pub(super) filters: Vec<FacetFilter>,
}

/// A word of the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Lower case.
    pub(super) text: String,
    /// Its parts, where it is made of several (`activeUsers`).
    pub(super) parts: Vec<String>,
    /// Whether it may be the beginning of a longer word: the last one while it is being typed.
    pub(super) is_prefix: bool,
    /// Whether hits need not have it.
    pub(super) is_soft: bool,
    /// Whether it stands in a longer name (`is` in `is_dau`), where no word is a mere filler.
    in_name: bool,
}

/// Understands a text.
pub(super) fn parse(text: &str) -> Parsed {
    let text: String = text.chars().take(SearchQuery::LONGEST).filter(|letter| *letter != '\0').collect();
    let mut parsed = Parsed { names: spell_names(&text), ..Parsed::default() };
    for token in cut_tokens(&text) {
        parsed.take(token);
    }
    parsed.spoken = parsed.speak();
    parsed.drop_fillers();
    parsed.spoken.push(parsed.speak_words(|_| true));
    parsed.spoken.push(parsed.speak_words(|word| !word.is_soft));
    parsed.spoken.retain(|key| key.contains('_'));
    parsed.spoken.dedup();
    let ends_open = text.chars().last().is_some_and(char::is_alphanumeric);
    if let Some(last) = parsed.words.last_mut() {
        last.is_prefix = ends_open && last.text.chars().count() >= 2;
    }
    parsed
}

/// The text read as plain words, for a text that is a name from start to end.
pub(super) fn parse_name(text: &str) -> Parsed {
    let text: String = text.chars().take(SearchQuery::LONGEST).collect();
    let mut parsed = Parsed { names: spell_names(&text), ..Parsed::default() };
    parsed.add_words(&text);
    parsed.spoken = parsed.speak();
    parsed
}

impl Parsed {
    /// The words again, as one text.
    pub(super) fn shown_words(&self) -> Vec<String> {
        self.words.iter().map(|word| word.text.clone()).collect()
    }

    /// How many words hits must have.
    pub(super) fn needed_words(&self) -> usize {
        self.words.iter().filter(|word| !word.is_soft).count()
    }

    fn speak(&self) -> Vec<String> {
        vec![self.speak_words(|_| true)]
    }

    fn speak_words(&self, keep: impl Fn(&Word) -> bool) -> String {
        let words: Vec<&str> = self.words.iter().filter(|word| keep(word)).map(|word| word.text.as_str()).collect();
        words.join("_")
    }

    /// Whether nothing but filters was asked.
    pub(super) fn is_open(&self) -> bool {
        self.words.is_empty() && self.phrases.is_empty() && self.names.iter().all(|name| name.trim().is_empty())
    }

    fn take(&mut self, token: RawToken<'_>) {
        if let Some((field, value)) = token.field {
            match Facet::from_word(field) {
                Some(facet) => {
                    let value = value.to_owned();
                    self.filters.push(FacetFilter { facet, value, negated: token.negated });
                }
                None => self.columns.push((texts(&cut_words(value)), token.negated)),
            }
            return;
        }
        let words = texts(&cut_words(token.text));
        match (token.negated, token.quoted) {
            (true, _) => self.excluded.extend(words),
            (false, true) if words.len() > 1 => self.phrases.push(words),
            (false, _) => self.add_words(token.text),
        }
    }

    fn add_words(&mut self, text: &str) {
        let pieces = cut_name(text);
        let in_name = pieces.iter().filter(|piece| !piece.is_part).count() > 1 && !text.contains(char::is_whitespace);
        let mut pieces = pieces.into_iter().peekable();
        while let Some(piece) = pieces.next() {
            let mut parts = Vec::new();
            while let Some(part) = pieces.next_if(|next| next.is_part) {
                parts.push(part.text);
            }
            if self.words.len() < SearchQuery::MOST_WORDS {
                self.words.push(Word { text: piece.text, parts, is_prefix: false, is_soft: false, in_name });
            }
        }
    }

    fn drop_fillers(&mut self) {
        let is_filler = |word: &Word| !word.in_name && FILLERS.contains(&word.text.as_str());
        if self.words.iter().any(|word| !is_filler(word)) {
            self.words.retain(|word| !is_filler(word));
        }
        let is_soft = |word: &Word| !word.in_name && SOFT.contains(&word.text.as_str());
        if self.words.iter().any(|word| !is_soft(word)) {
            self.words.iter_mut().for_each(|word| word.is_soft = is_soft(word));
        }
        let mut seen = std::collections::BTreeSet::new();
        self.words.retain(|word| seen.insert(word.text.clone()));
        self.excluded.truncate(SearchQuery::MOST_WORDS);
        self.phrases.truncate(8);
        self.columns.truncate(8);
        self.filters.truncate(64);
    }
}

fn texts(pieces: &[Piece]) -> Vec<String> {
    pieces.iter().take(SearchQuery::MOST_WORDS).map(|piece| piece.text.clone()).collect()
}

/// A token of the text: a word or a quoted run, its sign, and the field before a colon.
struct RawToken<'a> {
    text: &'a str,
    quoted: bool,
    negated: bool,
    field: Option<(&'a str, &'a str)>,
}

fn cut_tokens(text: &str) -> Vec<RawToken<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let negated = rest.starts_with('-') && rest[1..].starts_with(|letter: char| !letter.is_whitespace());
        let body = if negated { &rest[1..] } else { rest };
        let field = body.split_once(':').map(|(field, _)| field).filter(|field| is_field(field));
        let after_field = field.map_or(body, |field| &body[field.len() + 1..]);
        let (value, quoted, behind) = cut_value(after_field);
        tokens.push(RawToken { text: value, quoted, negated, field: field.map(|field| (field, value)) });
        rest = behind.trim_start();
    }
    tokens
}

fn is_field(field: &str) -> bool {
    field == "column" || Facet::from_word(field).is_some()
}

/// The next value, whether it was in quotes, and what is behind it. A quote without end is a letter.
fn cut_value(text: &str) -> (&str, bool, &str) {
    if let Some(inner) = text.strip_prefix('"')
        && let Some(end) = inner.find('"')
    {
        return (&inner[..end], true, &inner[end + 1..]);
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (&text[..end], false, &text[end..])
}

/// The names that the whole text may spell: as it is, without quotes, brackets and backticks, and
/// with BigQuery's old `project:dataset` turned new.
fn spell_names(text: &str) -> Vec<String> {
    let trimmed = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let bare: String =
        trimmed.chars().filter(|letter| !matches!(letter, '`' | '"' | '[' | ']' | ';')).collect::<String>().trim().to_owned();
    let dotted = bare.replacen(':', ".", 1);
    let mut names = vec![trimmed, bare, dotted];
    names.retain(|name| !name.is_empty());
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// Keys under which [`Parsed::names`] are found.
pub(super) fn fold_names(names: &[String]) -> Vec<String> {
    let mut keys: Vec<String> = names.iter().map(|name| fold_name(name)).collect();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        parse(text).shown_words()
    }

    #[test]
    fn words_are_cut_and_fillers_dropped_where_others_remain() {
        assert_eq!(words("where is the churn_rate"), ["churn", "rate"]);
        assert_eq!(words("where is"), ["where", "is"]);
        assert_eq!(words("is_dau"), ["is", "dau"], "a name has no fillers");
        assert_eq!(words("a\"b"), ["a", "b"], "a quote without end is a letter of its name, and a name has no fillers");
    }

    #[test]
    fn soft_words_need_not_be_found_where_others_remain() {
        let parsed = parse("list of country codes ");
        assert_eq!((parsed.shown_words().len(), parsed.needed_words()), (3, 2));
        assert_eq!(parsed.spoken, ["list_of_country_codes", "list_country_codes", "country_codes"]);
        assert_eq!(parse("all data ").needed_words(), 2);
    }

    #[test]
    fn operators_are_understood() {
        let parsed = parse(r#"churn -daily "active users" owner:growth -tag:"old stuff" column:user_id kind:table"#);
        assert_eq!(parsed.shown_words(), ["churn"]);
        assert_eq!(parsed.excluded, ["daily"]);
        assert_eq!(parsed.phrases, [["active", "users"]]);
        assert_eq!(parsed.columns, [(vec!["user".to_owned(), "id".to_owned()], false)]);
        let filters: Vec<(&str, &str, bool)> =
            parsed.filters.iter().map(|filter| (filter.facet.word(), filter.value.as_str(), filter.negated)).collect();
        assert_eq!(filters, [("owner", "growth", false), ("tag", "old stuff", true), ("kind", "table", false)]);
    }

    #[test]
    fn whole_names_are_read_in_every_spelling() {
        assert_eq!(parse("`my-project`.ds.t").names.last().unwrap(), "my-project.ds.t");
        assert!(parse("[my-project:ds.t]").names.contains(&"my-project.ds.t".to_owned()));
        assert!(parse("  \"DS\".\"T\" ").names.contains(&"DS.T".to_owned()));
    }

    #[test]
    fn only_an_open_last_word_is_a_prefix() {
        assert!(parse("daily chu").words[1].is_prefix);
        assert!(!parse("daily chu ").words[1].is_prefix);
        assert!(!parse("daily c").words[1].is_prefix);
    }
}
