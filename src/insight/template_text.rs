//! Reading SQL as it stands in a file with template tags: which branch a place is in, and a piece of it
//! without the tags.
//!
//! In: text of a file. Out: text for people. `{{ … }}` stays as it is written.

/// A branch of `{% if … %}` around a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Branch {
    /// The condition as written.
    pub(super) condition: String,
    /// Whether the place is where it holds; else where it does not.
    pub(super) holds: bool,
}

/// One piece of a text.
enum Piece<'a> {
    Text(&'a str),
    If(&'a str),
    ElseIf(&'a str),
    Else,
    EndIf,
    /// A comment or a tag that chooses nothing.
    Other,
}

/// A choice that is open while a text is read.
#[derive(Default)]
struct Choice {
    /// (condition, text); "" for else.
    branches: Vec<(String, String)>,
}

/// The innermost branch that byte `at` of `text` stands in.
pub(super) fn branch_at(text: &str, at: usize) -> Option<Branch> {
    let mut open: Vec<Branch> = Vec::new();
    let mut place = 0;
    for (length, piece) in pieces(text) {
        if place + length > at && matches!(piece, Piece::Text(_)) {
            break;
        }
        place += length;
        match piece {
            Piece::If(condition) => open.push(Branch { condition: condition.to_owned(), holds: true }),
            Piece::ElseIf(condition) => {
                if let Some(branch) = open.last_mut() {
                    *branch = Branch { condition: condition.to_owned(), holds: true };
                }
            }
            Piece::Else => {
                if let Some(branch) = open.last_mut() {
                    branch.holds = false;
                }
            }
            Piece::EndIf => {
                open.pop();
            }
            Piece::Text(_) | Piece::Other => {}
        }
        if place > at {
            break;
        }
    }
    open.pop()
}

/// `sql` without tags. A choice that stands in it whole is told as `[condition: … | else: …]`; of one that
/// is open at either end only the branch that the end stands in is kept.
pub(super) fn without_tags(sql: &str) -> String {
    if !sql.contains("{%") && !sql.contains("{#") {
        return sql.to_owned();
    }
    let mut out = String::new();
    let mut open: Vec<Choice> = Vec::new();
    // How many choices are passed over: the piece started in one of their other branches.
    let mut skipped = 0_u32;
    for (_, piece) in pieces(sql) {
        match piece {
            Piece::If(_) if skipped > 0 => skipped += 1,
            Piece::If(condition) => open.push(Choice { branches: vec![(condition.to_owned(), String::new())] }),
            Piece::ElseIf(_) | Piece::Else if skipped > 0 => {}
            Piece::ElseIf(condition) => match open.last_mut() {
                Some(choice) => choice.branches.push((condition.to_owned(), String::new())),
                None => skipped = 1,
            },
            Piece::Else => match open.last_mut() {
                Some(choice) => choice.branches.push((String::new(), String::new())),
                None => skipped = 1,
            },
            Piece::EndIf if skipped > 0 => skipped -= 1,
            Piece::EndIf => {
                if let Some(choice) = open.pop() {
                    push(&mut out, &mut open, &choice.told());
                }
            }
            Piece::Text(text) if skipped == 0 => push(&mut out, &mut open, text),
            Piece::Text(_) | Piece::Other => {}
        }
    }
    for choice in open {
        out.push_str(choice.branches.last().map_or("", |(_, text)| text));
    }
    out
}

impl Choice {
    fn told(&self) -> String {
        let filled = self.branches.iter().filter(|(_, text)| !text.trim().is_empty());
        let told: Vec<String> = filled
            .map(|(condition, text)| match condition.as_str() {
                "" => format!("else: {}", text.trim()),
                condition => format!("{condition}: {}", text.trim()),
            })
            .collect();
        if told.is_empty() { String::new() } else { format!("[{}]", told.join(" | ")) }
    }
}

fn push(out: &mut String, open: &mut [Choice], text: &str) {
    match open.last_mut().and_then(|choice| choice.branches.last_mut()) {
        Some((_, branch)) => branch.push_str(text),
        None => out.push_str(text),
    }
}

/// The pieces of `text`, each with its length in bytes.
fn pieces(text: &str) -> impl Iterator<Item = (usize, Piece<'_>)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let starts_tag = rest.starts_with("{%") || rest.starts_with("{#");
        let length = match starts_tag {
            true => {
                let end = if rest.starts_with("{%") { "%}" } else { "#}" };
                rest.find(end).map_or(rest.len(), |at| at + 2)
            }
            false => [rest.find("{%"), rest.find("{#")].into_iter().flatten().min().unwrap_or(rest.len()),
        };
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        Some((length, if starts_tag { tag(piece) } else { Piece::Text(piece) }))
    })
}

fn tag(piece: &str) -> Piece<'_> {
    let Some(inside) = piece.strip_prefix("{%") else { return Piece::Other };
    let inside = inside.strip_suffix("%}").unwrap_or(inside);
    let inside = inside.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim();
    let (word, rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    match word {
        "if" => Piece::If(rest.trim()),
        "elif" => Piece::ElseIf(rest.trim()),
        "else" => Piece::Else,
        "endif" => Piece::EndIf,
        _ => Piece::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_told_without_its_tags() {
        assert_eq!(without_tags("a = 1"), "a = 1");
        assert_eq!(without_tags("a AND {% if is_init() %} b"), "a AND  b");
        assert_eq!(without_tags("a AND {% if is_init() %} b {% else %} c"), "a AND  c");
        assert_eq!(without_tags("a AND {% if x %} b {% else %} c {% endif %} AND d"), "a AND [x: b | else: c] AND d");
        assert_eq!(without_tags("b {% else %} c {% endif %} AND d"), "b  AND d");
        assert_eq!(without_tags("{# why #}a {%- set x = 1 -%}b"), "a b");
    }

    #[test]
    fn a_place_knows_the_branch_that_it_stands_in() {
        let text = "{% if is_init() %} select 1 {% else %} select 2 {% endif %} select 3";
        let at = |what: &str| branch_at(text, text.find(what).unwrap_or(0));
        let branch = |holds| Some(Branch { condition: "is_init()".to_owned(), holds });
        assert_eq!(at("select 1"), branch(true));
        assert_eq!(at("select 2"), branch(false));
        assert_eq!(at("select 3"), None);
    }
}
