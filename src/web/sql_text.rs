//! SQL as HTML: coloured, by lines, with a marked part.

use super::markup::{Markup, push_escaped};
use crate::catalog::{Excerpt, SqlPart, SqlTone, highlight_sql};
use crate::model::Dialect;

/// `text` in colours.
pub(super) fn coloured(text: &str) -> Markup {
    let mut html = String::with_capacity(text.len() * 2);
    push_coloured(&mut html, text, 0, text.len(), &parts_of(text, Dialect::Generic));
    Markup::trusted(html)
}

/// `text`, whose tokens stand apart by single spaces, with the spaces gone that nobody writes: around
/// dots, inside of brackets, before commas and behind names of functions. What is quoted stays.
pub(super) fn draw_together(text: &str) -> String {
    /// Words that a bracket stands apart from.
    const APART: [&str; 24] = [
        "in", "and", "or", "not", "select", "from", "where", "on", "as", "over", "using", "values", "then", "when", "else", "by",
        "join", "exists", "union", "all", "distinct", "having", "any", "with",
    ];
    let mut drawn = String::with_capacity(text.len());
    let (mut quoted, mut before) = (None, "");
    for token in text.split(' ') {
        let stays = quoted.is_some();
        for letter in token.chars().filter(|letter| matches!(letter, '`' | '"' | '\'')) {
            quoted = match quoted {
                None => Some(letter),
                Some(open) if open == letter => None,
                other => other,
            };
        }
        let is_name = before.ends_with(|letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '`'))
            && !APART.contains(&before.to_lowercase().as_str());
        let joins = match token {
            "." | "," | ")" | ";" | "]" => true,
            "(" | "[" => is_name,
            _ => matches!(before, "." | "(" | "["),
        };
        if !drawn.is_empty() && (stays || !joins) {
            drawn.push(' ');
        }
        drawn.push_str(token);
        before = token;
    }
    drawn
}

/// An excerpt in colours with its marked part, its common indentation taken away.
pub(super) fn excerpt(excerpt: &Excerpt) -> Markup {
    let text = excerpt.text.trim_end();
    let indent = common_indent(text);
    let parts = parts_of(text, Dialect::Generic);
    let (start, end) = (excerpt.marked.0.min(text.len()), excerpt.marked.1.min(text.len()));
    let mut html = String::with_capacity(text.len() * 2);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let from = at + indent.min(line.trim_end_matches('\n').len());
        let to = at + line.len();
        let hot = (start.clamp(from, to), end.clamp(from, to));
        push_coloured(&mut html, text, from, hot.0, &parts);
        if hot.0 < hot.1 {
            push_hot(&mut html, text, hot, &parts);
        }
        push_coloured(&mut html, text, hot.1.max(hot.0), to, &parts);
        at = to;
    }
    Markup::trusted(html)
}

/// The lines of `text` in colours, at most `most` of them.
pub(super) fn lines(text: &str, dialect: Dialect, most: usize) -> Vec<Markup> {
    let parts = parts_of(text, dialect);
    let mut lines = Vec::new();
    let mut first = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n').take(most) {
        let end = at + line.len();
        while parts.get(first).is_some_and(|part| part.span.end as usize <= at) {
            first += 1;
        }
        let mut html = String::with_capacity(line.len() * 2);
        push_coloured(&mut html, text, at, at + line.trim_end_matches(['\n', '\r']).len(), parts.get(first..).unwrap_or(&[]));
        lines.push(Markup::trusted(html));
        at = end;
    }
    lines
}

fn push_hot(html: &mut String, text: &str, (start, end): (usize, usize), parts: &[SqlPart]) {
    let trimmed = text.get(start..end).map_or(end, |inside| start + inside.trim_end().len());
    html.push_str("<span class=\"hot\">");
    push_coloured(html, text, start, trimmed, parts);
    html.push_str("</span>");
    push_coloured(html, text, trimmed, end, parts);
}

/// Appends the bytes `start..end` of `text`; `parts` are sorted and do not overlap.
fn push_coloured(html: &mut String, text: &str, start: usize, end: usize, parts: &[SqlPart]) {
    let mut at = start;
    for part in parts {
        let (from, to) = ((part.span.start as usize).max(at), (part.span.end as usize).min(end));
        if part.span.start as usize >= end {
            break;
        }
        if from >= to {
            continue;
        }
        push_escaped(html, text.get(at..from).unwrap_or(""));
        html.push_str("<span class=\"");
        html.push_str(class(part.tone));
        html.push_str("\">");
        push_escaped(html, text.get(from..to).unwrap_or(""));
        html.push_str("</span>");
        at = to;
    }
    push_escaped(html, text.get(at..end).unwrap_or(""));
}

fn parts_of(text: &str, dialect: Dialect) -> Vec<SqlPart> {
    highlight_sql(text, dialect)
}

fn class(tone: SqlTone) -> &'static str {
    match tone {
        SqlTone::Keyword => "k",
        SqlTone::Function => "f",
        SqlTone::Text => "s",
        SqlTone::Number => "d",
        SqlTone::Comment => "c",
    }
}

/// Leading blanks that every line has, in bytes.
fn common_indent(text: &str) -> usize {
    let blanks = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    text.lines().filter(|line| !line.trim().is_empty()).map(blanks).min().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn tokens_are_drawn_together_as_people_write_them() {
        let drawn = super::draw_together;
        assert_eq!(
            drawn("select count ( * ) from a . b . c where x in ( ? , ? )"),
            "select count(*) from a.b.c where x in (?, ?)"
        );
        assert_eq!(drawn("select `a . b` , \"( c )\" from t"), "select `a . b`, \"( c )\" from t");
    }

    use super::*;

    fn plain(markup: &Markup) -> String {
        let html = markup.to_string();
        let mut out = String::new();
        let mut inside = false;
        for character in html.chars() {
            match character {
                '<' => inside = true,
                '>' => inside = false,
                other if !inside => out.push(other),
                _ => {}
            }
        }
        out
    }

    #[test]
    fn colouring_loses_no_character() {
        let text = "select 'a''b', -- why\n  count(*) from t where x = 1.5";
        assert_eq!(plain(&coloured(text)), text.replace('\'', "&#39;"));
    }

    #[test]
    fn the_marked_part_of_an_excerpt_is_marked_and_its_indentation_goes() {
        let text = "    sum(x) as y,\n      z\n";
        let html = excerpt(&Excerpt { text: text.to_owned(), first_line: 3, marked: (4, 10) });
        assert!(html.to_string().contains("<span class=\"hot\">"));
        assert_eq!(plain(&html), "sum(x) as y,\n  z");
    }

    #[test]
    fn markup_in_sql_stays_text() {
        assert!(!coloured("select '<script>'").to_string().contains("<script>"));
    }

    #[test]
    fn lines_keep_a_comment_that_runs_over_several() {
        let lines = lines("/* a\nb */ select\n", Dialect::Generic, 10);
        assert_eq!(lines.iter().map(plain).collect::<Vec<_>>(), ["/* a", "b */ select"]);
    }
}
