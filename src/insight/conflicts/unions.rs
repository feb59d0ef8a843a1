//! Unions of sources that have got other names: their branches in one order again.

use super::{
    essence::{CLOSE, OPEN},
    ratio::{at_top_level, closing, closing_brace},
};

/// A text with the branches of unions in the order of the sources that they begin with.
pub(super) fn in_order(text: &str) -> String {
    const UNION: &str = " union all ";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['(', '{', '\'']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let quote = rest.starts_with('\'');
        let end = if quote { rest[1..].find('\'').map(|end| end + 1) } else { closing_of(rest) };
        let Some(end) = end else { break };
        match &rest[..1] {
            "{" => {
                let inner = in_order(&rest[1..end]);
                out.push_str(&format!("{{{}}}", sorted_by_source(pieces(&inner, " | "), " | ")));
                rest = &rest[end + 1..];
            }
            "(" => {
                let mut branches = vec![format!("({})", in_order(&rest[1..end]))];
                rest = &rest[end + 1..];
                while let Some(next) = rest.strip_prefix(UNION).filter(|next| next.starts_with('('))
                    && let Some(end) = closing_of(next)
                {
                    branches.push(format!("({})", in_order(&next[1..end])));
                    rest = &next[end + 1..];
                }
                out.push_str(&sorted_by_source(branches, UNION));
            }
            _ => {
                out.push_str(&rest[..=end]);
                rest = &rest[end + 1..];
            }
        }
    }
    out + rest
}

/// Pieces in the order of the source that each names first; those that begin with the same one as they come.
fn sorted_by_source(mut pieces: Vec<String>, between: &str) -> String {
    pieces.sort_by_key(|piece| {
        let number = piece.find(OPEN).and_then(|at| piece[at + OPEN.len_utf8()..].split(CLOSE).next()?.parse().ok());
        number.unwrap_or(usize::MAX)
    });
    pieces.join(between)
}

/// The place of the bracket that closes the one that a text begins with.
fn closing_of(text: &str) -> Option<usize> {
    if text.starts_with('{') { closing_brace(text) } else { closing(text, 0) }
}

fn pieces(text: &str, between: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for at in at_top_level(text, between) {
        pieces.push(text[start..at].to_owned());
        start = at + between.len();
    }
    pieces.push(text[start..].to_owned());
    pieces
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn branches_stand_in_the_order_of_their_sources() {
        let text = "sum({⟦1⟧.a | f(⟦0⟧.b)}@q1) + 'x (1' from ((from ⟦1⟧ where ⟦1⟧.c = '(') union all (from ⟦0⟧))";
        let expected = "sum({f(⟦0⟧.b) | ⟦1⟧.a}@q1) + 'x (1' from ((from ⟦0⟧) union all (from ⟦1⟧ where ⟦1⟧.c = '('))";
        assert_eq!(in_order(text), expected);
    }

    #[test]
    fn branches_of_one_source_stay_as_they_come() {
        for text in ["{⟦0⟧.b | ⟦0⟧.a}@q1", "{a | b}", "sum((⟦0⟧.a", ""] {
            assert_eq!(in_order(text), text);
        }
    }
}
